"""A roll call: who is in a video, one row a distinct face, and who of them is accounted for."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from lastseen.clock import iso, mark
from lastseen.lifecycle import CandidateState, FaceState
from lastseen.words import words
from storage.faces import LinkKept
from storage.footage import Passage, Place
from storage.same_face import Overlap

DECIDED: Final[Mapping[str, FaceState]] = {
    CandidateState.SIGHTING: FaceState.SIGHTING,
    CandidateState.OPEN: FaceState.CANDIDATE,
    CandidateState.UNDECIDED: FaceState.CANDIDATE,
    CandidateState.REJECTED: FaceState.REJECTED,
}
"""what the state of a candidate says of the face; others say nothing, and somebody else carries the question"""


@dataclass(frozen=True, slots=True)
class Appearance:
    """One track of a face."""

    track: int
    """row id"""
    start_ms: int
    end_ms: int
    gate: str
    """why it is not searched; empty: it is"""
    expired_at: datetime | None
    """when its pictures went, by the rule of retention"""
    shot: int | None
    """row id of its best picture; None: none was kept"""
    at_ms: int | None
    crop_key: str | None
    weight: float
    refused: bool
    """somebody said "not this person" of it, and that stands"""


@dataclass(frozen=True, slots=True)
class Question:
    """A candidate of a face."""

    id: int
    """row id"""
    track: int
    state: str
    register_number: str
    names: tuple[str, ...]
    elsewhere: bool = False
    """it is about the same face in an older analysis, or in another file"""


@dataclass(frozen=True, slots=True)
class Face:
    """One person of a video, as far as software can tell: tracks that links which stand join."""

    number: int
    """within its roll call, from 1 on, in the order in which they come"""
    appearances: tuple[Appearance, ...]
    """in the order of time; at least one"""
    links: tuple[LinkKept, ...]
    """what joins them"""
    questions: tuple[Question, ...]
    state: FaceState

    @property
    def track(self) -> int:
        """The row id that names the face on its page: of its first track."""
        return self.appearances[0].track

    @property
    def searched(self) -> bool:
        """At least one of its tracks was good enough to be compared with the register."""
        return any(not one.gate for one in self.appearances)

    @property
    def counted(self) -> bool:
        """It is among those who can be accounted for."""
        return self.searched or self.state is not FaceState.UNKNOWN

    @property
    def best(self) -> Appearance:
        """The one to show: of a candidate or a sighting here, if there is one; of these the best."""
        asked = {one.track for one in self.questions if _is_shown(one)}
        return max(self.appearances, key=lambda one: (one.shot is not None, one.track in asked, one.weight))

    @property
    def is_shown(self) -> bool:
        """Its best picture is one that a candidate's page shows anyway."""
        return self.best.track in {one.track for one in self.questions if _is_shown(one)}

    @property
    def asked(self) -> tuple[Question, ...]:
        """Who it may be, or is taken to be: candidates that wait, or were confirmed."""
        if self.state not in (FaceState.SIGHTING, FaceState.CANDIDATE):
            return ()
        return tuple(one for one in self.questions if DECIDED.get(one.state) is self.state)

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """When it is to be seen, from and to in ms."""
        return tuple((one.start_ms, one.end_ms) for one in self.appearances)

    @property
    def expired_at(self) -> datetime | None:
        """When the last of its pictures went; None: there is one, or there never was."""
        if self.best.shot is not None:
            return None
        return max((one.expired_at for one in self.appearances if one.expired_at), default=None)


@dataclass(frozen=True, slots=True)
class Look:
    """The analysis that a roll call rests on."""

    kind: str
    """`video` or `image`"""
    duration_ms: int
    analyzed_at: datetime
    complete: bool
    """the file was looked at to its end"""
    gaps: int
    """stretches that would not decode"""
    unfollowed: int
    """faces on the fullest picture that were too many to follow"""
    note: str


