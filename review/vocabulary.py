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
        noted("for a senior"),
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
        # of people, photos, findings, posts and faces
        noted("missing"),
        noted("found"),
        noted("good"),
        noted("usable"),
        noted("poor"),
        noted("warning"),
        noted("explained"),
        noted("present"),
        noted("candidate"),
        noted("unknown"),
        noted("confirmed"),
        # what words of a post say, and how
        noted("surname"),
        noted("given name"),
        noted("patronymic"),
        noted("birth"),
        noted("agrees"),
        noted("close"),
        noted("differs"),
        noted("not stated"),
        noted("one letter apart"),
        noted("half of a double surname"),
        noted("genitive or accusative"),
        noted("dative or locative"),
        noted("instrumental"),
        noted("vocative"),
        noted("feminine form"),
        noted("another case"),
        noted("spelt otherwise"),
        noted("in Latin letters"),
        noted("by the age"),
        noted("an initial"),
        noted("another initial"),
        noted("used at home"),
        noted("of a woman"),
        noted("of a man"),
        # what is counted
        noted("sources"),
        noted("blobs"),
        noted("tracks"),
        noted("people"),
        noted("photos to sweep"),
        noted("candidates"),
        noted("open incidents"),
        noted("holds"),
        noted("unaccounted"),
        noted("unaccounted videos"),
        noted("posts"),
        noted("judgements due"),
        noted("judgements due from nobody"),
        noted("media items"),
        noted("analyses"),
        noted("photos"),
        noted("sweeps"),
        noted("reembeddings"),
        noted("tracks reembedded"),
        noted("badges"),
        noted("findings"),
        noted("time stamps"),
        noted("steps not done"),
        noted("erasures"),
        noted("candidates by state"),
        noted("outcomes"),
    }
)


def word(kept: object) -> str:
    """A word of the data as it is said; one that is not known is said as it is kept."""
    plain = str(kept).replace("_", " ")
    if plain in WORDS:
        return gettext(plain)
    if ", " in plain:
        return ", ".join(word(part) for part in plain.split(", "))
    first, _, rest = plain.partition(" ")  # the step `fetch`, and where its items stand
    return f"{first} {gettext(rest)}" if rest in WORDS else plain
