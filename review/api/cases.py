"""What comes after a decision, for programs: records, possible sightings, hand-overs, roll calls, hints."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field
from starlette.exceptions import HTTPException

from lastseen.judging import Feature, Stage, Verdict
from lastseen.lifecycle import CandidateState, FaceState
from review.api.door import Call, Given, Id, Told, Word
from review.api.reviewing import LineTold
from review.cases import candidates, videos
from review.cases.candidates import Record
from review.cases.hints import ROWS_A_PAGE, told
from storage import custody, decided, hand_overs, name_hints, reviewing, roll_call, roll_calls, tellings
from storage.custody import Action
from storage.database import Connection
from storage.decided import Showing, Which

FARTHEST: Final = 1_000_000_000_000
"""behind the newest"""


# --- what is sent ------------------------------------------------------------------------------------------


class WhichSightings(Given):
    """Which possible sightings are listed, and from where on."""

    show: Which = Which.WAITING
    before: Id | None = Field(None, description="`before` of the page before")


class HandOver(Given):
    """To whom a possible sighting goes, and what is said with it."""

    receiver: Annotated[Word, Field(min_length=1)] = Field(description="name or office of the case officer")
    note: Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")] = ""


class Page(Given):
    """From where on a list goes."""

    after: Annotated[Id, Field(le=FARTHEST)] | None = Field(None, description="`after` of the page before")


# --- what is told ------------------------------------------------------------------------------------------


class PlaceTold(Told):
    """One post that carries the file."""

    platform: str
    permalink: str
    published_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    gone: bool
    source: str
    title: str
    text: str
    kept_back: bool = Field(description="no words: whoever asks may still be asked about a face of it")


class CopyTold(Told):
    """One post that carries another file with the same footage."""

    permalink: str
    published_at: datetime | None
    first_seen_at: datetime


class JudgementTold(Told):
    """One judgement; before all are in, nobody is told another's."""

    id: int
    reviewer: str
    stage: Stage
    answer: int | None
    reason: str
    features: dict[Feature, LineTold]
    supersedes: int | None
    judged_at: datetime
    undone_at: datetime | None
    superseded_by: int | None
    stands: bool


class VerdictTold(Told):
    """What the judgements of a moment came to."""

    id: int
    verdict: Verdict
    judgements: tuple[int, ...]
    made_at: datetime


class HandedTold(Told):
    """One hand-over."""

    id: int
    receiver: str
    note: str
    handed_by: str
    handed_at: datetime


class RecordTold(Told):
    """Everything of one candidate, as far as whoever asks may see it."""

    person: str = Field(description="register number")
    names: tuple[str, ...]
    sha256: str = Field(description="of the file that shows the face")
    kind: str
    start_ms: int
    end_ms: int
    chance: str = Field(description="how often chance alone comes as near, in words")
    places: tuple[PlaceTold, ...]
    copies: tuple[CopyTold, ...]
    judgements: tuple[JudgementTold, ...]
    verdicts: tuple[VerdictTold, ...]
    handed_over: tuple[HandedTold, ...]
    shots: tuple[str, ...] = Field(description="addresses of pictures")
    photos: tuple[str, ...]
    still: str | None
    clip: str | None


class Candidate(Told):
    """A candidate."""

    id: int
    state: CandidateState
    showing: Showing = Field(description="`not yet`: whoever asks may still be asked themselves, and is told nothing")
    record: RecordTold | None


class SightingTold(Told):
    """A line of the list of possible sightings."""

    id: int = Field(description="of the candidate")
    state: CandidateState
    register_number: str
    names: tuple[str, ...]
    kind: str
    at_ms: int
    decided_at: datetime
    permalink: str | None
    published_at: datetime | None
    first_seen_at: datetime | None
    places: int
    receiver: str | None
    handed_at: datetime | None
    holds: bool


class Sightings(Told):
    """A page of possible sightings, the newest first."""

    rows: tuple[SightingTold, ...]
    before: int | None = Field(description="where the next page goes on; null: this is the last")
    waiting: int = Field(description="how many nobody was told of")


class MomentTold(Told):
    """Where somebody was perhaps seen."""

    id: int
    state: CandidateState
    kind: str
    at_ms: int
    permalink: str | None
    published_at: datetime | None
    first_seen_at: datetime | None
    places: int
    receiver: str | None
    handed_at: datetime | None
    holds: bool


