"""A case of a group: people who are shown together, followed until it is known of each what became of them.

Nothing is copied into a case but which recordings belong to it, and what people noted: who is in them, who is accounted
for and who is confirmed is worked out anew from what stands.  One person who is to be seen in several recordings is one
member: where two recordings show the same footage, by time and place; where possible sightings stand, by whom they are
of.  Strangers in recordings of different footage are never compared by their faces, so one of them may be two members:
what somebody counts by eye is believed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from lastseen.clock import iso
from lastseen.fates import Contradiction
from lastseen.lifecycle import FaceState
from lastseen.records import PersonStatus, Says
from storage import same_face
from storage.footage import Place
from storage.roll_call import Face, Question, RollCall
from storage.same_face import Overlap, Seen
from storage.statements import Statement

CONFIRMS: Final = frozenset({Says.CAPTIVE, Says.RETURNED, Says.DNA, Says.FOUND})
"""statements that say what became of somebody; others are told beside them, and leave the question open"""
NEAREST: Final = tuple(FaceState)
"""of several states that faces of one member are in, the first counts"""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody of the register, of whom possible sightings stand in the recordings."""

    entries: tuple[int, ...]
    """row ids of all entries that are this person"""
    register_number: str
    names: tuple[str, ...]
    status: PersonStatus | None
    """what the office takes for what is; None: not told"""
    said: tuple[Statement, ...] = ()
    """what stands of them, in the order in which it was written down"""
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def confirmations(self) -> tuple[Statement, ...]:
        """Who says what became of this person."""
        return tuple(one for one in self.said if one.says in CONFIRMS)

    @property
    def claims(self) -> tuple[Statement, ...]:
        """What else is said."""
        return tuple(one for one in self.said if one.says not in CONFIRMS)


@dataclass(frozen=True, slots=True)
class Shown:
    """A face of the roll call of one recording."""

    call: RollCall
    face: Face


@dataclass(frozen=True, slots=True)
class Member:
    """One person of the group, as far as anybody can tell."""

    number: int
    """within the case, from 1 on"""
    shown: tuple[Shown, ...]
    """at least one, in the order of the recordings"""
    known: tuple[Known, ...]
    """whom possible sightings say that it may be; more than one: people came to different answers"""

    @property
    def state(self) -> FaceState:
        """Whether they are accounted for, wait for reviewers, or neither."""
        return min((one.face.state for one in self.shown), key=NEAREST.index)

    @property
    def counted(self) -> bool:
        """They are among those who can be accounted for."""
        return any(one.face.counted for one in self.shown)

    @property
    def confirmed(self) -> bool:
        """Somebody says what became of them."""
        return any(one.confirmations for one in self.known)

    @property
    def questions(self) -> tuple[Question, ...]:
        """Candidates that wait, or were confirmed, each once."""
        found = {one.id: one for shown in self.shown for one in shown.face.asked if shown.face.state is self.state}
        return tuple(found.values())

    @property
    def places(self) -> tuple[Place, ...]:
        """Posts that show them, each once, earliest seen first."""
        found = {place.post: place for one in reversed(self.shown) for place in _places(one)}
        return tuple(sorted(found.values(), key=lambda place: (place.first_seen_at, place.post)))

    @property
    def first_published_at(self) -> datetime | None:
        """By what sites say; None: none says it."""
        return min((place.published_at for place in self.places if place.published_at), default=None)

    @property
    def first_seen_at(self) -> datetime:
        """By this office."""
        return min(
            (place.first_seen_at for place in self.places), default=min(one.call.stored_at for one in self.shown)
        )

    @property
    def since(self) -> datetime:
        """From when on it is open who this is: the first publication, or when this office saw it first."""
        return min(self.first_published_at or self.first_seen_at, self.first_seen_at)

    @property
    def best(self) -> Shown:
        """The one to show: of a candidate's or sighting's page, if there is one."""
        return max(self.shown, key=lambda one: (one.face.is_shown, one.face.best.shot is not None))


@dataclass(frozen=True, slots=True)
class File:
    """A recording that belongs to a case, or was held not to."""

    blob: int
    """row id"""
    sha256: str
    why: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody noted about a case."""

    id: int
    kind: str
    """`note`, `counted`, `closed`, `reopened`"""
    people: int | None
    """counted by eye; or still open when it was closed"""
    note: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """A letter about the case, and how far it is."""

    id: int
    subject: str
    recipient: str
    made_at: datetime
    event: str | None
    """what became of it last; None: it was written"""
    dated: date | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A recording in which the group may be seen again; an officer decides."""

    sha256: str
    stretches: tuple[tuple[str, Overlap], ...]
    """where it shows the footage of a recording of the case (sha256)"""
    members: tuple[int, ...]
    """whom it shows then: their numbers in the case"""
    people: tuple[str, ...]
    """register numbers of those of the case of whom possible sightings stand in it"""
    candidates: tuple[int, ...]
    """these sightings"""
    places: tuple[Place, ...]
    refused: File | None
    """somebody held that it does not belong here"""


