"""Letters: the list, the page of one, what happens to it, and its files.

Nothing leaves without a second person: only an approved letter has files that may be sent.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from lastseen import letter_marks
from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.letters import MOVES, UNSENT, LetterEvent, LetterFormat, LetterState
from lastseen.records import SETS, Says, StatementSource
from lastseen.words import words
from review.desk import Desk, desk_of
from review.doors import number_in, user_of, visit_of
from review.forms import day
from review.language import gettext as _
from review.language import said
from review.media import pieces
from storage import custody, letters, statements
from storage.accounts import User
from storage.custody import Action, Entry
from storage.database import Connection
from storage.letters import File, Letter, Move, Which
from storage.statements import Said

FORM = "form."
"""how the fields of word forms begin"""
LONGEST_NOTE = 4000
"""characters of why, how or with what"""
ENDINGS: Mapping[LetterFormat, tuple[str, str]] = {
    LetterFormat.DRAFT: ("draft.pdf", "application/pdf"),
    LetterFormat.PDF: ("pdf", "application/pdf"),
    LetterFormat.DOCX: ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    LetterFormat.PACKAGE: ("evidence.zip", "application/zip"),
}
"""how what is fetched is called, and what it is"""


def listed(request: Request) -> Response:
    """Letters, the newest first.  Nobody is named on the list, so it tells nobody of anybody."""
    desk, before = desk_of(request), number_in(request, "before")
    which = request.query_params.get("show", Which.UNSENT)
    if which not in set(Which):
        raise HTTPException(400)
    with desk.stores.db.begin() as db:
        found, counts = letters.listed(db, Which(which), before), letters.counts(db)
    rows, more = found[: letters.MOST], len(found) > letters.MOST
    return desk.draw(request, "letters.html", rows=rows, which=which, counts=counts, more=more)


def page(request: Request) -> Response:
    """One letter.  That it was looked at stands in the custody log before it is shown."""
    return _drawn(request)


def confirm(request: Request) -> Response:
    """The generated word forms that were ticked are right."""
    desk, user, id_ = desk_of(request), user_of(request), request.path_params["id"]
    ticked = [form for name, form in visit_of(request).form.items() if name.startswith(FORM)]
    if not ticked:
        return _drawn(request, _("Tick the word forms that are right."), 422)
    try:
        with desk.stores.db.begin() as db:
            entries = [entry for form in ticked for entry in letters.confirm(db, id_, form, user.name)]
            custody.append_all(db, user.name, entries)
    except WrongUse as fault:
        return _drawn(request, said(fault), 422)
    return RedirectResponse(f"/letters/{id_}#forms", 303)


def move(request: Request) -> Response:
    """Write down what happened to it; of an answer also what it says of people."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    id_: int = request.path_params["id"]
    try:
        moved = _move(form, user)
        with desk.stores.db.begin() as db:
            stated = _stated(db, desk, id_, form, user) if moved.event is LetterEvent.ANSWERED else []
            letters.shown(db, id_, user)
            custody.append_all(db, user.name, [*stated, *letters.move(db, id_, moved)])
    except WrongUse as fault:
        return _drawn(request, said(fault), 422)
    return RedirectResponse(f"/letters/{id_}", 303)


def make(request: Request) -> Response:
    """Have its files made that were given up: whoever asks has mended why."""
    desk, user, id_ = desk_of(request), user_of(request), request.path_params["id"]
    with desk.stores.db.begin() as db:
        if letters.find(db, id_) is None:
            raise HTTPException(404)
        entries = letters.ask_again(db, id_)
        custody.append_all(db, user.name, entries)
    if not entries:
        return _drawn(request, _("Nothing of this letter is to be made again: load its page again."), 422)
    return RedirectResponse(f"/letters/{id_}#files", 303)


def fetch(request: Request) -> Response:
    """A file of a letter; who fetches it stands in the custody log before a byte goes out.

    What may be sent is there once another officer has approved it, and only as long as that holds.
    """
    desk, user, id_ = desk_of(request), user_of(request), request.path_params["id"]
    with desk.stores.db.begin() as db:
        letter = letters.find(db, id_)
        found = {str(one.format): one for one in letters.files(db, id_)}.get(request.path_params["format"])
        if letter is None or found is None or not may_fetch(letter, found):
            raise HTTPException(404)
        letters.shown(db, id_, user)
        detail = {"format": found.format, "sha256": found.sha256}
        custody.append(db, user.name, Action.DOWNLOADED, f"letter:{id_}", detail)
    ending, media_type = ENDINGS[found.format]
    headers = {
        "Content-Disposition": f'attachment; filename="letter-{id_}.{ending}"',
        "Content-Length": str(found.size),
    }
    return StreamingResponse(pieces(desk.stores.objects, found.key, found.size), 200, headers, media_type)


