"""The queue and reviews for programs: taking, describing, answering, giving back, undoing.

As on the page, nothing that is told before one's own answer says who is looked for, how near the software thinks they
are, what others said, or whether it is a known pair.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field
from starlette.exceptions import HTTPException

from lastseen.judging import STRONGEST, Compared, Comparison, Feature
from lastseen.roles import Role
from review.api.door import WHOLE, Call, Day, Given, Id, Note, Reason, Told, Word
from review.problems import Refused, Wrong
from review.reviewing import answers, turns
from review.reviewing.answers import Answer
from review.reviewing.queue import terms_of
from review.reviewing.reviews import LATELY
from storage import care, custody, review_pictures, review_queue, review_screen, reviews
from storage.custody import Action
from storage.database import Connection
from storage.review_queue import Filters, Taken, TooNarrow, Why
from storage.review_screen import Answered
from storage.reviews import Review

PLACE = r"^[01]\.[0-9]{1,18}\.[0-9]{1,18}$"


# --- what is sent ------------------------------------------------------------------------------------------


class Wanted(Given):
    """Which faces somebody wants to see; nothing: all that are their turn."""

    source: Id | None = Field(None, description="row id of a source")
    since: Day | None = Field(None, description="published on this day (UTC) or later")
    until: Day | None = Field(None, description="published on this day or before")
    region: Word = Field("", description="of the person, as the register has it")

    @property
    def filters(self) -> Filters:
        """As the queue knows them."""
        return Filters(self.source, self.since, self.until, self.region.strip())


class WantedPage(Wanted):
    """Which faces are listed, and from where on."""

    after: Annotated[str, Field(pattern=PLACE)] | None = Field(None, description="`after` of the page before")


class Take(Wanted):
    """What to take up: the next by these filters."""


class Seen(Given):
    """What was noted of one feature of the face."""

    visible: bool = True
    note: Note = ""


class Describe(Given):
    """What can be seen of the face, before any reference photo is shown: a visible feature, or a word why none is."""

    features: dict[Feature, Seen] = Field(default_factory=dict)
    note: Reason = Field("", description="on the whole")


class Line(Given):
    """What comparing one feature came to."""

    comparison: Comparison
    note: Note = ""
    explained: Note = Field("", description="why a difference may be one of the picture or of time")


class Judge(Given):
    """An answer."""

    answer: Annotated[int, Field(ge=-STRONGEST, le=STRONGEST), WHOLE] | None = Field(
        description="-3, strong support for two people, to +3, strong support for one; null: not comparable"
    )
    features: dict[Feature, Line] = Field(default_factory=dict)
    reason: Reason = Field("", description="needed where the two are not comparable")


# --- what is told ------------------------------------------------------------------------------------------


class Face(Told):
    """One face of one file that waits."""

    people: int = Field(description="with how many it is to be compared")
    threatened: bool = Field(description="what shows it may soon be gone from where it was published")
    since: datetime
    kind: str
    address: str | None = Field(description="of the source whose post was seen first")
    published_at: datetime | None
    first_seen_at: datetime | None
    places: int


class ForecastTold(Told):
    """How much waits in the whole office, and how fast it comes and goes."""

    waiting: int
    senior: int | None = Field(description="of them for a senior; null: whoever asks is none")
    for_nobody: int | None = Field(
        description="of them: all who may be asked have judged it, or were told of it; null: whoever asks is no senior"
    )
    came_a_day: float | None
    decided_a_day: float | None
    days_left: float | None


class Queue(Told):
    """A page of what waits for one person."""

    faces: int = Field(description="how many wait that the filters leave, counted to a thousand")
    rows: tuple[Face, ...]
    after: str | None = Field(description="where the next page goes on; null: this is the last")
    forecast: ForecastTold


class Shot(Told):
    """One picture of the face."""

    address: str
    at_ms: int | None


class Described(Told):
    """What was noted of one feature."""

    visible: bool
    note: str


class ReviewTold(Told):
    """A review that goes on: nothing in it tells what, or whom, it is about."""

    token: UUID
    ends_at: datetime
    described: bool = Field(description="only then are there photos to compare with")
    features: dict[Feature, Described]
    note: str
    warned: bool = Field(description="somebody warned of what the file shows")
    shots: tuple[Shot, ...]
    photos: tuple[str, ...] = Field(description="addresses; empty until the face was described")
    still: str | None
    clip: str | None


class Taking(Told):
    """What there is to look at now, or why there is nothing."""

    review: ReviewTold | None
    why: Why | None


class LineTold(Told):
    """What comparing one feature came to."""

    comparison: Comparison
    note: str
    explained: str


class AnswerTold(Told):
    """One's own answer."""

    token: UUID
    ended_at: datetime
    answer: int | None
    reason: str
    features: dict[Feature, LineTold]
    undo_seconds: int = Field(description="for so long it may still be taken back")
    instead: str = Field(description="`undone`, `superseded`; empty: it stands")


