"""How people judge whether two faces are one person's: the scale, the features, and what follows from the answers.

The scale is that of forensic facial comparison (ENFSI, FISWG): from -3, strong support for two people, to +3, strong
support for one.  The features are those of the FISWG list for morphological analysis (ASTM E3149).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lastseen.roles import Role

STRONGEST: Final = 3
"""answers are whole numbers from -3 to +3; None: not comparable"""
CLEAR: Final = 2
"""from here on an answer says yes, or from minus this on no; what lies between leaves it open"""


class Feature(StrEnum):
    """What is compared, in the order of the form."""

    SHAPE = "shape"
    HAIRLINE = "hairline"
    FOREHEAD = "forehead"
    EYEBROWS = "eyebrows"
    EYES = "eyes"
    NOSE = "nose"
    CHEEKS = "cheeks"
    MOUTH = "mouth"
    CHIN = "chin"
    EARS = "ears"
    FACIAL_HAIR = "facial_hair"
    LINES = "lines"
    SCARS = "scars"
    MARKS = "marks"
    NECK = "neck"


EXCLUDING: Final = frozenset({Feature.EARS, Feature.SCARS, Feature.MARKS})
"""features that do not change with age, expression or weight: a difference there that nothing explains excludes"""


class Comparison(StrEnum):
    """What a reviewer finds of one feature."""

    SIMILAR = "similar"
    DIFFERENT = "different"
    NOT_VISIBLE = "not_visible"


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the feature list."""

    feature: Feature
    comparison: Comparison
    note: str = ""
    explained: str = ""
    """why a difference may be one of the picture or of time; empty: nothing explains it"""

    @property
    def excludes(self) -> bool:
        """Whether this alone says that the two are not one person."""
        return self.feature in EXCLUDING and self.comparison is Comparison.DIFFERENT and not self.explained.strip()


class Stage(StrEnum):
    """Which of the judgements on a candidate one is."""

    TRIAGE = "triage"
    """the first; a clear no ends it here"""
    SECOND = "second"
    """by another person, who does not know the first answer"""
    SENIOR = "senior"
    """by a third person, who settles a disagreement"""


class Verdict(StrEnum):
    """What the judgements on a candidate come to."""

    OPEN = "open"
    """nobody, or not enough people, have looked"""
    REJECTED = "rejected"
    UNDECIDED = "undecided"
    """people have looked, and it cannot be said"""
    SIGHTING = "sighting"
    """a possible one: two people said so"""


@dataclass(frozen=True, slots=True)
class Said:
    """One judgement that stands: neither undone nor superseded."""

    reviewer: int
    """row id of the account"""
    stage: Stage
    answer: int | None
    """-3 to +3; None: not comparable"""

    @property
    def yes(self) -> bool:
        """Clear support for one person."""
        return _yes(self.answer)

    @property
    def no(self) -> bool:
        """Clear support for two people."""
        return _no(self.answer)


JUDGES: Final = frozenset({Role.ANALYST, Role.SENIOR})
"""roles of those who judge"""


def may_be_asked(stage: Stage, roles: Collection[str], *, judged: bool, told: bool) -> bool:
    """Whether somebody may give the judgement that is due.

    Whoever has judged the question before may not, and neither may whoever was told of it: whom the face was compared
    with, what its post says, or what others answered.  That holds for the senior who settles a disagreement, too.
    """
    may = {Role.SENIOR} if stage is Stage.SENIOR else JUDGES
    return bool(may & set(roles)) and not judged and not told


def may_replace(before: int | None, after: int | None, *, told: bool) -> bool:
    """Whether somebody may put one answer of their own in the place of another.

    Whoever was told of the question since may take support back, and give none: a clear yes stays one, or becomes
    anything else; a clear no stays one, or is left open; what was open stays open.
    """
    if not told or _yes(before):
        return True
    return not _yes(after) and (_no(before) or not _no(after))


def _yes(answer: int | None) -> bool:
    return answer is not None and answer >= CLEAR


def _no(answer: int | None) -> bool:
    return answer is not None and answer <= -CLEAR


def weigh(judgements: Iterable[Said]) -> tuple[Verdict, Stage | None]:
    """What the judgements on one candidate that stand come to, and whose turn it is if they settle nothing.

    A clear no by the first, or by one of two of whom none says yes, rejects.  A sighting takes a clear yes by two
    different people.  Where one says yes and another does not, a senior settles it; a senior's yes counts as the
    second one, never alone.  Each person counts once, by what they said last.
    """
    said = _last_of_each(judgements)
    seniors = [one for one in said if one.stage is Stage.SENIOR]
    yes, no = sum(one.yes for one in said), sum(one.no for one in said)
    if not said:
        return Verdict.OPEN, Stage.TRIAGE
    if seniors:
        return _settled(seniors[-1], yes), None
    if yes == 0 and (no or len(said) > 1):
        return (Verdict.REJECTED if no else Verdict.UNDECIDED), None
    if len(said) == 1:
        return Verdict.OPEN, Stage.SECOND
    return (Verdict.SIGHTING, None) if yes == len(said) else (Verdict.OPEN, Stage.SENIOR)


def _settled(senior: Said, yes: int) -> Verdict:
    if senior.no:
        return Verdict.REJECTED
    return Verdict.SIGHTING if senior.yes and yes > 1 else Verdict.UNDECIDED


def _last_of_each(judgements: Iterable[Said]) -> list[Said]:
    last: dict[int, Said] = {}
    for one in judgements:
        last.pop(one.reviewer, None)  # so that the order is that of the last ones, too
        last[one.reviewer] = one
    return list(last.values())
