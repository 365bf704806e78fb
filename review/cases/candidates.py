"""The record of a candidate, for those who have answered on it, and for all reviewers once it is settled.

Others are led to the queue: whoever may still be asked learns nothing here before their own answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen import chance
from lastseen.judging import Comparison, Feature, Verdict
from lastseen.lifecycle import CandidateState
from review.cases import histories
from review.cases.histories import History
from review.desk import Desk, desk_of
from review.doors import user_of, visit_of
from review.media import KEEP, stretch
from review.roles import Role
from storage import (
    cases,
    custody,
    decided,
    hand_overs,
    judgements,
    log_pages,
    name_hints,
    packages,
    rejections,
    review_pictures,
    reviewing,
    tellings,
    tip_finds,
)
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.decided import Showing
from storage.hand_overs import HandOver
from storage.judgements import Concluded, Judgement
from storage.log_pages import Happened, Proven
from storage.name_hints import Listed
from storage.objects import DERIVED
from storage.packages import Package
from storage.rejections import Rejection
from storage.review_pictures import Pictures
from storage.reviewing import CandidateShown, PostShown
from storage.tip_finds import Pointed

MOST_EVENTS = 100
"""of the custody log, on one page"""


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that is shown of one candidate to one person."""

    shown: CandidateShown
    settled: bool
    """everybody's answers are shown"""
    pictures: Pictures | None
    """None: they are shown to nobody"""
    judgements: Sequence[Judgement]
    verdicts: Sequence[Concluded]
    features: Sequence[Feature]
    """that somebody compared"""
    unseen: Sequence[Feature]
    """those of them of which nobody said more than that they are not visible"""
    histories: Sequence[History]
    hints: Sequence[Listed]
    refused: Sequence[Rejection]
    handed: Sequence[HandOver]
    packages: Sequence[Package]
    proven: Sequence[Proven]
    events: Sequence[Happened]
    chance: str
    tips: Sequence[Pointed]
    """relatives who pointed to this recording for this person: nobody learns of it before their own answer"""


def candidate(request: Request) -> Response:
    """The record.  That it was looked at stands in the custody log before it is shown."""
    desk, user, id_ = desk_of(request), user_of(request), number_of(request)
    with desk.stores.db.begin() as db:
        showing = decided.showing(db, user, id_)
        if showing is None:
            raise HTTPException(404)
        if showing is Showing.NOT_YET:
            return RedirectResponse("/?why=unanswered", 303)
        state = reviewing.state(db, id_)
        if showing is Showing.CLOSED:
            return desk.draw(request, "closed.html", id=id_, state=state)
        if state is CandidateState.SIGHTING:
            return RedirectResponse(f"/sightings/{id_}", 303)
        record = of(db, user, id_, showing)
        custody.append(db, user.name, Action.VIEWED, f"candidate:{id_}")
    return drawn(request, record)


def drawn(request: Request, record: Record, status: int = 200, **values: object) -> Response:
    """The page of a record."""
    told = {"wrong": "", "form": {}, **values}
    seniors = Role.SENIOR in user_of(request).roles
    return desk_of(request).draw(request, "record.html", status, record=record, seniors=seniors, **told)


def of(db: Connection, user: User, id_: int, showing: Showing) -> Record:
    """The record of a candidate as this person may see it, who is not asked about that any more.

    Raises HTTPException: there is no such one.
    """
    shown, case = reviewing.candidate(db, id_), cases.of_candidate(db, id_)
    if shown is None or case is None:
        raise HTTPException(404)
    tellings.tell(db, user, [id_])
    settled = showing is Showing.WHOLE
    given = [one for one in judgements.of_candidate(db, id_) if settled or one.reviewer_id == user.id]
    kept_back = decided.kept_back(db, user, [post.id for post in case.posts])
    places = tuple(_wordless(place) if place.post in kept_back else place for place in shown.places)
    compared = [one for one in Feature if any(one in said.features for said in given)]
    subjects = [*case.subjects, *(f"judgement:{one.id}" for one in given)]
    return Record(
        replace(shown, places=places),
        settled,
        review_pictures.of_candidate(db, id_) if shown.state in decided.PICTURED else None,
        given,
        [one for one in judgements.verdicts_of(db, id_) if one.verdict is not Verdict.OPEN] if settled else (),
        compared,
        [one for one in compared if all(_unseen(said.features.get(one)) for said in given)],
        histories.of(case, kept_back),
        name_hints.of_candidate(db, id_),
        rejections.of_face(db, id_, shown.blob) if settled else (),
        hand_overs.of_candidate(db, id_),
        packages.of_candidate(db, id_),
        log_pages.proven(db, [shown.sha256]),
        log_pages.of_subjects(db, subjects, MOST_EVENTS) if settled else (),
        chance.said(shown.expected_false, reviewing.faces_a_day(db)),
        tip_finds.pointing_to(db, id_),
    )


def _unseen(line: Mapping[str, str] | None) -> bool:
    return line is not None and line["comparison"] == Comparison.NOT_VISIBLE and not line.get("note")


def shot(request: Request) -> Response:
    """A best shot of the face."""
    return _picture(request, [picture.key for picture in _pictures(request).shots])


def photo(request: Request) -> Response:
    """A reference photo of the person."""
    return _picture(request, [picture.key for picture in _pictures(request).photos])


def still(request: Request) -> Response:
    """The whole picture of the moment, other faces covered."""
    return _sent(desk_of(request), _pictures(request).still)


def clip(request: Request) -> Response:
    """The seconds around the moment; that they are played is written down before a byte goes out."""
    desk, visit, id_ = desk_of(request), visit_of(request), number_of(request)
    key = _pictures(request).clip
    if key is None:
        raise HTTPException(404)
    answer, first = stretch(desk.stores.objects, key, request.headers.get("range", ""))
    if first is not None and desk.plays.begins(visit.cookie, -id_, first):  # reviews have the numbers above zero
        with desk.stores.db.begin() as db:
            custody.append(db, user_of(request).name, Action.PLAYED, f"candidate:{id_}")
    return answer


def number_of(request: Request) -> int:
    """The row id in the address."""
    id_: int = request.path_params["id"]
    return id_


def _wordless(place: PostShown) -> PostShown:
    return replace(place, title="", text="", kept_back=True)


def _pictures(request: Request) -> Pictures:
    """Of the record that the address names.  Raises HTTPException, also where this person may not see it."""
    user, id_ = user_of(request), number_of(request)
    with desk_of(request).stores.db.begin() as db:
        state = reviewing.state(db, id_)
        if state not in decided.PICTURED or not decided.may_see(user, decided.showing(db, user, id_), state):
            raise HTTPException(404)
        tellings.tell(db, user, [id_])
        return review_pictures.of_candidate(db, id_)


def _picture(request: Request, keys: Sequence[str]) -> Response:
    number: int = request.path_params["n"]
    return _sent(desk_of(request), keys[number - 1] if 0 < number <= len(keys) else None)


def _sent(desk: Desk, key: str | None) -> Response:
    if key is None:
        raise HTTPException(404)
    return Response(desk.stores.objects.read(DERIVED, key), media_type="image/jpeg", headers=KEEP)