class Kept(Told):
    """An answer that was kept, and what comes next."""

    answer: AnswerTold
    next: Taking


class Lately(Told):
    """What one answered of late, the newest first."""

    answers: tuple[AnswerTold, ...]


class Today(Told):
    """What one has looked at today (UTC)."""

    items: int
    graphic: int = Field(description="reviews of files that somebody warned of, of which pictures were seen")
    seconds: int
    paused: bool
    enough: bool = Field(description="a limit is reached: nothing more is offered today")


class Me(Told):
    """Who asks, and what they have in hand."""

    name: str
    roles: tuple[str, ...] = Field(description="of a program those that its token has")
    in_hand: tuple[UUID, ...] = Field(description="tokens of reviews that go on")
    today: Today


# --- what is done ------------------------------------------------------------------------------------------


def me(call: Call) -> Me:
    """Who this is, and what they have in hand."""
    with call.desk.stores.db.begin() as db:
        seen = care.seen(db, call.user.id)
        tokens = tuple(held.token for held in review_queue.in_hand(db, call.user))
    enough = seen.is_enough(terms_of(call.desk, call.user).limits)
    today = Today(
        items=seen.items,
        graphic=seen.graphic,
        seconds=int(seen.at_it.total_seconds()),
        paused=seen.paused,
        enough=enough,
    )
    return Me(name=call.user.name, roles=call.user.roles, in_hand=tokens, today=today)


def queue(call: Call, asked: WantedPage) -> Queue:
    """What waits for this person, one row a face.

    Those whose file may soon be gone come first, then those that wait longest.  A search stands in the custody log.
    """
    with call.desk.stores.db.begin() as db:
        page = _page(db, call, asked)
        forecast = call.desk.forecast.get(lambda: review_queue.forecast(db))
    if isinstance(page, TooNarrow):
        raise Refused(422, str(page))
    return Queue(
        faces=page.faces,
        rows=tuple(map(Face.model_validate, page.rows)),
        after=page.after,
        forecast=_forecast(call, forecast),
    )


def _page(db: Connection, call: Call, asked: WantedPage) -> review_queue.Page | TooNarrow:
    """That it was searched is kept, also where that is refused."""
    page: review_queue.Page | TooNarrow
    try:
        limits = terms_of(call.desk, call.user).limits
        page = review_queue.page(db, call.user, asked.filters, asked.after, limits)
    except OverflowError as fault:
        raise Refused(422, "`after` is the `after` of the page before.") from fault
    except TooNarrow as fault:
        page = fault
    if asked.filters:
        custody.append(db, call.user.name, Action.SEARCHED, "queue", asked.filters.said())
    return page


