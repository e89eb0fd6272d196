"""Numbers by size: two steps an octave, so that a histogram of some dozen entries covers any number."""

from __future__ import annotations


def step_of(number: int) -> int:
    """Return the step of a number from 0 up: 0, 1, 2, 3, then 4 for 4-5, 5 for 6-7, 6 for 8-11, 7 for 12-15."""
    if number < 2:
        return number
    octave = number.bit_length() - 1
    return 2 * octave + (number >> (octave - 1) & 1)


def first_of(step: int) -> int:
    """Return the smallest number of a step."""
    if step < 2:
        return step
    octave, half = divmod(step, 2)
    return (2 + half) << (octave - 1)


def width_of(step: int) -> int:
    """Return how many numbers a step has."""
    return 1 if step < 4 else 1 << (step // 2 - 1)
