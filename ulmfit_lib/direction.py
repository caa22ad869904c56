"""The one place that names the two directions in which a text can be read."""

from ulmfit_lib.errors import ConfigError

FORWARD = "forward"
BACKWARD = "backward"
DIRECTIONS = (FORWARD, BACKWARD)


def check_direction(direction: str) -> str:
    """Return `direction` unchanged if it is one of the two.

    Raises:
        ConfigError: it is neither "forward" nor "backward".

    >>> check_direction("backward")
    'backward'
    """
    if direction not in DIRECTIONS:
        raise ConfigError(f"direction must be 'forward' or 'backward', not {direction!r}.")
    return direction
