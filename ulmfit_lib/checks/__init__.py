"""Check your answers: `checks.replace_rep(replace_rep)` says whether a function is right and, if not, why.

Every exercise of the course is a function of this module; it takes yours. `checks.hint("replace_rep")` helps, in
three steps.
"""

from collections.abc import Callable
from typing import Any

from ulmfit_lib.checks.sets import EXERCISE_NAMES, exercise
from ulmfit_lib.errors import ConfigError

__all__ = ["hint", *EXERCISE_NAMES]


def __getattr__(name: str) -> Callable[..., None]:
    if name not in EXERCISE_NAMES:
        raise AttributeError(f"There is no check {name!r}; there are: {', '.join(EXERCISE_NAMES)}.")

    def check(function: Callable[..., Any] | None, *, seed: int | None = None, n_random: int = 100) -> None:
        from ulmfit_lib.checks.engine import run_check
        from ulmfit_lib.checks.result import CheckFailed

        result = run_check(exercise(name), function, seed=seed, n_random=n_random)
        if not result.passed:
            raise CheckFailed(result)
        print(result)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Check your {name}: print that it is right, or raise an error that says what is not."
    return check


def __dir__() -> list[str]:
    return sorted(__all__)


def hint(name: str, step: int = 1) -> None:
    """Print help for an exercise: step 1 is a nudge, 2 a smaller case worked out, 3 what to reread.

    Raises:
        ConfigError: there is no such exercise, or no such step.
    """
    hints = exercise(name).hints
    if not 1 <= step <= len(hints):
        raise ConfigError(f"checks.hint({name!r}, {step}): there are the steps 1 to {len(hints)}.")
    more = f"\n(More: checks.hint({name!r}, {step + 1}).)" if step < len(hints) else ""
    print(f"{hints[step - 1]}{more}")
