"""Whether two plain values are the same, and the first place where they are not.

Where a student works with tensors, an adapter turns them into NumPy arrays on the way to the check; `arrays="tensor"`
makes the messages speak of what the student has.
"""

from typing import Any

from ulmfit_lib.checks.adapters.tensors import is_array, show_value

_SHOWN = 12  # characters on either side of a difference
_LONGEST = 160  # characters of a value in a message


def show(value: Any, arrays: str = "array") -> str:
    """Return a value as one line of about 160 characters at most; arrays are called what `arrays` says.

    >>> import numpy as np
    >>> show(np.array([[1, 2], [3, 4]]), "tensor")
    'tensor([[1, 2], [3, 4]])'
    """
    text = show_value(value, arrays)
    if len(text) <= _LONGEST:
        return text
    if is_array(value):
        return f"{arrays} of shape {value.shape}, which begins {text.removeprefix(arrays)[1 : _LONGEST // 2]} ..."
    half = _LONGEST // 2
    return f"{text[:half]} ... {text[-half:]} ({len(text)} characters)"


def type_name(value: Any, arrays: str = "array") -> str:
    """Return what kind of value it is, in words.

    >>> type_name(None), type_name("a"), type_name([])
    ('None', 'a str', 'a list')
    """
    if value is None:
        return "None"
    name = arrays if is_array(value) else type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def wrong_type(got: Any, expected: Any, arrays: str = "array") -> str | None:
    """Say how the type of `got` is wrong, or return None. A subclass is wrong; an int may stand for a float.

    >>> wrong_type(None, "a")
    'None instead of a str'
    >>> wrong_type(1, 1.0)
    """
    if type(got) is type(expected) or (type(got) is int and type(expected) is float):
        return None
    return f"{type_name(got, arrays)} instead of {type_name(expected, arrays)}"


def wrong_shape(got: Any, expected: Any, arrays: str = "array") -> str | None:
    """Say how the shape or the dtype of an array is wrong, or return None where it is right or there is no array.

    >>> import numpy as np
    >>> wrong_shape(np.zeros((2, 3)), np.zeros((3, 2)), "tensor")
    'a tensor of shape (2, 3) instead of (3, 2)'
    """
    if not is_array(got) or not is_array(expected):
        return None
    prefix = "torch." if arrays == "tensor" else ""
    if got.shape != expected.shape:
        return f"{type_name(got, arrays)} of shape {got.shape} instead of {expected.shape}"
    if got.dtype != expected.dtype:
        return f"{type_name(got, arrays)} of dtype {prefix}{got.dtype} instead of {prefix}{expected.dtype}"
    return None


def first_difference(got: Any, expected: Any, tolerance: float = 0.0, arrays: str = "array") -> str | None:
    """Say where two values first differ, or return None where they are the same.

    Args:
        got: what came back.
        expected: what should have come back.
        tolerance: how far two floats may lie apart, relative to 1 or to the expected value if that is larger.
        arrays: what arrays are called in what is said: "array" or "tensor".

    >>> first_difference("abc", "abd")
    "at character 2: 'c' instead of 'd'"
    >>> first_difference([1, [2, 3]], [1, [2, 4]])
    'at index 1: at index 1: 3 instead of 4'
    """
    if mismatch := wrong_type(got, expected, arrays):
        return mismatch
    if isinstance(expected, str):
        return _first_character(got, expected)
    if isinstance(expected, list | tuple):
        return _first_item(got, expected, tolerance, arrays)
    if isinstance(expected, dict):
        return _first_key(got, expected, tolerance, arrays)
    if isinstance(expected, float):
        return None if _as_near(got, expected, tolerance) else f"{show(got)} instead of {expected!r}"
    if is_array(expected):
        return wrong_shape(got, expected, arrays) or _first_entry(got, expected, tolerance)
    return None if got == expected else f"{show(got)} instead of {show(expected)}"


def _as_near(got: int | float, expected: float, tolerance: float) -> bool:
    if got == expected or (got != got and expected != expected):
        return True
    try:
        return abs(got - expected) <= tolerance * max(1.0, abs(expected))
    except OverflowError:  # an int that is beyond all floats
        return False


def form_difference(got: Any, expected: Any, tolerance: float = 0.0, arrays: str = "array") -> str | None:
    """Say where the forms of two values first differ: types, lengths, keys, shapes and dtypes, whatever the values.

    >>> form_difference([1, 2.5], [7, 8])
    'at index 1: a float instead of an int'
    """
    return first_difference(_blank(got), _blank(expected), tolerance, arrays)


def _blank(value: Any) -> Any:
    """Return a value of the same form, with every number, string and truth value made an empty one."""
    if isinstance(value, list | tuple):
        return type(value)(_blank(one) for one in value)
    if isinstance(value, dict):
        return {key: _blank(one) for key, one in value.items()}
    if is_array(value):
        import numpy as np

        return np.zeros_like(value)
    return type(value)() if isinstance(value, bool | int | float | str) else value


def _first_character(got: str, expected: str) -> str | None:
    if got == expected:
        return None
    place = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), None)
    if place is not None:
        wrong = got[place : place + _SHOWN]
        right = expected[place : place + _SHOWN]
        if wrong[0] != right[0]:
            wrong, right = _to_the_next_common(wrong, right)
        return f"at character {place}: {wrong!r} instead of {right!r}"
    short = min(len(got), len(expected))
    if len(got) > len(expected):
        return f"at character {short}: {got[short : short + _SHOWN]!r} is too much"
    return f"at character {short}: {expected[short : short + _SHOWN]!r} is missing"


def _to_the_next_common(wrong: str, right: str) -> tuple[str, str]:
    """Cut both where they agree again, so that a message shows no more than the difference."""
    for length in range(1, min(len(wrong), len(right))):
        if wrong[length:] == right[length:]:
            return wrong[:length], right[:length]
    return wrong, right


def _first_item(got: list | tuple, expected: list | tuple, tolerance: float, arrays: str) -> str | None:
    for index, (one, other) in enumerate(zip(got, expected, strict=False)):
        if difference := first_difference(one, other, tolerance, arrays):
            return f"at index {index}: {difference}"
    if len(got) != len(expected):
        return f"{len(got)} items instead of {len(expected)}"
    return None


def _first_key(got: dict, expected: dict, tolerance: float, arrays: str) -> str | None:
    for key, value in expected.items():
        if key not in got:
            return f"the key {key!r} is missing"
        if difference := first_difference(got[key], value, tolerance, arrays):
            return f"at key {key!r}: {difference}"
    more = [key for key in got if key not in expected]
    return f"the key {more[0]!r} is too much" if more else None


def _first_entry(got: Any, expected: Any, tolerance: float) -> str | None:
    import numpy as np

    if np.array_equal(got, expected):  # as most are; to ask how close they lie takes ten times as long
        return None
    if np.issubdtype(expected.dtype, np.floating):
        wrong = ~np.isclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
    else:
        wrong = np.asarray(got != expected)
    if not wrong.any():
        return None
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"at {list(place)}: " if place else ""
    return f"{where}{got[place]} instead of {expected[place]}"
