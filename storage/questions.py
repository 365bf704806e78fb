"""What state each candidate has: of all that is known of them, never of the order in which it came to be known.

Plain values in, plain values out; `storage.candidates` reads and writes them.

A question is put once: "is the face of this cast member this person?"  Several tracks of the member may ask it, and
tracks of re-posts, and several entries of the register that are declared as one person, too; one of them carries it and
the others are `joined` to it.  What another engine than the one in use has found asks until that one finds the same;
distances of two engines are never compared.

Judgements are of the question, on whichever of its candidates they were given: they count wherever a rejection would
hold, for whatever shows the same face and asks about the same person.  What was judged stays in front: it is neither
displaced nor superseded, so that the second reviewer sees what the first saw.  Of two that were judged and turn out to
be one question, the one that was judged first asks, and what a person said of both counts once, by what they said last.
A possible sighting stays one when its person is found or its entry withdrawn: that two people saw somebody is a fact.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from math import inf
from typing import TypeVar

from lastseen.judging import Said, Stage, Verdict, weigh
from lastseen.lifecycle import CandidateState
from storage import same_face
from storage.same_face import Seen, Stretch

ALIKE = 0.8
"""part of the larger of two distances: a rejection or a judgement does not hold for the face of a re-post that is so
much nearer to the person than the one it was said of, or so much farther from them.  Copies of a notice with an
exchanged photo are linked, too, whichever of the two photos was looked at.  Copies of one face differ by less"""


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
    due: str | None = Stage.TRIAGE
    """whose turn it was when it was last arranged; None: nobody's"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A rejection that stands."""

    id: int
    person: int
    track: int
    analysis: int
    blob: int


@dataclass(frozen=True, slots=True)
class Given:
    """A judgement that was not undone."""

    id: int
    candidate: int
    """the one on which it was given"""
    person: int
    track: int
    analysis: int
    blob: int
    said: Said
    stands: bool
    """False: superseded, or set aside"""


@dataclass(frozen=True, slots=True)
class Known:
    """What the candidates of some files depend on."""

    rows: Sequence[Row]
    refused: Sequence[Refused] = ()
    links: Sequence[tuple[int, int]] = ()
    """tracks that the cast joins"""
    reposts: Mapping[tuple[int, int], Sequence[Stretch]] = field(default_factory=dict)
    """(blob, other blob) -> stretches, in both directions"""
    seen: Mapping[int, Seen] = field(default_factory=dict)
    """track -> where it was, of all tracks of the analyses where that matters"""
    engine: str = ""
    """the one in use"""
    same: Sequence[tuple[int, int]] = ()
    """people (row ids) whom the register declares to be one person, entered twice"""
    given: Sequence[Given] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    """One person at one cast member."""

    front: Row
    rows: tuple[Row, ...]
    hinted: bool
    judged: float
    """row id of the first judgement on the front that stands; infinite: there is none"""

    @property
    def rank(self) -> tuple[float, bool, float, int]:
        return self.judged, not self.hinted, self.front.distance, self.front.person

    def age(self, engine: str) -> tuple[float, bool, int, float, int]:
        """The earliest file asks, so that a question stays where it is when others publish the footage again."""
        front = self.front
        return self.judged, front.engine != engine, front.blob, front.distance, front.track


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


DECIDED = {Verdict.SIGHTING: CandidateState.SIGHTING, Verdict.UNDECIDED: CandidateState.UNDECIDED}
"""verdict -> state of the candidate that asks; a rejection has a row of its own, since it holds elsewhere, too"""
_Told = TypeVar("_Told", Refused, Given)


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

    def are_one(self, one: Row | Refused | Given, other: Row | Refused) -> bool:
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

    def _are_one_elsewhere(self, one: Row | Refused | Given, other: Row | Refused) -> bool:
        beside, beside_other = self._beside[one.analysis], self._beside[other.analysis]
        return any(
            same_face.same_footage(mine, beside, theirs, beside_other, stretch)
            for stretch in self._known.reposts.get((one.blob, other.blob), ())
            for mine in self._seen(one)
            for theirs in self._seen(other)
        )

    def _seen(self, row: Row | Refused | Given) -> list[Seen]:
        tracks = self._tracks[self.member(row.track)]
        return [self._known.seen[track] for track in tracks if track in self._known.seen]


def refusals(known: Known) -> dict[int, tuple[int, ...]]:
    """Candidate -> the rejections that stand against it; only those that have any."""
    known = _as_one(known)
    return _ids_of(_reaching(known, known.refused))


def reached(known: Known) -> dict[int, tuple[Given, ...]]:
    """Candidate -> the judgements that count for it, in their order; only those that have any."""
    known = _as_one(known)
    return _reaching(known, known.given)


def weighed(known: Known) -> dict[int, tuple[Verdict, Stage | None]]:
    """Candidate -> what the judgements that stand and count for it come to, and what is due; only those with any."""
    return {row: _weighed(given) for row, given in reached(known).items()}


def _weighed(given: Iterable[Given]) -> tuple[Verdict, Stage | None]:
    return weigh(one.said for one in given if one.stands)


def _as_one(known: Known) -> Known:
    """The same with one row id for all entries of a person who was entered several times."""
    if not known.same:
        return known
    head = heads(known.same)
    rows = [replace(row, person=head.get(row.person, row.person)) for row in known.rows]
    refused = [replace(no, person=head.get(no.person, no.person)) for no in known.refused]
    given = [replace(one, person=head.get(one.person, one.person)) for one in known.given]
    return replace(known, rows=rows, refused=refused, same=(), given=given)


