"""People, possible sightings, statements and contradictions as tables (CSV), with a page that says what they are."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

from lastseen.clock import iso, mark
from lastseen.exchange.archive import zipped
from lastseen.exchange.records import BASES, CAVEAT, CLAIM, CONFLICT, POSSIBLE, TOLD, HandedPerson, Handing
from lastseen.fates import Side
from lastseen.sheets import sheet

PEOPLE: Final = (
    *("register_number", "name", "other_names", "birth_year", "region", "status", "same_person_as"),
    *("added_at", "changed_at", "export"),
)
SIGHTINGS: Final = (
    *(
        "register_number",
        "what",
        "number",
        "kind",
        "from",
        "to",
        "published_at",
        "first_seen_at",
        "permalink",
        "places",
    ),
    *("recording_sha256", "decided_at", "export"),
)
STATEMENTS: Final = (
    *("register_number", "number", "says", "body", "source", "reference", "dated", "of_day", "sets_status", "export"),
)

CONTRADICTIONS: Final = (
    *("register_number", "what", "one", "one_day", "one_day_is", "other", "other_day", "other_day_is", "export"),
)


def write(handing: Handing, people: Sequence[HandedPerson]) -> bytes:
    """A ZIP of people.csv, sightings.csv, statements.csv, contradictions.csv and README.txt."""
    tables = {
        "README.txt": _readme(handing),
        "people.csv": sheet(PEOPLE, _people(handing, people)),
        "sightings.csv": sheet(SIGHTINGS, _sightings(handing, people)),
        "statements.csv": sheet(STATEMENTS, _statements(handing, people)),
        "contradictions.csv": sheet(CONTRADICTIONS, _contradictions(handing, people)),
    }
    return zipped({name: content.encode() for name, content in tables.items()}, handing.made_at)


def _people(handing: Handing, people: Iterable[HandedPerson]) -> Iterator[Sequence[object]]:
    for one in people:
        others = "; ".join(name for name in one.names if name != one.name)
        same = "; ".join(one.same)
        said = (one.number, one.name, others, one.birth_year, one.region, one.status, same)
        yield (*said, _moment(one.added_at), _moment(one.changed_at), handing.id)


def _sightings(handing: Handing, people: Iterable[HandedPerson]) -> Iterator[Sequence[object]]:
    for one in people:
        for seen in one.sightings:
            film = seen.kind == "video"
            span = (mark(seen.start_ms), mark(seen.end_ms)) if film else ("", "")
            times = (_moment(seen.published_at), _moment(seen.first_seen_at))
            yield (
                *(one.number, POSSIBLE, seen.candidate, seen.kind, *span, *times, seen.permalink, seen.places),
                *(seen.sha256, _moment(seen.decided_at), handing.id),
            )


def _statements(handing: Handing, people: Iterable[HandedPerson]) -> Iterator[Sequence[object]]:
    for one in people:
        for said in one.statements:
            where = (said.body, said.source, said.reference, _moment(said.dated), _moment(said.since))
            yield (one.number, said.id, TOLD[said.says], *where, said.status, handing.id)


def _contradictions(handing: Handing, people: Iterable[HandedPerson]) -> Iterator[Sequence[object]]:
    for one in people:
        for found in one.contradictions:
            yield (one.number, found.kind, *_side(found.one), *_side(found.other), handing.id)


def _side(one: Side) -> tuple[str, str, str]:
    what = f"statement {one.statement}" if one.statement else f"{POSSIBLE} {one.candidate}"
    return what, one.day.isoformat(), BASES[one.basis]


def _moment(at: datetime | date | None) -> str:
    if at is None:
        return ""
    return iso(at) if isinstance(at, datetime) else at.isoformat()


def _readme(handing: Handing) -> str:
    return (
        f"{handing.mark}\n\n"
        "people.csv has a line for each entry of the register, sightings.csv one for each possible sighting, and\n"
        "statements.csv one for each statement that stands; register_number joins them. contradictions.csv names two\n"
        "of these that contradict each other, by their numbers. Text that a spreadsheet might calculate stands behind\n"
        "an apostrophe. Times are in UTC.\n\n"
        f"{CAVEAT}\n{CLAIM}\n{CONFLICT}\n"
    )
