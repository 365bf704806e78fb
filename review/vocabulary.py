"""Words that are kept as they are in the data and said on the pages: roles, states, outcomes, kinds."""

from typing import Final

from review.language import gettext, noted

WORDS: Final = frozenset(
    {
        # roles
        noted("collector"),
        noted("analyst"),
        noted("senior"),
        noted("register keeper"),
        noted("auditor"),
        noted("administrator"),
        # where an item or a candidate stands
        noted("open"),
        noted("done"),
        noted("gone"),
        noted("skipped"),
        noted("failed"),
        noted("quarantined"),
        noted("pending"),
        noted("stored"),
        noted("accepted"),
        noted("refused"),
        noted("in work"),
        noted("over"),
        noted("embedded"),
        noted("expired"),
        noted("lost"),
        noted("without face"),
        noted("waiting"),
        noted("stamped"),
        noted("promised"),
        noted("asked"),
        noted("displaced"),
        noted("joined"),
        noted("withdrawn"),
        noted("superseded"),
        noted("rejected"),
        noted("undecided"),
        noted("sighting"),
    }
)


def word(kept: object) -> str:
    """A word of the data as it is said; one that is not known is said as it is kept."""
    plain = str(kept).replace("_", " ")
    if plain in WORDS:
        return gettext(plain)
    first, _, rest = plain.partition(" ")  # the step `fetch`, and where its items stand
    return f"{first} {gettext(rest)}" if rest in WORDS else plain