class Asked(Told):
    """A candidate of a face."""

    id: int
    person: str = Field(description="register number; empty: whoever asks may still be asked themselves")
    state: CandidateState
    elsewhere: bool


class Span(Told):
    """When a face is to be seen."""

    start_seconds: float
    end_seconds: float


class FaceTold(Told):
    """One person of a file, as far as software can tell."""

    face: int
    state: FaceState
    candidates: tuple[Asked, ...]
    searched: bool
    why_not_searched: str
    seen: tuple[Span, ...]
    best_picture_at_seconds: float | None
    expired_at: datetime | None


class Where(Told):
    """A post that carries the file, or another file with the same footage."""

    blob: str
    post: str
    source: str
    published_at: datetime | None
    first_seen_at: datetime
    gone: bool
    start_seconds: float | None = None
    end_seconds: float | None = None
    there_start_seconds: float | None = None
    there_end_seconds: float | None = None
    mirrored: bool | None = None


class Footage(Told):
    """Another file that shows the same footage, and in which stretch."""

    blob: str
    start_seconds: float
    end_seconds: float
    there_start_seconds: float
    there_end_seconds: float
    mirrored: bool


class Counts(Told):
    """Who of one file is accounted for."""

    blob: str = Field(description="sha256")
    people: int
    accounted_for: int
    waiting: int
    unaccounted: int
    rejected: int
    not_searched: int
    complete: bool
    lacks: tuple[str, ...]
    first_seen_at: datetime
    places: tuple[Where, ...]


class RollCallTold(Counts):
    """Everybody whom one file shows."""

    kind: str | None
    duration_seconds: float | None
    analyzed_at: datetime | None
    note: str
    faces: tuple[FaceTold, ...]
    same_footage: tuple[Footage, ...]


class Unaccounted(Told):
    """Files with people who are unaccounted for, the newest first."""

    people: int
    rows: tuple[Counts, ...]
    after: int | None = Field(description="where the next page goes on; null: this is the last")


class ReasonTold(Told):
    """What a post says of one field of an entry."""

    field: str
    said: str
    registered: str
    verdict: str
    how: str


class Hint(Told):
    """A post whose words name somebody in the register."""

    id: int
    register_number: str
    names: tuple[str, ...]
    birth_year: int | None
    score: float
    namesakes: int
    reasons: tuple[ReasonTold, ...]
    permalink: str
    source: str
    published_at: datetime | None
    first_seen_at: datetime
    title: str
    text: str
    earlier: bool
    candidates: tuple[int, ...] = Field(description="whom a face of the post resembles, too")
    found_at: datetime


class Hints(Told):
    """A page of hints, the newest first."""

    total: int = Field(description="in all, or as far as they are counted")
    rows: tuple[Hint, ...]
    kept_back: int = Field(description="of this page: they would say whom a face that waits is compared with")
    after: int | None = Field(description="where the next page goes on; null: this is the last")


# --- what is done ------------------------------------------------------------------------------------------


def candidate(call: Call) -> Candidate:
    """The record of a candidate, as far as one may see it.

    Reviewers see nothing before they have answered themselves, and others' answers only once it is settled.  That it
    was looked at stands in the custody log.
    """
    id_, user = call.id, call.user
    with call.desk.stores.db.begin() as db:
        showing, state = decided.showing(db, user, id_), reviewing.state(db, id_)
        if showing is None or state is None:
            raise HTTPException(404)
        if state in decided.DECIDED:
            tellings.tell(db, user, [id_])
        if not decided.may_see(user, showing, state):
            return Candidate(id=id_, state=state, showing=showing, record=None)
        return _looked_at(db, call, id_, showing, state)


def sighting(call: Call) -> Candidate:
    """The record of a possible sighting.  That it was looked at stands in the custody log."""
    with call.desk.stores.db.begin() as db:
        _require(db, call.id)
        return _looked_at(db, call, call.id, Showing.WHOLE, CandidateState.SIGHTING)


def sightings(call: Call, asked: WhichSightings) -> Sightings:
    """Possible sightings, the newest first."""
    with call.desk.stores.db.begin() as db:
        found, waiting = decided.sightings(db, call.user, asked.show, asked.before), decided.waiting(db)
        rows = found[: decided.MOST]
        tellings.tell(db, call.user, [row.id for row in rows])
        custody.append(db, call.user.name, Action.VIEWED, "sightings", {"show": asked.show})
    before = rows[-1].verdict if len(found) > decided.MOST else None
    return Sightings(rows=tuple(map(SightingTold.model_validate, rows)), before=before, waiting=waiting)