@dataclass(frozen=True, slots=True)
class RollCall:
    """Everybody whom one file shows, as far as the software found them."""

    blob: int
    """row id"""
    sha256: str
    stored_at: datetime
    look: Look | None
    """None: it was not analysed yet, or could not be"""
    faces: tuple[Face, ...]
    places: tuple[Place, ...]
    """earliest seen first"""
    copies: tuple[tuple[str, Passage], ...]
    """other files (sha256) that show the same footage, and which part of it"""

    def count(self, state: FaceState) -> int:
        """How many of those who can be accounted for are in this state."""
        return sum(face.counted and face.state is state for face in self.faces)

    @property
    def people(self) -> int:
        """Distinct faces that were compared with the register."""
        return sum(face.counted for face in self.faces)

    @property
    def not_searched(self) -> int:
        """Faces that are too small or too poor to be compared; one person may be several of them."""
        return len(self.faces) - self.people

    @property
    def accounted(self) -> int:
        """Whom two reviewers confirmed."""
        return self.count(FaceState.SIGHTING)

    @property
    def waiting(self) -> int:
        """Who is a candidate that waits for reviewers."""
        return self.count(FaceState.CANDIDATE)

    @property
    def unaccounted(self) -> int:
        """Everybody else, as far as they can be searched."""
        return self.people - self.accounted - self.waiting

    @property
    def is_asked_about(self) -> bool:
        """Somebody in it is a candidate or a sighting: reviewers may look at the others."""
        return self.accounted + self.waiting > 0

    @property
    def first_seen_at(self) -> datetime:
        """When a post that carries the footage was seen first."""
        return self.places[0].first_seen_at if self.places else self.stored_at

    @property
    def lacks(self) -> tuple[str, ...]:
        """Why it may show more people than are listed; empty: all of it was looked at."""
        if self.look is None:
            return (words("not analysed"),)
        said = {
            words("not looked at to its end"): not self.look.complete,
            words("stretches that would not decode: {count}", count=self.look.gaps): self.look.gaps > 0,
            words(
                "a crowd: {count} faces of one picture were too many to follow", count=self.look.unfollowed
            ): self.look.unfollowed > 0,
        }
        return tuple(why for why, holds in said.items() if holds)


def told_to(call: RollCall, seen: Collection[int]) -> RollCall:
    """The same for somebody who may still have to judge what waits: only candidates in `seen` (row ids) are told.

    What is counted stays as it is.
    """
    faces = (replace(face, questions=tuple(one for one in face.questions if one.id in seen)) for face in call.faces)
    return replace(call, faces=tuple(faces))


# --- as text -----------------------------------------------------------------------------------------------

COLUMNS: Final = (
    *("face", "state", "register_numbers", "candidates", "searched", "why_not_searched", "seen_from_to"),
    *("best_picture_at", "picture", "known_from_elsewhere"),
)


def as_rows(call: RollCall) -> Iterator[tuple[object, ...]]:
    """A row a face, under `COLUMNS`."""
    for face in call.faces:
        yield (
            face.number,
            face.state,
            "; ".join(numbers(face)),
            "; ".join(str(one.id) for one in face.asked),
            "yes" if face.searched else "no",
            why_not(face),
            "; ".join(f"{mark(start)} to {mark(end)}" for start, end in face.spans),
            mark(face.best.at_ms) if face.best.at_ms is not None else "",
            _picture(face),
            "yes" if any(one.elsewhere for one in face.asked) else "no",
        )


def as_dict(call: RollCall) -> dict[str, object]:
    """For JSON: times in a video are seconds on its own clock."""
    return {
        **summary(call),
        "kind": call.look.kind if call.look else None,
        "duration_seconds": call.look.duration_ms / 1000 if call.look else None,
        "analyzed_at": iso(call.look.analyzed_at) if call.look else None,
        "note": call.look.note if call.look else "",
        "faces": [_face(face) for face in call.faces],
        "places": [_place(place) for place in call.places],
        "same_footage": [{"blob": sha256, **_stretch(passage.stretch)} for sha256, passage in call.copies],
    }


