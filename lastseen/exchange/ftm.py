"""Entities of FollowTheMoney (followthemoney.tech), a line of JSON each: `Person`, `Event` and `Note`.

A possible sighting is an event in which somebody is perhaps involved, a statement a note on them.  The first line is a
note of the file itself: to whom it was handed out, why, and under which right.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lastseen.clock import mark
from lastseen.exchange.records import (
    CAVEAT,
    CLAIM,
    POSSIBLE,
    TOLD,
    HandedPerson,
    HandedSighting,
    HandedStatement,
    Handing,
    side_of,
    told,
)
from lastseen.fates import Contradiction

DIGITS: Final = 40
"""of an entity's id, as those of other programs have"""

Entity = Mapping[str, object]


def write(handing: Handing, people: Sequence[HandedPerson]) -> bytes:
    """The file, as UTF-8."""
    entities = [_about(handing), *(entity for one in people for entity in _entities(handing, one))]
    return "".join(json.dumps(one, ensure_ascii=False, sort_keys=True) + "\n" for one in entities).encode()


def _entities(handing: Handing, one: HandedPerson) -> Iterator[Entity]:
    me = _id(handing, "person", one.number)
    yield _entity(
        me,
        "Person",
        name=[one.name],
        alias=[name for name in one.names if name != one.name],
        idNumber=[one.number],
        birthDate=[str(one.birth_year)] if one.birth_year else [],
        status=[str(one.status)],
        publisher=_office(handing),
        modifiedAt=[_moment(one.changed_at)],
        retrievedAt=[_moment(handing.made_at)],
        notes=[f"The same person as {other}, this office declares." for other in one.same],
    )
    for seen in one.sightings:
        yield _sighting(handing, one, seen, me)
    for said in one.statements:
        yield _statement(handing, one, said, me)
    for found in one.contradictions:
        yield _contradiction(handing, one, found, me)


def _sighting(handing: Handing, one: HandedPerson, seen: HandedSighting, me: str) -> Entity:
    at = f"From {mark(seen.start_ms)} to {mark(seen.end_ms)} of the recording. " if seen.kind == "video" else ""
    day = seen.published_at or seen.first_seen_at
    return _entity(
        _id(handing, "sighting", f"{one.number}\n{seen.candidate}"),
        "Event",
        name=[f"{POSSIBLE.capitalize()} {seen.candidate}"],
        involved=[me],
        date=[_moment(day)] if day else [],
        recordId=[str(seen.candidate)],
        sourceUrl=[seen.permalink] if seen.permalink.startswith(("http://", "https://")) else [],
        summary=[POSSIBLE],
        description=[f"{at}SHA-256 of the recording: {seen.sha256}. {CAVEAT}"],
        publisher=_office(handing),
        modifiedAt=[_moment(seen.decided_at)],
    )


def _statement(handing: Handing, one: HandedPerson, said: HandedStatement, me: str) -> Entity:
    day = f" Of {said.since.isoformat()}." if said.since else ""
    where = f"Stands in: {said.reference} ({said.source}, {said.dated.isoformat()})."
    return _entity(
        _id(handing, "statement", f"{one.number}\n{said.id}"),
        "Note",
        name=[f"{said.body} says: {TOLD[said.says]}"],
        entity=[me],
        description=[f"{said.body} says: {TOLD[said.says]}.{day} {where} {CLAIM}"],
        publisher=[said.body],
        modifiedAt=[said.dated.isoformat()],
    )


def _contradiction(handing: Handing, one: HandedPerson, found: Contradiction, me: str) -> Entity:
    sides = f"{side_of(found.one)}\n{side_of(found.other)}"
    return _entity(
        _id(handing, "contradiction", f"{one.number}\n{found.kind}\n{sides}"),
        "Note",
        name=[f"Contradiction: {found.kind}"],
        entity=[me],
        description=[told(found)],
        publisher=_office(handing),
        modifiedAt=[_moment(handing.made_at)],
    )


def _about(handing: Handing) -> Entity:
    return _entity(
        _id(handing, "export", handing.id),
        "Note",
        name=[f"Export {handing.id}"],
        description=[handing.mark],
        publisher=_office(handing),
        createdAt=[_moment(handing.made_at)],
    )


def _entity(id_: str, schema: str, **properties: Sequence[str]) -> Entity:
    kept = {name: list(values) for name, values in properties.items() if values}
    return {"id": id_, "schema": schema, "properties": kept}


def _id(handing: Handing, kind: str, name: str) -> str:
    """The same in each export of this office, so that a later one replaces the earlier."""
    return hashlib.sha256(f"lastseen\n{handing.domain}\n{kind}\n{name}".encode()).hexdigest()[:DIGITS]


def _office(handing: Handing) -> list[str]:
    return [handing.office] if handing.office else []


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
