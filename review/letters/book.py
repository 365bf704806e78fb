"""Whom the office writes to, and the templates of its letters."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen.errors import WrongUse
from lastseen.letters import LETTER_LANGUAGES, LetterKind
from lastseen.words import words
from matchers.letters import templates
from matchers.letters.templates import EVERYWHERE, OF_CASE, OF_PERSON, OF_SIGHTING, Template
from review.desk import desk_of
from review.doors import user_of, visit_of
from review.language import said
from storage import custody, letter_book

LONGEST = {"name": 300, "address": 1000}
"""characters of a recipient's fields"""


def recipients(request: Request) -> Response:
    """The address book."""
    return _recipients(request)


def add(request: Request) -> Response:
    """Add a recipient."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    try:
        with desk.stores.db.begin() as db:
            name, address = (form.get(field, "")[:longest] for field, longest in LONGEST.items())
            days = _days(form.get("days", ""))
            _, entry = letter_book.add(
                db, form.get("kind", ""), name, address, form.get("language", ""), days, user.name
            )
            custody.append_all(db, user.name, [entry])
    except WrongUse as fault:
        return _recipients(request, said(fault), 422)
    return RedirectResponse("/letters/recipients", 303)


def retire(request: Request) -> Response:
    """Write to a recipient no more."""
    desk, user = desk_of(request), user_of(request)
    try:
        with desk.stores.db.begin() as db:
            custody.append_all(db, user.name, [letter_book.retire(db, request.path_params["id"], user.name)])
    except WrongUse as fault:
        return _recipients(request, said(fault), 409)
    return RedirectResponse("/letters/recipients", 303)


def all_templates(request: Request) -> Response:
    """Every kind and language, and who has edited which."""
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        edited = {(one.kind, one.language): one for one in letter_book.edited(db)}
    rows = [(kind, language, edited.get((kind, language))) for kind in LetterKind for language in LETTER_LANGUAGES]
    return desk.draw(request, "letter_templates.html", rows=rows)


def template(request: Request) -> Response:
    """One template in a form, with the placeholders and its earlier versions."""
    kind, language = _which(request)
    with desk_of(request).stores.db.begin() as db:
        newest = letter_book.newest(db, kind, language)
    return _template(request, templates.of(kind, language, newest.words if newest else None))


def keep_template(request: Request) -> Response:
    """Keep a new version, if it is one."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    kind, language = _which(request)
    written = Template(form.get("subject", "").strip(), form.get("body", "").replace("\r\n", "\n").strip())
    try:
        templates.parse(written)
        with desk.stores.db.begin() as db:
            entry = letter_book.keep(db, kind, language, written.subject, written.body, user.name)
            custody.append_all(db, user.name, [entry])
    except WrongUse as fault:
        return _template(request, written, said(fault), 422)
    return RedirectResponse("/letters/templates", 303)


def _which(request: Request) -> tuple[LetterKind, str]:
    """Raises HTTPException."""
    kind, language = request.path_params["kind"], request.path_params["language"]
    if kind not in set(LetterKind) or language not in LETTER_LANGUAGES:
        raise HTTPException(404)
    return LetterKind(kind), language


def _days(written: str) -> int | None:
    """Raises WrongUse."""
    given = written.strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 5):
        raise WrongUse(words("Write within how many days an answer is expected as a number, or leave it empty."))
    return int(given)


def _recipients(request: Request, wrong: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    with desk.stores.db.begin() as db:
        every = letter_book.recipients(db)
    form: Mapping[str, str] = visit_of(request).form if wrong else {}
    values = {"every": every, "wrong": wrong, "form": form, "kinds": list(LetterKind), "longest": LONGEST}
    return desk.draw(request, "letter_recipients.html", status, languages=LETTER_LANGUAGES, **values)


def _template(request: Request, written: Template, wrong: str = "", status: int = 200) -> Response:
    desk = desk_of(request)
    kind, language = _which(request)
    with desk.stores.db.begin() as db:
        versions = letter_book.versions(db, kind, language)
    values = {
        "kind": kind, "language": language, "written": written, "wrong": wrong, "versions": versions,
        "shipped": templates.shipped(kind, language), "longest": templates.LONGEST,
        "holes": {"": EVERYWHERE, "person": OF_PERSON, "sighting": OF_SIGHTING, "case": OF_CASE},
    }  # fmt: skip
    return desk.draw(request, "letter_template.html", status, **values)
