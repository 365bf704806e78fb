"""How many letters two words differ in.  The one module that imports rapidfuzz."""

from collections.abc import Iterable

from rapidfuzz.distance import OSA

SHORTEST = 6
"""letters: with fewer, one letter makes another surname"""


def off_by_one(word: str, others: Iterable[str]) -> bool:
    """One letter was written wrong, left out, doubled or swapped with its neighbour (optimal string alignment).

    Not the last one: there words differ by case, and surnames by what makes another of them (Цимбал, Цимбалюк).
    """
    if len(word) < SHORTEST:
        return False
    return any(word[-1] == other[-1:] and OSA.distance(word, other, score_cutoff=1) <= 1 for other in others)


def letters_apart(word: str, other: str, most: int) -> int | None:
    """In how many letters two words differ (optimal string alignment); None: in more than `most`."""
    found = OSA.distance(word, other, score_cutoff=most)
    return found if found <= most else None
