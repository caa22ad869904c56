"""Check your answers: `checks.replace_rep(replace_rep)` says whether a function is right and, if not, why.

Every exercise of the course is a function of this module; it takes yours. `checks.hint("replace_rep")` helps, in
three steps; `checks.progress()` says what passes and what is left.
"""

from collections.abc import Callable
from typing import Any

from ulmfit_lib.checks.sets import EXERCISE_NAMES, exercise
from ulmfit_lib.errors import ConfigError

__all__ = ["hint", "progress", *EXERCISE_NAMES]
_passed: dict[str, bool] = {}  # the last verdict on each function since the notebook was started


def __getattr__(name: str) -> Callable[..., None]:
    if name not in EXERCISE_NAMES:
        raise AttributeError(f"There is no check {name!r}; there are: {', '.join(EXERCISE_NAMES)}.")

    def check(function: Callable[..., Any] | None, *, seed: int | None = None, n_random: int = 100) -> None:
        from ulmfit_lib.checks.engine import run_check
        from ulmfit_lib.checks.result import CheckFailed

        result = run_check(exercise(name), function, seed=seed, n_random=n_random)
        _passed[name] = result.passed
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


def progress() -> None:
    """Print, for each problem set that was begun in this notebook, which functions pass and which are left."""
    begun = [slug for slug in dict.fromkeys(EXERCISE_NAMES.values()) if any(EXERCISE_NAMES[n] == slug for n in _passed)]
    if not begun:
        print("nothing was checked yet: run a cell such as checks.lowercase(lowercase)")
    for slug in begun:
        names = [name for name in EXERCISE_NAMES if EXERCISE_NAMES[name] == slug]
        left = [name for name in names if not _passed.get(name)]
        print(f"{slug}: {len(names) - len(left)} of {len(names)} functions pass")
        if left:
            print(f"  left: {', '.join(left)}")
