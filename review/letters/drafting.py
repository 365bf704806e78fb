"""Writing a letter: which possible sightings, to whom; a draft is filled, and whoever writes it edits and keeps it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lastseen import letter_marks
from lastseen.errors import WrongUse
from lastseen.letters import LetterPerson, LetterState
from matchers.letters import drafting, templates
from matchers.letters.templates import Template
from matchers.names.declining import Sex
from review.desk import Desk, desk_of
from review.doors import user_of, visit_of
from review.language import gettext as _
from review.language import said
from storage import custody, letter_book, letters, tellings
from storage.accounts import User
from storage.custody import Action, Entry
from storage.database import Connection
from storage.letter_book import Recipient
from storage.letters import Letter, Subjects, Written

MOST_SIGHTINGS = 200
"""that one letter tells of"""
_NUMBERS = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form above a draft says."""

    sightings: tuple[int, ...]
    case: int | None
    recipient: int | None
    package: bool
    sexes: Mapping[int, Sex]


@dataclass(frozen=True, slots=True)
class Told:
    """What a letter can be filled with."""

    case: str
    about: Subjects
    recipients: Sequence[Recipient]
    """that are written to"""
    to: Recipient | None

    @property
    def asked_of(self) -> list[LetterPerson]:
        """Whose sex the clerk has to say, for their names to decline."""
        if self.to is None:
            return []
        return [one for one in self.about.people if drafting.asks_for_sex(self.to.language, one)]


def new(request: Request) -> Response:
    """The form that chooses, and the draft that comes of it."""
    desk, user, asked = desk_of(request), user_of(request), _asked(request.query_params)
    with desk.stores.db.begin() as db:
        told = _told(db, asked)
        _show(db, user, told.about.people)
        wrong, draft = _drafted(db, desk, asked, told)
    return _drawn(request, asked, told, draft, wrong)