def _forecast(call: Call, forecast: review_queue.Forecast) -> ForecastTold:
    """In a small queue it would tell an analyst that somebody has looked already, if it said how many have."""
    is_senior = Role.SENIOR in call.user.roles
    return ForecastTold(
        waiting=forecast.waiting,
        senior=forecast.senior if is_senior else None,
        for_nobody=forecast.for_nobody if is_senior else None,
        came_a_day=forecast.came_a_day,
        decided_a_day=forecast.decided_a_day,
        days_left=forecast.days_left,
    )


def take(call: Call, wanted: Take) -> Taking:
    """Take up the next face.

    Whoever has something in hand that fits gets that again.  If there is nothing, `why` says so; `narrow`: the filters
    leave so few people that you would know whom you are asked about.
    """
    desk, user = call.desk, call.user
    with desk.stores.db.begin() as db:
        found = review_queue.take(db, user, terms_of(desk, user), wanted.filters)
        return _taken(db, call, found)


def review(call: Call) -> ReviewTold:
    """One review of one's own that goes on."""
    with call.desk.stores.db.begin() as db:
        found = _mine(db, call)
        review_queue.looked_at(db, found)
        return _told(db, call, found)


def describe(call: Call, given: Describe) -> ReviewTold:
    """Note what can be seen of the face.

    It stands from here on, and only then the reference photos are shown.
    """
    features = {str(feature): {"visible": False, "note": ""} for feature in Feature}
    features |= {
        str(feature): {"visible": seen.visible, "note": seen.note.strip()} for feature, seen in given.features.items()
    }
    description: dict[str, object] = {"features": features, "note": given.note.strip()}
    _complain(answers.lacks_of_description(description))
    with call.desk.stores.db.begin() as db:
        found = _mine(db, call)
        if not reviews.describe(db, found, description):
            raise Refused(409, "It was described before, and that stands: answer, or give the review back.")
        told = _told(db, call, _mine(db, call))
        custody.append(db, call.user.name, Action.DESCRIBED, reviews.subject(found))
    return told


def answer(call: Call, given: Judge) -> Kept:
    """Answer, and take up what comes next.

    A clear no (-2, -3) names a feature that differs; a clear yes (+2, +3) compares every feature that was noted as
    visible; an ear, scar or mark that differs without an explanation leaves a clear no only; not comparable has a
    reason.  Whoever has judged the same before replaces their judgement by this one.
    """
    compared = tuple(
        Compared(feature, line.comparison, line.note.strip(), line.explained.strip())
        for feature, line in given.features.items()
    )
    said = Answer(True, given.answer, compared, given.reason.strip())
    with call.desk.stores.db.begin() as db:
        found = _mine(db, call)
    if found.described_at is None:
        raise Refused(409, "Describe the face first: the photos are shown only then.")
    _complain(answers.lacks(said, answers.visible(found.described)))
    with call.desk.stores.db.begin() as db:
        custody.append_all(db, call.user.name, turns.keep(db, call.desk, found, said))
    with call.desk.stores.db.begin() as db:
        kept = AnswerTold.model_validate(_answered(db, call))
        return Kept(answer=kept, next=_taken(db, call, turns.following(db, call.desk, found)))


def give_back(call: Call) -> None:
    """Let somebody else look at it; it is not offered to the same person for half a day."""
    with call.desk.stores.db.begin() as db:
        found = _mine(db, call)
        review_queue.give_back(db, found)
        custody.append(db, call.user.name, Action.GIVEN_BACK, reviews.subject(found))


def warn(call: Call) -> None:
    """Warn those who come after of what the file shows."""
    with call.desk.stores.db.begin() as db:
        found = _mine(db, call)
        review_screen.warn(db, found)
        custody.append(db, call.user.name, Action.WARNED, reviews.subject(found))


def undo(call: Call) -> Taking:
    """Take an answer back, within a minute, and take the same up again as it was."""
    with call.desk.stores.db.begin() as db:
        before = _answered(db, call)
        custody.append_all(db, call.user.name, turns.take_back(db, call.desk, call.user, before))
    return _up_again(call, before)