def _ids_of(reaching: Mapping[int, Sequence[Refused]]) -> dict[int, tuple[int, ...]]:
    return {row: tuple(no.id for no in found) for row, found in reaching.items()}


def _reaching(known: Known, said: Sequence[_Told]) -> dict[int, tuple[_Told, ...]]:
    """Candidate -> what was said of its face and its person; where each person is one row id."""
    if not said:
        return {}
    faces = Faces(known)
    of_file: dict[tuple[int, int], list[_Told]] = defaultdict(list)
    for one in said:
        of_file[one.person, one.blob].append(one)
    distances: dict[tuple[int, int, str], float] = {}
    for row in known.rows:
        key = row.track, row.person, row.engine
        distances[key] = min(row.distance, distances.get(key, row.distance))

    def differ(row: Row, one: _Told) -> bool:
        looked_at = distances.get((one.track, one.person, row.engine), row.distance)
        near, far = sorted((row.distance, looked_at))
        return row.blob != one.blob and near < ALIKE * far

    def of(row: Row) -> tuple[_Told, ...]:
        near = (one for blob in faces.around(row.blob) for one in of_file.get((row.person, blob), ()))
        found = (one for one in near if not differ(row, one) and faces.are_one(one, row))
        return tuple(sorted(found, key=lambda one: one.id))

    return {row.id: found for row in known.rows if (found := of(row))}


def of_face(known: Known, candidate: int) -> tuple[int, ...]:
    """The rejections of a candidate's face, whomever it was said not to be."""
    faces = Faces(known)
    row = next(row for row in known.rows if row.id == candidate)
    return tuple(no.id for no in known.refused if faces.are_one(no, row))


def states(known: Known, people_per_track: int) -> dict[int, str]:
    """Candidate -> its state."""
    known = _as_one(known)
    faces, refused = Faces(known), _ids_of(_reaching(known, known.refused))
    verdicts, judged = weighed(known), _judged(known.given)
    sighted = {row.id for row in known.rows if row.id in judged and _verdict(verdicts, row.id) is Verdict.SIGHTING}
    found = {row.id: "" if row.id in sighted else _closed(row, refused) for row in known.rows}
    live = [row for row in known.rows if not found[row.id]]
    found |= _superseded(live, judged)
    live = [row for row in live if not found[row.id]]
    asked: dict[tuple[int, str], list[_Question]] = defaultdict(list)
    for question in _questions(live, faces.member, judged):
        asked[faces.member(question.front.track), question.front.engine].append(question)
    queued: list[_Question] = []
    for questions in asked.values():
        over = [one for one in questions if _verdict(verdicts, one.front.id) is Verdict.UNDECIDED]  # nobody's place
        others = [one for one in questions if _verdict(verdicts, one.front.id) is not Verdict.UNDECIDED]
        ranked = sorted(others, key=lambda one: one.rank)
        queued += over + ranked[:people_per_track]
        for question in ranked[people_per_track:]:
            found |= dict.fromkeys(_ids(question.rows), CandidateState.DISPLACED)
    for question, state in _asking(queued, faces, known.engine):
        joined = CandidateState.JOINED if state == CandidateState.OPEN else state
        asks = DECIDED.get(_verdict(verdicts, question.front.id), state) if state == CandidateState.OPEN else state
        found |= dict.fromkeys(_ids(question.rows), joined) | {question.front.id: asks}
    return found


def _judged(given: Iterable[Given]) -> dict[int, int]:
    """Candidate -> the first judgement on it that stands."""
    found: dict[int, int] = {}
    for one in given:
        if one.stands:
            found[one.candidate] = min(one.id, found.get(one.candidate, one.id))
    return found


def _verdict(weighed: Mapping[int, tuple[Verdict, Stage | None]], candidate: int) -> Verdict:
    return weighed[candidate][0] if candidate in weighed else Verdict.OPEN


def _closed(row: Row, refused: Mapping[int, object]) -> str:
    """Why a candidate asks nothing, or nothing."""
    if row.id in refused:
        return CandidateState.REJECTED
    return CandidateState.WITHDRAWN if row.withdrawn else ""


def _superseded(live: Iterable[Row], judged: Container[int]) -> dict[int, str]:
    """Those that a newer analysis of the same file shows, too: the same person by the same engine at the same time."""
    groups: dict[tuple[int, int, str], list[Row]] = defaultdict(list)
    for row in live:
        groups[row.blob, row.person, row.engine].append(row)
    return {
        older.id: CandidateState.SUPERSEDED
        for rows in groups.values()
        for older in rows
        for newer in rows
        if older.analysis < newer.analysis and older.id not in judged and _at_once(older, newer)
    }


def _questions(live: Sequence[Row], member: Callable[[int], int], judged: Mapping[int, int]) -> list[_Question]:
    """Candidates of one cast member for one person by one engine are one question.

    What was judged first asks it, or else what is nearest.
    """

    def key(row: Row) -> tuple[int, int, str]:
        return member(row.track), row.person, row.engine

    made = []
    for _, group in groupby(sorted(live, key=key), key):
        rows = tuple(sorted(group, key=lambda row: (judged.get(row.id, inf), row.distance, row.track)))
        hinted = any(row.hinted for row in rows)
        made.append(_Question(rows[0], rows, hinted, judged.get(rows[0].id, inf)))
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