def hand_over(call: Call, given: HandOver) -> HandedTold:
    """Write down that a possible sighting goes to a case officer."""
    with call.desk.stores.db.begin() as db:
        _require(db, call.id)
        entry = hand_overs.hand_over(db, call.id, given.receiver, given.note, call.user)
        tellings.tell(db, call.user, [call.id])
        made = HandedTold.model_validate(hand_overs.of_candidate(db, call.id)[-1])
        custody.append_all(db, call.user.name, [entry])
    return made


def roll_call_(call: Call) -> RollCallTold:
    """Everybody in one file, by its sha256 or row id.

    A candidate is named only to whoever has judged it, or once it is settled.
    """
    with call.desk.stores.db.begin() as db:
        drawn = videos.known(db, call.user, call.word("blob"))
        told = RollCallTold.model_validate(roll_call.as_dict(drawn))
        custody.append(db, call.user.name, Action.VIEWED, f"blob:{drawn.sha256}", {"what": "roll call"})
    return told


def unaccounted(call: Call, asked: Page) -> Unaccounted:
    """Files in which only some of the people could be accounted for, the newest first."""
    past = asked.after or 0
    with call.desk.stores.db.begin() as db:
        calls = roll_calls.open_items(db)
        custody.append(db, call.user.name, Action.VIEWED, "unaccounted", {"videos": len(calls)})
    rows = tuple(Counts.model_validate(roll_call.open_item(one)) for one in calls[past : past + ROWS_A_PAGE])
    return Unaccounted(people=sum(one.unaccounted for one in calls), rows=rows, after=_next(past, len(calls)))


def hints(call: Call, asked: Page) -> Hints:
    """Posts whose words name somebody in the register, the newest first.

    One is kept back while a face of its pictures waits to be compared with somebody whom it names, and whoever asks
    has not answered.
    """
    with call.desk.stores.db.begin() as db:
        found = name_hints.page(db, ROWS_A_PAGE, older_than=asked.after)
        rows = told(db, call.user, found)
        custody.append(db, call.user.name, Action.VIEWED, "hints", {"hints": [row.id for row in rows]})
    kept_back = len(found.rows) - len(rows)
    return Hints(total=found.total, rows=tuple(map(Hint.model_validate, rows)), kept_back=kept_back, after=found.older)


def _require(db: Connection, id_: int) -> None:
    if reviewing.state(db, id_) is not CandidateState.SIGHTING:
        raise HTTPException(404)


def _looked_at(db: Connection, call: Call, id_: int, showing: Showing, state: CandidateState) -> Candidate:
    """Call it last in the transaction."""
    told = _record(call, candidates.of(db, call.user, id_, showing))
    custody.append(db, call.user.name, Action.VIEWED, f"candidate:{id_}")
    return Candidate(id=id_, state=state, showing=showing, record=told)


def _next(past: int, total: int) -> int | None:
    """Row numbers: of a list that is drawn up anew for each page."""
    return past + ROWS_A_PAGE if past + ROWS_A_PAGE < total else None


def _record(call: Call, record: Record) -> RecordTold:
    shown, pictures = record.shown, record.pictures
    here = call.address(f"/candidates/{shown.id}")
    return RecordTold(
        person=shown.register_number,
        names=shown.names,
        sha256=shown.sha256,
        kind=shown.kind,
        start_ms=shown.start_ms,
        end_ms=shown.end_ms,
        chance=record.chance,
        places=tuple(map(PlaceTold.model_validate, shown.places)),
        copies=tuple(map(CopyTold.model_validate, shown.copies)),
        judgements=tuple(map(JudgementTold.model_validate, record.judgements)),
        verdicts=tuple(map(VerdictTold.model_validate, record.verdicts)),
        handed_over=tuple(map(HandedTold.model_validate, record.handed)),
        shots=_numbered(f"{here}/shot", len(pictures.shots) if pictures else 0),
        photos=_numbered(f"{here}/photo", len(pictures.photos) if pictures else 0),
        still=f"{here}/still.jpg" if pictures and pictures.still else None,
        clip=f"{here}/clip.mp4" if pictures and pictures.clip else None,
    )


def _numbered(beginning: str, count: int) -> tuple[str, ...]:
    return tuple(f"{beginning}/{number}.jpg" for number in range(1, count + 1))
