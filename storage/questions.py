"""What state each candidate has: of all that is known of them, never of the order in which it came to be known.

Plain values in, plain values out; `storage.candidates` reads and writes them.

A question is put once: "is the face of this cast member this person?"  Several tracks of the member may ask it, and
tracks of re-posts, and several entries of the register that are declared as one person, too; one of them carries it and
the others are `joined` to it.  What another engine than the one in use has found asks until that one finds the same;
distances of two engines are never compared.  What two people confirmed is not touched.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from lastseen.lifecycle import CandidateState
from storage import same_face
from storage.same_face import Overlap, Seen

ALIKE = 0.8
"""part of the larger of two distances: a rejection does not hold for the face of a re-post that is so much nearer to
the person than the rejected one, or so much farther from them.  Copies of a notice with an exchanged photo are linked,
too, whichever of the two photos was rejected.  Copies of one face differ by less"""


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate as it stands."""

    id: int
    track: int
    analysis: int
    blob: int
    start_ms: int
    end_ms: int
    person: int
    engine: str
    distance: float
    state: str
    withdrawn: bool
    hinted: bool
    """words of a post with this file name somebody who may be this person"""
    shown: bool
    """its moment was cut"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A rejection that stands."""

    id: int
    person: int
    track: int
    analysis: int
    blob: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the candidates of some files depend on."""

    rows: Sequence[Row]
    refused: Sequence[Refused] = ()
    links: Sequence[tuple[int, int]] = ()
    """tracks that the cast joins"""
    reposts: Mapping[tuple[int, int], Sequence[Overlap]] = field(default_factory=dict)
    """(blob, other blob) -> stretches, in both directions"""
    seen: Mapping[int, Seen] = field(default_factory=dict)
    """track -> where it was, of all tracks of the analyses where that matters"""
    engine: str = ""
    """the one in use"""
    same: Sequence[tuple[int, int]] = ()
    """people (row ids) whom the register declares to be one person, entered twice"""


@dataclass(frozen=True, slots=True)
class _Question:
    """One person at one cast member."""

    front: Row
    rows: tuple[Row, ...]
    hinted: bool

    @property
    def rank(self) -> tuple[bool, bool, float, int]:
        return self.front.state != CandidateState.SIGHTING, not self.hinted, self.front.distance, self.front.person

    def age(self, engine: str) -> tuple[bool, bool, int, float, int]:
        """The earliest file asks, so that a question stays where it is when others publish the footage again."""
        front = self.front
        return front.state != CandidateState.SIGHTING, front.engine != engine, front.blob, front.distance, front.track


def heads(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Each of those that pairs join, over any number of others, and the least that it is joined with."""
    head: dict[int, int] = {}

    def of(one: int) -> int:
        while head.setdefault(one, one) != one:
            one = head[one]
        return one

    for one, other in pairs:
        least, most = sorted((of(one), of(other)))
        head[most] = least
    return {one: of(one) for one in head}


class Faces:
    """Which tracks show one face."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._head = heads(known.links)
        self._tracks: dict[int, list[int]] = defaultdict(list)
        for track in {row.track for row in known.rows} | {no.track for no in known.refused} | set(self._head):
            self._tracks[self.member(track)].append(track)
        for member in list(self._tracks):
            self._tracks[member] = sorted({*self._tracks[member], member})
        self._around: dict[int, list[int]] = defaultdict(list)
        for one, other in known.reposts:
            self._around[one].append(other)
        self._beside: dict[int, list[Seen]] = defaultdict(list)
        for seen in known.seen.values():
            self._beside[seen.analysis].append(seen)

    def member(self, track: int) -> int:
        """One of the tracks that its cast joins it to, the same for all of them."""
        return self._head.get(track, track)

    def are_one(self, one: Row | Refused, other: Row | Refused) -> bool:
        """Whether two tracks show one face: by the cast, by their place in the file, or through a re-post."""
        if self.member(one.track) == self.member(other.track):
            return True
        if one.blob != other.blob:
            return self._are_one_elsewhere(one, other)
        return one.analysis != other.analysis and same_face.any_pair(self._seen(one), self._seen(other))

    def around(self, blob: int) -> list[int]:
        """The file itself, and those that show footage of it."""
        return [blob, *self._around[blob]]

    def ask_the_same(self, one: Row, other: Row) -> bool:
        """Of two candidates for one person: whether it is one member, seen at one time in two analyses, or re-posted.

        Where no places were kept, times will do.
        """
        if one.blob == other.blob:
            same = self.member(one.track) == self.member(other.track)
            return same or (one.analysis != other.analysis and _at_once(one, other))
        if self._are_one_elsewhere(one, other):
            return True
        if any(seen.looks for row in (one, other) for seen in self._seen(row)):
            return False
        return any(
            (carried := stretch.carried(mine)) is not None and same_face.at_once(carried, theirs)
            for stretch in self._known.reposts.get((one.blob, other.blob), ())
            for mine in self._seen(one)
            for theirs in self._seen(other)
        )

    def _are_one_elsewhere(self, one: Row | Refused, other: Row | Refused) -> bool:
        beside, beside_other = self._beside[one.analysis], self._beside[other.analysis]
        return any(
            same_face.same_footage(mine, beside, theirs, beside_other, stretch)
            for stretch in self._known.reposts.get((one.blob, other.blob), ())
            for mine in self._seen(one)
            for theirs in self._seen(other)
        )

    def _seen(self, row: Row | Refused) -> list[Seen]:
        tracks = self._tracks[self.member(row.track)]
        return [self._known.seen[track] for track in tracks if track in self._known.seen]


def refusals(known: Known) -> dict[int, tuple[int, ...]]:
    """Candidate -> the rejections that stand against it; only those that have any."""
    return _refusals(_as_one(known))


def _as_one(known: Known) -> Known:
    """The same with one row id for all entries of a person who was entered several times."""
    if not known.same:
        return known
    head = heads(known.same)
    rows = [replace(row, person=head.get(row.person, row.person)) for row in known.rows]
    refused = [replace(no, person=head.get(no.person, no.person)) for no in known.refused]
    return replace(known, rows=rows, refused=refused, same=())


def _refusals(known: Known) -> dict[int, tuple[int, ...]]:
    """Where each person is one row id."""
    faces = Faces(known)
    of_file: dict[tuple[int, int], list[Refused]] = defaultdict(list)
    for no in known.refused:
        of_file[no.person, no.blob].append(no)
    distances: dict[tuple[int, int, str], float] = {}
    for row in known.rows:
        key = row.track, row.person, row.engine
        distances[key] = min(row.distance, distances.get(key, row.distance))

    def differ(row: Row, no: Refused) -> bool:
        rejected = distances.get((no.track, no.person, row.engine), row.distance)
        near, far = sorted((row.distance, rejected))
        return row.blob != no.blob and near < ALIKE * far

    def against(row: Row) -> tuple[int, ...]:
        near = (no for blob in faces.around(row.blob) for no in of_file.get((row.person, blob), ()))
        return tuple(sorted(no.id for no in near if not differ(row, no) and faces.are_one(no, row)))

    return {row.id: ids for row in known.rows if (ids := against(row))}


def of_face(known: Known, candidate: int) -> tuple[int, ...]:
    """The rejections of a candidate's face, whomever it was said not to be."""
    faces = Faces(known)
    row = next(row for row in known.rows if row.id == candidate)
    return tuple(no.id for no in known.refused if faces.are_one(no, row))