def again(call: Call) -> Taking:
    """Look again at something that one has answered, to answer it anew."""
    with call.desk.stores.db.begin() as db:
        before = _answered(db, call)
    return _up_again(call, before)


def lately(call: Call) -> Lately:
    """What one answered within a day; known pairs look like everything else."""
    with call.desk.stores.db.begin() as db:
        rows = review_screen.lately(db, call.user, LATELY)
    return Lately(answers=tuple(map(AnswerTold.model_validate, rows)))


def pause(call: Call) -> None:
    """Give back whatever is taken; nothing more is offered until the pause ends."""
    with call.desk.stores.db.begin() as db:
        review_queue.set_all_aside(db, call.user)
        care.pause(db, call.user)


def go_on(call: Call) -> None:
    """End the pause."""
    with call.desk.stores.db.begin() as db:
        care.go_on(db, call.user)


def _mine(db: Connection, call: Call) -> Review:
    found = reviews.find(db, call.token, call.user)
    if found is None:
        raise HTTPException(404)
    return found


def _answered(db: Connection, call: Call) -> Answered:
    found = review_screen.answered(db, call.token, call.user)
    if found is None:
        raise HTTPException(404)
    return found


def _up_again(call: Call, before: Answered) -> Taking:
    with call.desk.stores.db.begin() as db:
        return _taken(db, call, turns.up_again(db, call.desk, call.user, before))


def _taken(db: Connection, call: Call, found: Taken | Why) -> Taking:
    """With what the custody log must say of it: call it last in the transaction."""
    if isinstance(found, Why):
        return Taking(review=None, why=found)
    told = _told(db, call, reviews.find(db, found.review.token, call.user) or found.review)
    custody.append_all(db, call.user.name, found.entries)
    return Taking(review=told, why=None)


def _told(db: Connection, call: Call, found: Review) -> ReviewTold:
    pictures = review_pictures.of_review(db, found)
    here = call.address(f"/reviews/{found.token}")
    return ReviewTold(
        token=found.token,
        ends_at=found.ends_at,
        described=found.described_at is not None,
        features={Feature(name): Described.model_validate(one) for name, one in answers.noted(found.described).items()},
        note=str(found.described.get("note", "")),
        warned=review_screen.warned(db, found),
        shots=tuple(
            Shot(address=f"{here}/shot/{number}.jpg", at_ms=one.at_ms) for number, one in enumerate(pictures.shots, 1)
        ),
        photos=tuple(f"{here}/photo/{number}.jpg" for number, _ in enumerate(pictures.photos, 1)),
        still=f"{here}/still.jpg" if pictures.still else None,
        clip=f"{here}/clip.mp4" if pictures.clip else None,
    )


def _complain(lacks: list[answers.Lack]) -> None:
    """Raises Refused."""
    if lacks:
        why = "The answer does not go with what was compared: `errors` says what is missing."
        raise Refused(422, why, errors=[Wrong(where=_WHERE[lack], what=_WORDS[lack]) for lack in lacks])


_WHERE = {
    answers.Lack.NOTHING_NOTED: "features",
    answers.Lack.NO_ANSWER: "answer",
    answers.Lack.NO_REASON: "reason",
    answers.Lack.EXCLUDED: "answer",
    answers.Lack.NO_DIFFERENCE: "features",
    answers.Lack.NOT_ALL: "features",
}
_WORDS = {
    answers.Lack.NOTHING_NOTED: "Note a feature that is visible, or say in `note` why there is none.",
    answers.Lack.NO_ANSWER: "Give an answer.",
    answers.Lack.NO_REASON: "Say why the two cannot be compared.",
    answers.Lack.EXCLUDED: "An ear, scar or mark differs and nothing explains it: answer -2 or -3, or explain it.",
    answers.Lack.NO_DIFFERENCE: "Name the feature that differs.",
    answers.Lack.NOT_ALL: "Compare every feature that was noted as visible.",
}
