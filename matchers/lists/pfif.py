"""PFIF 1.1 to 1.4 (People Finder Interchange Format, zesty.ca/pfif/1.4): persons with what notes say of them.

The one module that imports defusedxml: declarations of entities are refused.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from lastseen.words import words
from matchers.lists.sheets import LONGEST_CELL, MOST_ROWS, Row, Sheet, Unreadable, cell

COLUMNS: Final = (
    *("full_name", "family_name", "given_name", "alternate_names", "date_of_birth", "status", "status_of"),
    *("description", "person_record_id", "expiry_date"),
)
"""fields of a person, with the status of the newest note that states one, and when that was written"""
SAYS: Final[Mapping[str, str]] = {
    "believed_missing": "missing",
    "information_sought": "missing",
    "believed_alive": "alive",
    "is_note_author": "alive",
    "believed_dead": "dead",
}
"""its statuses, by what they say of a fate; `believed_dead` is somebody's word and no DNA"""
_NAMESPACE = re.compile(r"^\{http://zesty\.ca/pfif/1\.[1-4]\}")


def read(content: bytes, now: datetime | None = None) -> Sheet:
    """Raises Unreadable."""
    try:
        root: Element = ElementTree.fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise Unreadable(words("it declares entities of its own, which PFIF has not: it is not opened")) from None
    except (ParseError, LookupError, ValueError) as fault:
        raise Unreadable(
            words(
                "it is no whole XML ({kind}): get it once more",
                kind=fault.__class__.__name__,
            )
        ) from None
    if not _NAMESPACE.match(root.tag):
        raise Unreadable(
            words("it is XML, but no PFIF (http://zesty.ca/pfif/1.1 to 1.4): save what is a table as CSV UTF-8")
        )
    persons, notes = list(_each(root, "person")), _notes(root)
    if len(persons) > MOST_ROWS:
        raise Unreadable(words("it has more than {most} persons: part it", most=MOST_ROWS))
    at = now or datetime.now(UTC)
    rows = tuple(_row(number, one, notes, at) for number, one in enumerate(persons, 1))
    if not rows:
        raise Unreadable(words("it has no person records"))
    return Sheet("pfif", COLUMNS, rows, {"version": root.tag[1:].partition("}")[0].rpartition("/")[2]})


def _each(parent: Element, name: str) -> Iterator[Element]:
    return (one for one in parent if _NAMESPACE.sub("", one.tag) == name)


def _text(parent: Element, name: str) -> str:
    return next((cell((one.text or "").strip()) for one in _each(parent, name)), "")


def _notes(root: Element) -> dict[str, list[Element]]:
    """Person record id -> notes that stand beside the persons."""
    found: dict[str, list[Element]] = defaultdict(list)
    for one in _each(root, "note"):
        found[_text(one, "person_record_id")].append(one)
    return found


def _row(number: int, person: Element, apart: Mapping[str, list[Element]], now: datetime) -> Row:
    record = _text(person, "person_record_id")
    notes = [*_each(person, "note"), *(apart.get(record, ()) if record else ())]
    stated = sorted((_text(note, "source_date"), _text(note, "status")) for note in notes if _text(note, "status"))
    of, status = stated[-1] if stated else ("", "")
    fields = {name: _text(person, name) for name in COLUMNS} | {"status": status, "status_of": of}
    fault = None
    if any(len(one) > LONGEST_CELL for one in fields.values()):
        fault = words("a field has more than {most} characters", most=LONGEST_CELL)
    elif _over(fields["expiry_date"], now):
        fault = words("its expiry_date is over: whoever gave it out wants it used no more")
    return Row(number, tuple(fields[name] for name in COLUMNS), fault)


def _over(written: str, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(written.replace("Z", "+00:00"))
    except ValueError:
        return False
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) < now