def states(known: Known, people_per_track: int) -> dict[int, str]:
    """Candidate -> its state."""
    known = _as_one(known)
    faces, refused = Faces(known), _refusals(known)
    found = {row.id: row.state if row.state == CandidateState.SIGHTING else _closed(row, refused) for row in known.rows}
    live = [row for row in known.rows if found[row.id] in ("", CandidateState.SIGHTING)]
    found |= _superseded(live)
    live = [row for row in live if found[row.id] in ("", CandidateState.SIGHTING)]
    asked: dict[tuple[int, str], list[_Question]] = defaultdict(list)
    for question in _questions(live, faces.member):
        asked[faces.member(question.front.track), question.front.engine].append(question)
    queued: list[_Question] = []
    for questions in asked.values():
        ranked = sorted(questions, key=lambda one: one.rank)
        queued += ranked[:people_per_track]
        for question in ranked[people_per_track:]:
            found |= dict.fromkeys(_ids(question.rows), CandidateState.DISPLACED)
    for question, state in _asking(queued, faces, known.engine):
        joined = CandidateState.JOINED if state == CandidateState.OPEN else state
        found |= dict.fromkeys(_ids(question.rows), joined) | {question.front.id: state}
    return found | {row.id: row.state for row in known.rows if row.state == CandidateState.SIGHTING}


def _closed(row: Row, refused: Mapping[int, object]) -> str:
    """Why a candidate asks nothing, or nothing."""
    if row.id in refused:
        return CandidateState.REJECTED
    return CandidateState.WITHDRAWN if row.withdrawn else ""


def _superseded(live: Iterable[Row]) -> dict[int, str]:
    """Those that a newer analysis of the same file shows, too: the same person by the same engine at the same time."""
    groups: dict[tuple[int, int, str], list[Row]] = defaultdict(list)
    for row in live:
        groups[row.blob, row.person, row.engine].append(row)
    return {
        older.id: CandidateState.SUPERSEDED
        for rows in groups.values()
        for older in rows
        for newer in rows
        if older.analysis < newer.analysis and older.state != CandidateState.SIGHTING and _at_once(older, newer)
    }


def _questions(live: Sequence[Row], member: Callable[[int], int]) -> list[_Question]:
    """Candidates of one cast member for one person by one engine are one question; the nearest asks it."""

    def key(row: Row) -> tuple[int, int, str]:
        return member(row.track), row.person, row.engine

    made = []
    for _, group in groupby(sorted(live, key=key), key):
        rows = tuple(sorted(group, key=lambda row: (row.state != CandidateState.SIGHTING, row.distance, row.track)))
        made.append(_Question(rows[0], rows, any(row.hinted for row in rows)))
    return made


def _asking(queued: Iterable[_Question], faces: Faces, engine: str) -> Iterator[tuple[_Question, CandidateState]]:
    """Each question, and whether it is asked, or which state it has since another one asks the same.

    Only questions that are open stand for others: links of re-posts are not chained.
    """
    carry: dict[tuple[int, int], list[_Question]] = defaultdict(list)
    for question in sorted(queued, key=lambda one: one.age(engine)):
        front = question.front
        near = (one.front for blob in faces.around(front.blob) for one in carry.get((front.person, blob), ()))
        carrier = next((other for other in near if faces.ask_the_same(front, other)), None)
        if carrier is None:
            carry[front.person, front.blob].append(question)
            yield question, CandidateState.OPEN
        elif front.engine != engine == carrier.engine:
            yield question, CandidateState.SUPERSEDED
        else:
            yield question, CandidateState.JOINED


def _at_once(one: Row, other: Row) -> bool:
    return one.start_ms <= other.end_ms and other.start_ms <= one.end_ms


def _ids(rows: Iterable[Row]) -> list[int]:
    return [row.id for row in rows]