def summary(call: RollCall) -> dict[str, object]:
    """The counts of one video, for JSON."""
    return {
        "blob": call.sha256,
        "people": call.people,
        "accounted_for": call.accounted,
        "waiting": call.waiting,
        "unaccounted": call.unaccounted,
        "rejected": call.count(FaceState.REJECTED),
        "not_searched": call.not_searched,
        "complete": not call.lacks,
        "lacks": list(call.lacks),
        "first_seen_at": iso(call.first_seen_at),
    }


def within_case(call: RollCall, candidates: Collection[int]) -> dict[str, object]:
    """For those whom one case concerns: everybody is counted, and only its own candidates (row ids) are named."""
    return {**summary(call), "faces": [_face(face, candidates) for face in call.faces]}


OPEN_COLUMNS: Final = (
    *("blob", "people", "accounted_for", "waiting", "unaccounted", "rejected", "not_searched", "complete", "lacks"),
    *("first_seen_at", "places"),
)


def open_item(call: RollCall) -> dict[str, object]:
    """The counts of one video and where it was published, for JSON."""
    return {**summary(call), "places": [_place(place) for place in call.places]}


def open_row(call: RollCall) -> tuple[object, ...]:
    """The same as a row under `OPEN_COLUMNS`."""
    said = summary(call) | {
        "complete": "no" if call.lacks else "yes",
        "lacks": "; ".join(call.lacks),
        "places": " ".join(dict.fromkeys(place.permalink for place in call.places)),
    }
    return tuple(said[name] for name in OPEN_COLUMNS)


def _face(face: Face, named: Collection[int] | None = None) -> dict[str, object]:
    """`named`: the only candidates that are told; None: all."""
    return {
        "face": face.number,
        "state": face.state,
        "candidates": [
            {"id": one.id, "person": one.register_number, "state": one.state, "elsewhere": one.elsewhere}
            for one in face.asked
            if named is None or one.id in named
        ],
        "searched": face.searched,
        "why_not_searched": why_not(face),
        "seen": [{"start_seconds": start / 1000, "end_seconds": end / 1000} for start, end in face.spans],
        "best_picture_at_seconds": face.best.at_ms / 1000 if face.best.at_ms is not None else None,
        "expired_at": iso(face.expired_at) if face.expired_at else None,
    }


def _place(place: Place) -> dict[str, object]:
    return {
        "blob": place.sha256,
        "post": place.permalink,
        "source": place.source,
        "published_at": iso(place.published_at) if place.published_at else None,
        "first_seen_at": iso(place.first_seen_at),
        "gone": place.gone,
        **(_stretch(place.passage.stretch) if place.passage else {}),
    }


def _stretch(stretch: Overlap) -> dict[str, object]:
    return {
        "start_seconds": stretch.start_ms / 1000,
        "end_seconds": stretch.end_ms / 1000,
        "there_start_seconds": stretch.other_start_ms / 1000,
        "there_end_seconds": stretch.other_end_ms / 1000,
        "mirrored": stretch.mirrored,
    }


def numbers(face: Face) -> list[str]:
    """Register numbers of those whom it may show, each once."""
    return list(dict.fromkeys(one.register_number for one in face.asked if one.register_number))


def why_not(face: Face) -> str:
    """Why it was not compared with the register; empty: it was."""
    return "" if face.searched else face.best.gate


def _picture(face: Face) -> str:
    if face.best.shot is not None:
        return "kept"
    return f"expired on {face.expired_at:%Y-%m-%d}" if face.expired_at else "none"


def _is_shown(question: Question) -> bool:
    """Its page shows the face."""
    return not question.elsewhere and DECIDED.get(question.state) in (FaceState.CANDIDATE, FaceState.SIGHTING)


def questions_of(call: RollCall) -> list[int]:
    """The candidates that it names."""
    return [one.id for face in call.faces for one in face.questions]