def may_fetch(letter: Letter, file: File) -> bool:
    """Whether a file may be had: a draft until it is sent; the others while the approval holds, and once it is sent."""
    if not letters.stays(letter, file):
        return False
    if file.format is LetterFormat.DRAFT or letter.sent_at is not None:
        return True
    return letter.state is LetterState.APPROVED and letter.stands


def _move(form: Mapping[str, str], user: User) -> Move:
    """Raises WrongUse."""
    event, note = form.get("event", ""), form.get("note", "")
    if event not in set(LetterEvent) - {LetterEvent.CONFIRMED}:
        raise WrongUse(words("Nothing of that kind happens to letters."))
    if len(note) > LONGEST_NOTE:
        raise WrongUse(words("This is too long: {most} characters are the most.", most=LONGEST_NOTE))
    return Move(LetterEvent(event), user.name, note, day(form.get("dated", "")))


def _stated(db: Connection, desk: Desk, id_: int, form: Mapping[str, str], user: User) -> list[Entry]:
    """Keep what an answer says of people, as statements of whoever answered.  Raises WrongUse."""
    letter = letters.find(db, id_)
    made: list[Entry] = []
    for one in letters.people(db, id_) if letter else ():
        says = form.get(f"says.{one.id}", "")
        if letter is None or not says:
            continue
        if says not in set(Says):
            raise WrongUse(words("Nobody can say that of a person here."))
        dated = day(form.get("dated", "")) or utcnow().date()
        told = Said(
            Says(says), letter.recipient_name, StatementSource.LETTER, f"answer to letter {id_}", dated,
            day(form.get(f"since.{one.id}", "")), sets=f"sets.{one.id}" in form and Says(says) in SETS, letter=id_,
        )  # fmt: skip
        _, _, entries = statements.enter(db, one.id, told, user, desk.settings.people_per_track)
        made += entries
    return made


def _drawn(request: Request, wrong: str = "", status: int = 200) -> Response:
    """The page, with what is wrong about what was just tried."""
    desk, user, id_ = desk_of(request), user_of(request), request.path_params["id"]
    with desk.stores.db.begin() as db:
        letter = letters.find(db, id_)
        if letter is None:
            raise HTTPException(404)
        people = letters.shown(db, id_, user)
        values = {
            "people": people, "sightings": _told_of(db, id_), "events": letters.events(db, id_),
            "files": [one for one in letters.files(db, id_) if may_fetch(letter, one)],
            "waits": letters.waits(db, id_),
            "stopped": any(queue is not letters.OVER for _, queue in letters.stopped(db, id_)),
            "forms": letters.unconfirmed(db, letter),
            "stated": [one for about in people for one in statements.of_person(db, about.id) if one.letter == id_],
        }  # fmt: skip
        custody.append(db, user.name, Action.VIEWED, f"letter:{id_}")
    left = {piece.text for piece in values["forms"]}  # type: ignore[attr-defined]  # pieces, all of them
    return desk.draw(
        request, "letter.html", status, letter=letter, wrong=wrong, form=visit_of(request).form, says=list(Says),
        subject=list(letter_marks.pieces(letter.subject)), body=list(letter_marks.pieces(letter.body)), left=left,
        moves=MOVES[letter.state], unsent=letter.state in UNSENT, mine=letter.made_by == user.name,
        approved=letter.approved_at.astimezone(UTC).date() if letter.approved_at else None,
        today=utcnow().date(), longest=LONGEST_NOTE, sets=SETS, **values,
    )  # fmt: skip


def _told_of(db: Connection, id_: int) -> Sequence[tuple[int, bool]]:
    """Candidates that a letter tells of, and whether each is a possible sighting still."""
    every = letters.candidates(db, id_)
    fallen = set(letters.subjects(db, every).fallen)
    return [(one, one not in fallen) for one in every]
