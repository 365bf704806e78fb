"""People Finder Interchange Format 1.4 (zesty.ca/pfif/1.4): a record for each person, and notes on what is known.

What a note's author believes stands in its `status`: what an office or a side said is that, and our own note says what
the person is to this office.  A possible sighting has no status: nobody is believed to be alive because of it.  Readers
take the newest status: that somebody was missing is none any more once they are not, though there may be no word for
what they are.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from lastseen.clock import mark
from lastseen.exchange.records import (
    CAVEAT,
    POSSIBLE,
    TOLD,
    HandedPerson,
    HandedSighting,
    HandedStatement,
    Handing,
    told,
)
from lastseen.records import PersonStatus, Says

NAMESPACE: Final = "http://zesty.ca/pfif/1.4"
BELIEVED: Final[Mapping[Says, str]] = {
    Says.MISSING: "believed_missing",
    Says.ALIVE: "believed_alive",
    Says.CAPTIVE: "believed_alive",
    Says.RETURNED: "believed_alive",
    Says.DEAD: "believed_dead",
    Says.DNA: "believed_dead",
}
"""what somebody believes who says so; of the rest the format has no word"""
IS: Final[Mapping[PersonStatus, str]] = {
    PersonStatus.MISSING: "information_sought",
    PersonStatus.CAPTIVE: "believed_alive",
    PersonStatus.RETURNED: "believed_alive",
    PersonStatus.DECEASED: "believed_dead",
}
UNNAMED: Final = "an office that is not named"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Field = tuple[str, str]


def write(handing: Handing, people: Sequence[HandedPerson]) -> bytes:
    """The file, as UTF-8."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<!-- {_text(handing.mark).replace('--', '- -')} -->",
        f'<pfif:pfif xmlns:pfif="{NAMESPACE}">',
        *(line for one in people for line in _person(handing, one)),
        "</pfif:pfif>",
    ]
    return ("\n".join(lines) + "\n").encode()


def record(handing: Handing, kind: str, name: str) -> str:
    """The id of a record of this office: a domain and a path."""
    return f"{handing.domain}/{kind}.{quote(name, safe='')}"


def _person(handing: Handing, one: HandedPerson) -> Iterator[str]:
    others = [name for name in one.names if name != one.name]
    yield "<pfif:person>"
    yield from _fields(
        ("person_record_id", record(handing, "person", one.number)),
        ("entry_date", _moment(handing.made_at)),
        ("expiry_date", _moment(handing.expires_at)),
        ("author_name", handing.office or UNNAMED),
        ("source_name", handing.office or UNNAMED),
        ("source_date", _moment(one.changed_at)),
        ("full_name", one.name),
        ("alternate_names", "\n".join(others)),
        ("description", f"Register number {one.number}. {handing.mark}"),
        ("date_of_birth", str(one.birth_year) if one.birth_year else ""),
        ("home_state", one.region),
    )
    for note in _notes(handing, one):
        yield "<pfif:note>"
        yield from _fields(*note)
        yield "</pfif:note>"
    yield "</pfif:person>"


def _notes(handing: Handing, one: HandedPerson) -> Iterator[Sequence[Field]]:
    for other in one.same:
        text = "Declared to be the same person by this office."
        linked = ("linked_person_record_id", record(handing, "person", other))
        yield _note(handing, one, f"same.{other}", (linked,), _moment(handing.made_at), "", text)
    for said in one.statements:
        yield _statement(handing, one, said)
    for seen in one.sightings:
        at = _moment(seen.decided_at)
        yield _note(handing, one, f"sighting.{seen.candidate}", (), at, "", _sighted(seen))
    for number, found in enumerate(one.contradictions, 1):
        yield _note(handing, one, f"contradiction.{number}", (), _moment(handing.made_at), "", told(found))
    text = f"Status of this person at this office: {one.status}."
    yield _note(handing, one, "status", (), _moment(handing.made_at), IS.get(one.status, ""), text)


def _note(
    handing: Handing, one: HandedPerson, name: str, linked: Sequence[Field], at: str, status: str, text: str
) -> Sequence[Field]:
    """One of this office's own."""
    return _ordered(handing, one, name, linked, handing.office or UNNAMED, at, status, text)


def _statement(handing: Handing, one: HandedPerson, said: HandedStatement) -> Sequence[Field]:
    day = f" Of {said.since.isoformat()}." if said.since else ""
    text = f"{said.body} says: {TOLD[said.says]}.{day} Stands in: {said.reference} ({said.source}, {said.dated})."
    at = _moment(datetime(said.dated.year, said.dated.month, said.dated.day, tzinfo=UTC))
    over = said.says is Says.MISSING and one.status is not PersonStatus.MISSING
    believed = "" if over else BELIEVED.get(said.says, "")
    return _ordered(handing, one, f"statement.{said.id}", (), said.body, at, believed, text)


def _ordered(
    handing: Handing,
    one: HandedPerson,
    name: str,
    linked: Sequence[Field],
    author: str,
    at: str,
    status: str,
    text: str,
) -> Sequence[Field]:
    return (
        ("note_record_id", record(handing, "note", f"{one.number}.{name}")),
        ("person_record_id", record(handing, "person", one.number)),
        *linked,
        ("entry_date", _moment(handing.made_at)),
        ("author_name", author),
        ("source_date", at),
        ("author_made_contact", "false"),
        ("status", status),
        ("text", text),
    )


def _sighted(seen: HandedSighting) -> str:
    where = f" in {seen.permalink}" if seen.permalink else ""
    at = f", from {mark(seen.start_ms)} to {mark(seen.end_ms)}" if seen.kind == "video" else ""
    day = f", published {_moment(seen.published_at)}" if seen.published_at else ""
    return (
        f"{POSSIBLE.capitalize()} {seen.candidate}{where}{at}{day}. SHA-256 of the recording: {seen.sha256}. {CAVEAT}"
    )


def _fields(*fields: Field) -> Iterator[str]:
    for name, said in fields:
        if said:
            yield f"<pfif:{name}>{_text(said)}</pfif:{name}>"


def _text(said: str) -> str:
    """Escaped, without what no XML may hold."""
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", said))


def _moment(at: datetime | date) -> str:
    """As the format spells it: UTC, whole seconds."""
    there = at.astimezone(UTC) if isinstance(at, datetime) else datetime(at.year, at.month, at.day, tzinfo=UTC)
    return f"{there:%Y-%m-%dT%H:%M:%SZ}"
