"""Random values out of one drawn number each: Hypothesis makes one number smaller much faster than it does many."""

from collections.abc import Iterable, Sequence
from math import perm
from random import Random
from typing import TypeVar

T = TypeVar("T")


def any_of(rng: Random, values: Sequence[T], n: int) -> list[T]:
    """Return `n` of the values, each as likely as the others at each place; the simplest list is the first, n times.

    >>> any_of(Random(0), "abc", 5)
    ['a', 'a', 'a', 'c', 'c']
    """
    drawn = rng.randint(0, len(values) ** n - 1)
    return [values[drawn // len(values) ** place % len(values)] for place in range(n)]


def different(rng: Random, values: Iterable[T], n: int) -> list[T]:
    """Return `n` different ones of the values, in any order; the simplest list is the first `n` as they stand.

    >>> different(Random(0), range(10, 16), 3)
    [10, 14, 15]
    """
    left = list(values)
    drawn = rng.randint(0, perm(len(left), n) - 1)
    found = []
    for _ in range(n):
        drawn, place = divmod(drawn, len(left))
        found.append(left.pop(place))
    return found