@dataclass(frozen=True, slots=True)
class GroupCase:
    """One case, with everything that stands of it."""

    id: int
    title: str
    reason: str
    opened_by: str
    opened_at: datetime
    files: tuple[File, ...]
    calls: tuple[RollCall, ...]
    """of these recordings, by when they were seen first"""
    everybody: tuple[Member, ...]
    """also those who are too small or too poor to be searched"""
    notes: tuple[Note, ...]
    whole: bool = True
    """also what was said, noted and written of it"""
    letters: tuple[Sent, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    @property
    def members(self) -> tuple[Member, ...]:
        """Who can be accounted for."""
        return tuple(one for one in self.everybody if one.counted)

    @property
    def not_searched(self) -> int:
        """Faces that are too small or too poor to be compared; one person may be several of them."""
        return len(self.everybody) - len(self.members)

    @property
    def people(self) -> int:
        """How many distinct people the software tells apart."""
        return len(self.members)

    @property
    def tracked_at(self) -> datetime | None:
        """When the newest analysis was made that this rests on."""
        return max((call.look.analyzed_at for call in self.calls if call.look), default=None)

    @property
    def counted(self) -> Note | None:
        """What somebody counted by eye last."""
        return next((note for note in reversed(self.notes) if note.kind == "counted"), None)

    @property
    def is_counted_anew_due(self) -> bool:
        """A recording came in after somebody counted."""
        counted = self.counted
        return counted is not None and any(file.at > counted.at for file in self.files)

    @property
    def shown(self) -> int:
        """How many people are shown: by eye, if somebody counted, and never fewer than are accounted for."""
        counted = self.counted.people if self.counted else None
        return self.people if counted is None else max(counted, self.accounted)

    @property
    def accounted(self) -> int:
        """Of how many a possible sighting stands."""
        return sum(one.state is FaceState.SIGHTING for one in self.members)

    @property
    def waiting(self) -> int:
        """How many are candidates that wait for reviewers."""
        return sum(one.state is FaceState.CANDIDATE for one in self.members)

    @property
    def unaccounted(self) -> int:
        """Of how many nobody says anything."""
        return max(0, self.shown - self.accounted - self.waiting)

    @property
    def confirmed(self) -> int:
        """Of how many somebody says what became of them."""
        return sum(one.confirmed for one in self.members)

    @property
    def open(self) -> int:
        """Of how many nobody has said yet what became of them."""
        return self.shown - self.confirmed

    @property
    def closed(self) -> Note | None:
        """How it was closed; None: it is followed."""
        ends = [note for note in self.notes if note.kind in ("closed", "reopened")]
        return ends[-1] if ends and ends[-1].kind == "closed" else None

    @property
    def first_published_at(self) -> datetime | None:
        """The first of its recordings, by what sites say."""
        return min((at for one in self._shown if (at := one.first_published_at)), default=None)

    @property
    def first_seen_at(self) -> datetime:
        """The first of its recordings."""
        return min((call.first_seen_at for call in self.calls), default=self.opened_at)

    @property
    def since(self) -> datetime:
        """From when on there is something open: of those who are, the first; of nobody, its first recording."""
        waits = [one.since for one in self._shown if not one.confirmed]
        return min(waits, default=min(self.first_published_at or self.first_seen_at, self.first_seen_at))

    @property
    def torn(self) -> tuple[str, ...]:
        """Register numbers that sightings give to several members, who are to be seen at one time."""
        met = [one.register_number for member in self.members for one in member.known]
        return tuple(dict.fromkeys(number for number in met if met.count(number) > 1))

    @property
    def lacks(self) -> tuple[str, ...]:
        """Why there may be more people than are listed."""
        return tuple(dict.fromkeys(why for call in self.calls for why in call.lacks))

    @property
    def _shown(self) -> tuple[Member, ...]:
        return self.members or self.everybody


def days(since: datetime, now: datetime) -> int:
    """How many days something is open."""
    return max(0, (now.astimezone(UTC).date() - since.astimezone(UTC).date()).days)


def kept_back(case: GroupCase) -> GroupCase:
    """The same for somebody who may still be asked about people of it: who is seen, and nothing that anybody said."""
    everybody = (replace(one, known=tuple(_unsaid(known) for known in one.known)) for one in case.everybody)
    counted = (replace(note, note="") for note in case.notes if note.kind != "note")
    files = (replace(file, why="") for file in case.files)
    proposals = (replace(one, refused=replace(one.refused, why="") if one.refused else None) for one in case.proposals)
    return replace(
        case, reason="", whole=False, letters=(), everybody=tuple(everybody), notes=tuple(counted), files=tuple(files),
        proposals=tuple(proposals),
    )  # fmt: skip


def _unsaid(known: Known) -> Known:
    return replace(known, status=None, said=(), contradictions=())


# --- one person in several recordings ----------------------------------------------------------------------

Node = tuple[int, int]
"""row id of a recording, number of a face in it"""


def members(
    calls: Sequence[RollCall], seen: Mapping[int, Sequence[Seen]], person: Callable[[Question], Known | None]
) -> tuple[Member, ...]:
    """Who is shown in some recordings, each once.

    `seen`: of each recording (row id) where the tracks of its newest analysis were; only those are needed that show the
    footage of another one.  `person`: whom a confirmed candidate is of.
    """
    groups = _Groups({(call.blob, face.number): Shown(call, face) for call in calls for face in call.faces})
    for one, other in _by_place(calls, seen):
        groups.join(one, other)
    for nodes in _by_person(calls, person).values():
        for place, node in enumerate(nodes):
            groups.join_any(nodes[:place], node)
    return tuple(
        Member(number, tuple(groups.shown[node] for node in nodes), _known(nodes, groups.shown, person))
        for number, nodes in enumerate(groups.every(), 1)
    )


class _Groups:
    """Faces that are one person.  Two that are to be seen at one time in one recording never are."""

    def __init__(self, shown: Mapping[Node, Shown]) -> None:
        self.shown = shown
        self._group = {node: [node] for node in shown}

    def join(self, one: Node, other: Node) -> bool:
        """Make them one; whether they are."""
        mine, theirs = self._group[one], self._group[other]
        if mine is theirs:
            return True
        if any(self._at_once(a, b) for a in mine for b in theirs):
            return False
        mine += theirs
        self._group.update(dict.fromkeys(theirs, mine))
        return True

    def join_any(self, those: Iterable[Node], node: Node) -> bool:
        """Make it one with the first of those that it can be one with; whether there is one."""
        return any(self.join(one, node) for one in those)

    def every(self) -> Iterator[list[Node]]:
        """Each group once, in the order in which the first of each is shown."""
        order = {node: place for place, node in enumerate(self.shown)}
        met: set[Node] = set()
        for node in self.shown:
            if node not in met:
                met.update(self._group[node])
                yield sorted(self._group[node], key=order.__getitem__)

    def _at_once(self, one: Node, other: Node) -> bool:
        if one[0] != other[0]:
            return False
        mine, theirs = self.shown[one].face.spans, self.shown[other].face.spans
        return any(start <= until and begin <= end for start, end in mine for begin, until in theirs)


def _by_place(calls: Sequence[RollCall], seen: Mapping[int, Sequence[Seen]]) -> Iterator[tuple[Node, Node]]:
    """Faces of two recordings of the same footage that are one by time and place."""
    faces = {one.track: (call.blob, face.number) for call in calls for face in call.faces for one in face.appearances}
    for call in calls:
        for _, passage in call.copies:
            if passage.blob >= passage.other or passage.other not in seen:
                continue
            ours, theirs = seen.get(passage.blob, ()), seen[passage.other]
            for one in ours:
                for other in same_face.elsewhere(one, ours, theirs, passage.stretch):
                    if one.track in faces and other.track in faces:
                        yield faces[one.track], faces[other.track]


def _by_person(
    calls: Sequence[RollCall], person: Callable[[Question], Known | None]
) -> Mapping[tuple[int, ...], list[Node]]:
    """Faces of which possible sightings of one person stand."""
    found: dict[tuple[int, ...], list[Node]] = {}
    for call in calls:
        for face in call.faces:
            for known in _of(face, person):
                found.setdefault(known.entries, []).append((call.blob, face.number))
    return found


def _of(face: Face, person: Callable[[Question], Known | None]) -> list[Known]:
    asked = face.asked if face.state is FaceState.SIGHTING else ()
    found = {known.entries: known for one in asked if (known := person(one))}
    return list(found.values())


def _known(
    nodes: Iterable[Node], shown: Mapping[Node, Shown], person: Callable[[Question], Known | None]
) -> tuple[Known, ...]:
    found = {known.entries: known for node in nodes for known in _of(shown[node].face, person)}
    return tuple(found.values())


def _places(shown: Shown) -> Iterator[Place]:
    """Where this face was published: of other files with the footage only those whose part shows it."""
    for place in shown.call.places:
        stretch = place.passage.stretch if place.passage else None
        if stretch is None or any(stretch.shows(start, end) for start, end in shown.face.spans):
            yield place


# --- as text -----------------------------------------------------------------------------------------------

COLUMNS: Final = (
    *("case", "person", "state", "register_numbers", "candidates", "open", "confirmed_by", "also_said", "kept_back"),
    *("first_published", "first_seen", "days_open", "recordings", "posts"),
)


def as_rows(case: GroupCase, now: datetime) -> Iterator[tuple[object, ...]]:
    """A row a member, under `COLUMNS`."""
    for one in case.everybody:
        yield (
            case.id,
            one.number,
            one.state if one.counted else "not searched",
            "; ".join(_numbers(one)),
            "; ".join(str(question.id) for question in one.questions),
            ("" if one.confirmed else "yes") if case.whole else "",
            "; ".join(said_by(said) for known in one.known for said in known.confirmations),
            "; ".join(said_by(said) for known in one.known for said in known.claims),
            "" if case.whole else "yes",
            one.first_published_at.date().isoformat() if one.first_published_at else "",
            one.first_seen_at.date().isoformat(),
            days(one.since, now) if case.whole and not one.confirmed else "",
            "; ".join(f"{shown.call.sha256} face {shown.face.number}" for shown in one.shown),
            " ".join(dict.fromkeys(place.permalink for place in one.places)),
        )


LIST_COLUMNS: Final = (
    *("case", "title", "since", "days_open", "shown", "accounted_for", "waiting", "unaccounted", "confirmed", "open"),
    *("recordings", "closed"),
)


def as_row(case: GroupCase, now: datetime) -> tuple[object, ...]:
    """A case as a row under `LIST_COLUMNS`."""
    said = summary(case, now)
    return tuple(said[name] for name in LIST_COLUMNS)


def summary(case: GroupCase, now: datetime) -> dict[str, object]:
    """The counts of one case, for JSON."""
    counted = case.counted
    return {
        "case": case.id,
        "title": case.title,
        "opened_at": iso(case.opened_at),
        "since": iso(case.since),
        "days_open": days(case.since, now),
        "shown": case.shown,
        "by_tracks": case.people,
        "tracked_at": iso(case.tracked_at) if case.tracked_at else None,
        "by_eye": counted.people if counted else None,
        "counted_at": iso(counted.at) if counted else None,
        "accounted_for": case.accounted,
        "waiting": case.waiting,
        "unaccounted": case.unaccounted,
        "confirmed": case.confirmed,
        "open": case.open,
        "not_searched": case.not_searched,
        "recordings": len(case.files),
        "closed": iso(case.closed.at) if case.closed else None,
        "lacks": list(case.lacks),
    }


def as_dict(case: GroupCase, now: datetime) -> dict[str, object]:
    """All of one case, for JSON."""
    return {
        **summary(case, now),
        "reason": case.reason,
        "people": [_member(one, now) for one in case.everybody],
        "files": [{"blob": one.sha256, "why": one.why, "by": one.by, "at": iso(one.at)} for one in case.files],
        "notes": [
            {"kind": one.kind, "people": one.people, "note": one.note, "by": one.by, "at": iso(one.at)}
            for one in case.notes
        ],
        "letters": [
            {"id": one.id, "recipient": one.recipient, "state": one.event or "written", "made_at": iso(one.made_at)}
            for one in case.letters
        ],
        "seen_again": [_proposal(one) for one in case.proposals],
        "at_one_time": list(case.torn),
    }


def said_by(said: Statement) -> str:
    """A statement in one line."""
    since = f" since {said.since}" if said.since else ""
    return f"{said.body}: {said.says}{since} ({said.source} {said.reference}, {said.dated})"


def _member(one: Member, now: datetime) -> dict[str, object]:
    return {
        "person": one.number,
        "state": one.state,
        "searched": one.counted,
        "open": not one.confirmed,
        "register_numbers": _numbers(one),
        "candidates": [question.id for question in one.questions],
        "said": [
            {
                "says": said.says,
                "body": said.body,
                "source": said.source,
                "reference": said.reference,
                "dated": said.dated.isoformat(),
                "since": said.since.isoformat() if said.since else None,
                "confirms": said.says in CONFIRMS,
            }
            for known in one.known
            for said in known.said
        ],
        "contradictions": sum(len(known.contradictions) for known in one.known),
        "first_published_at": iso(one.first_published_at) if one.first_published_at else None,
        "first_seen_at": iso(one.first_seen_at),
        "days_open": None if one.confirmed else days(one.since, now),
        "faces": [{"blob": shown.call.sha256, "face": shown.face.number} for shown in one.shown],
    }


def _proposal(one: Proposal) -> dict[str, object]:
    return {
        "blob": one.sha256,
        "same_footage": [sha256 for sha256, _ in one.stretches],
        "people": list(one.members),
        "register_numbers": list(one.people),
        "refused": one.refused.why if one.refused else None,
    }


def _numbers(one: Member) -> list[str]:
    """Of whom it may be: sightings, or candidates that wait."""
    return list(dict.fromkeys(question.register_number for question in one.questions))
