"""What a candidate's nearness is worth, in words: how often chance alone comes as near.  Never a percentage."""

import math

from lastseen.words import Words, words

UNKNOWN = words("not known: no calibration says how near strangers come by chance")
DIGITS = 2
"""significant ones: the figure comes out of a fit, and more would say more than is known"""
OFTEN = 0.1
"""people a face: from here on, faces with several near people are too many to count faces as people"""
MOST = 1e12
"""rarer than one in so many is not told apart"""


def said(expected_false: float | None, faces_a_day: float | None = None) -> Words:
    """In a sentence; `expected_false`: people of the register expected this near to one stranger's face by chance.

    `faces_a_day`: how many are searched, where that is known.
    """
    if expected_false is None:
        return UNKNOWN
    daily = _daily(expected_false, faces_a_day) if faces_a_day else ""
    if expected_false >= OFTEN:
        people = _rounded(expected_false)
        return words(
            "by chance, about {people} people of this register come this near to a stranger's face{daily}",
            people=people,
            daily=daily,
        )
    return words(
        "by chance, one in {faces} strangers' faces comes this near to somebody in this register{daily}",
        faces=_one_in(expected_false),
        daily=daily,
    )


def short(expected_false: float | None) -> str:
    """In a column."""
    if expected_false is None:
        return "not known"
    return f"{_rounded(expected_false):,} a face" if expected_false >= OFTEN else f"1 in {_one_in(expected_false):,}"


def _daily(expected_false: float, faces_a_day: float) -> Words:
    false, faces = expected_false * faces_a_day, _rounded(faces_a_day)
    if false >= 1:
        return words("; with {faces} faces a day, about {times} times a day", faces=faces, times=_rounded(false))
    return words("; with {faces} faces a day, about once in {days} days", faces=faces, days=_one_in(false))


def _one_in(share: float) -> float:
    return _rounded(min(1 / share, MOST) if share > 0 else MOST)


def _rounded(value: float) -> float:
    """With two significant digits, e.g. 4200."""
    if value < 10:
        tenths = round(value, 1)
        return int(tenths) if tenths.is_integer() else tenths
    step: int = 10 ** (math.floor(math.log10(value)) - DIGITS + 1)
    return round(value / step) * step