def keep(request: Request) -> Response:
    """Keep the letter that was written."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    asked = _asked(form)
    draft = Template(form.get("subject", ""), form.get("body", ""))
    with desk.stores.db.begin() as db:
        told = _told(db, asked)
        _show(db, user, told.about.people)
    if told.to is None:
        return _drawn(request, asked, told, draft, _("Say to whom it goes."), 422)
    written = Written(
        told.to.id, told.to.language, draft.subject, draft.body, asked.package, asked.sightings, case=asked.case
    )
    try:
        made = _kept(desk, written, user)
    except WrongUse as fault:
        return _drawn(request, asked, told, draft, said(fault), 422)
    return RedirectResponse(f"/letters/{made}", 303)


def edit(request: Request) -> Response:
    """The letter in a form; what is kept of it is another letter."""
    with desk_of(request).stores.db.begin() as db:
        letter = _letter(db, request)
        _show(db, user_of(request), letters.people(db, letter.id), letter)
        right = letters.confirmed_forms(db, letter.id)
    subject, body = (letter_marks.confirmed(text, right) for text in (letter.subject, letter.body))
    return _edited(request, letter, Template(subject, body))


def revise(request: Request) -> Response:
    """Keep a letter that was edited, as one that revises the other: what does not stand any more falls out of it."""
    desk, user, form = desk_of(request), user_of(request), visit_of(request).form
    draft = Template(form.get("subject", ""), form.get("body", ""))
    with desk.stores.db.begin() as db:
        letter = _letter(db, request)
        people = tuple(one.id for one in letters.shown(db, letter.id, user))
        told_of = letters.candidates(db, letter.id)
        fallen = letters.subjects(db, told_of).fallen
    stands = tuple(one for one in told_of if one not in fallen)
    written = Written(
        letter.recipient, letter.language, draft.subject, draft.body, "package" in form, stands, people, letter.case,
        letter.id,
    )  # fmt: skip
    try:
        made = _kept(desk, written, user)
    except WrongUse as fault:
        return _edited(request, letter, draft, said(fault), 422)
    return RedirectResponse(f"/letters/{made}", 303)


def _kept(desk: Desk, written: Written, user: User) -> int:
    """Raises WrongUse."""
    with desk.stores.db.begin() as db:
        made, entries = letters.write(db, written, user.name)
        custody.append_all(db, user.name, entries)
    return made


def _show(db: Connection, user: User, people: Sequence[LetterPerson], letter: Letter | None = None) -> None:
    """Write down that somebody is shown whom a letter is about."""
    tellings.tell_of(db, user, [one.id for one in people])
    subjects = [f"letter:{letter.id}"] if letter else [f"person:{one.id}" for one in people] or ["letters"]
    custody.append_all(db, user.name, [Entry(Action.VIEWED, subject, {}) for subject in subjects])


def _told(db: Connection, asked: Asked) -> Told:
    case = letters.of_case(db, asked.case) if asked.case is not None else None
    title, of_case = case or ("", ())
    chosen = asked.sightings or of_case
    every = [one for one in letter_book.recipients(db) if one.retired_at is None]
    to = next((one for one in every if one.id == asked.recipient), None)
    return Told(title, letters.subjects(db, chosen), every, to)


def _drafted(db: Connection, desk: Desk, asked: Asked, told: Told) -> tuple[str, Template | None]:
    """What is wrong, and the draft, if there is something to fill."""
    if told.to is None or not told.about.people:
        return "", None
    kind, language = told.to.kind, told.to.language
    edited = letter_book.newest(db, kind, language)
    group = letters.group(db, asked.case) if asked.case is not None else None
    facts = letters.facts(desk.settings.office, desk.settings.time_zone, told.to, group, told.about)
    template = templates.of(kind, language, edited.words if edited else None)
    try:
        return "", drafting.draft(template, language, facts, asked.sexes)
    except WrongUse as fault:  # written for another version of this software
        shipped = drafting.draft(templates.shipped(kind, language), language, facts, asked.sexes)
        return _("The office's template cannot be filled, so the one that came with the software was: {why}").format(
            why=said(fault)
        ), shipped


def _drawn(
    request: Request, asked: Asked, told: Told, draft: Template | None, wrong: str, status: int = 200
) -> Response:
    chosen = asked.sightings or tuple(seen.id for one in told.about.people for seen in one.sightings)
    values = {"asked": asked, "chosen": chosen, "told": told, "draft": draft, "wrong": wrong}
    return desk_of(request).draw(request, "letter_new.html", status, **values, longest=letters.LONGEST)


def _edited(request: Request, letter: Letter, draft: Template, wrong: str = "", status: int = 200) -> Response:
    values = {"letter": letter, "draft": draft, "wrong": wrong, "longest": letters.LONGEST}
    return desk_of(request).draw(request, "letter_edit.html", status, **values)


def _letter(db: Connection, request: Request) -> Letter:
    """The one that the address names.  Raises HTTPException: there is none, or it cannot be edited."""
    found = letters.find(db, request.path_params["id"])
    if found is None or found.state in (LetterState.GIVEN_UP, LetterState.REVISED):
        raise HTTPException(404)
    return found


def _asked(given: Mapping[str, str]) -> Asked:
    sightings = tuple(dict.fromkeys(int(one) for one in _NUMBERS.findall(given.get("sightings", ""))))
    sexes = {
        int(name.removeprefix("sex.")): Sex(value)
        for name, value in given.items()
        if _NUMBERS.fullmatch(name.removeprefix("sex.")) and name.startswith("sex.") and value in set(Sex)
    }
    return Asked(
        sightings[:MOST_SIGHTINGS], _number(given, "case"), _number(given, "recipient"), "package" in given, sexes
    )


def _number(given: Mapping[str, str], name: str) -> int | None:
    found = given.get(name, "")
    return int(found) if _NUMBERS.fullmatch(found) else None
