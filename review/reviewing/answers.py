"""What the two forms of a review say: read strictly, and what is missing before they can be taken.

Their fields are named by feature (`visible.ears`, `feature.ears`, `note.ears`, `explained.ears`), since a form is read
into one value a name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lastseen.judging import CLEAR, STRONGEST, Compared, Comparison, Feature

LONGEST_NOTE = 200
LONGEST_REASON = 500
SCALE = tuple(range(-STRONGEST, STRONGEST + 1))
NOT_COMPARABLE = "none"
_KINDS = ("visible", "feature", "note", "explained")
_SHORT = {f"{kind}.{feature}" for kind in _KINDS for feature in Feature}
_LONG = {"answer", "reason", "seen"}


class Lack(StrEnum):
    """Why a form cannot be taken as it is; the page has the words."""

    NOTHING_NOTED = "nothing_noted"
    """neither a visible feature nor a word why there is none"""
    NO_ANSWER = "no_answer"
    NO_REASON = "no_reason"
    """not comparable, without saying why"""
    EXCLUDED = "excluded"
    """a difference that nothing explains, and an answer that is no clear no"""
    NO_DIFFERENCE = "no_difference"
    """a clear no that names no feature"""
    NOT_ALL = "not_all"
    """a clear yes, without each feature that can be seen having been compared"""


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of one feature of the probe."""

    visible: bool
    note: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The second form."""

    given: bool
    value: int | None
    """-3 to +3; None: not comparable, or none was given"""
    features: tuple[Compared, ...]
    reason: str


def fields(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form may be kept as a draft: our own fields, no longer than they may be."""
    short = {name: value[:LONGEST_NOTE] for name, value in form.items() if name in _SHORT and value}
    return short | {name: value[:LONGEST_REASON] for name, value in form.items() if name in _LONG and value}


def described(form: Mapping[str, str]) -> dict[str, object]:
    """What was noted of the probe alone: feature -> whether it is visible, and a note; and a note on the whole."""
    kept = fields(form)
    features = {
        str(feature): {"visible": f"visible.{feature}" in kept, "note": kept.get(f"note.{feature}", "").strip()}
        for feature in Feature
    }
    return {"features": features, "note": kept.get("seen", "").strip()}


def noted(description: Mapping[str, object]) -> dict[str, Noted]:
    """What a description says of each feature; one that it does not name was not seen."""
    features = description.get("features")
    lines = features if isinstance(features, Mapping) else {}
    return {
        str(feature): Noted(bool(line.get("visible")), str(line.get("note", "")))
        for feature in Feature
        for line in [lines.get(feature, {})]
    }


def visible(description: Mapping[str, object]) -> frozenset[Feature]:
    """The features that a description says can be seen."""
    return frozenset(Feature(name) for name, line in noted(description).items() if line.visible)


def lacks_of_description(description: Mapping[str, object]) -> list[Lack]:
    """What is missing of a description."""
    return [] if visible(description) or description.get("note") else [Lack.NOTHING_NOTED]


def answered(form: Mapping[str, str]) -> Answer:
    """The second form, as it was filled in; what is no answer or comparison counts as not given."""
    kept = fields(form)
    given = kept.get("answer", "")
    number = next((value for value in SCALE if str(value) == given), None)
    return Answer(
        given == NOT_COMPARABLE or number is not None,
        number,
        tuple(_compared(kept)),
        kept.get("reason", "").strip(),
    )


def lacks(answer: Answer, described: frozenset[Feature]) -> list[Lack]:
    """What stands against taking an answer.  `described`: the features that can be seen of the probe."""
    if not answer.given:
        return [Lack.NO_ANSWER]
    found = []
    value = answer.value
    if any(one.excludes for one in answer.features) and (value is None or value > -CLEAR):
        found.append(Lack.EXCLUDED)
    if value is None and not answer.reason:
        found.append(Lack.NO_REASON)
    if value is not None and value <= -CLEAR and not _any(answer, Comparison.DIFFERENT):
        found.append(Lack.NO_DIFFERENCE)
    if value is not None and value >= CLEAR and described - {one.feature for one in answer.features}:
        found.append(Lack.NOT_ALL)
    return found


def form_of(value: int | None, reason: str, features: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The second form as it was when this was sent, to go on from."""
    form = {"answer": NOT_COMPARABLE if value is None else str(value), "reason": reason}
    for name, line in features.items():
        form[f"feature.{name}"] = line["comparison"]
        form[f"note.{name}"] = line.get("note", "")
        form[f"explained.{name}"] = line.get("explained", "")
    return fields(form)


def _compared(kept: Mapping[str, str]) -> Iterable[Compared]:
    for feature in Feature:
        said = kept.get(f"feature.{feature}", "")
        if said in set(Comparison):
            note, explained = kept.get(f"note.{feature}", ""), kept.get(f"explained.{feature}", "")
            yield Compared(feature, Comparison(said), note.strip(), explained.strip())


def _any(answer: Answer, comparison: Comparison) -> bool:
    return any(one.comparison is comparison for one in answer.features)
