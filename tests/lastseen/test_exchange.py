"""What is handed out reads as its format says, whatever a register holds, and has nothing biometric in it."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest

from lastseen.exchange import ftm, pfif, tables
from lastseen.exchange.records import (
    Format,
    HandedPerson,
    HandedSighting,
    HandedStatement,
    Handing,
)
from lastseen.exchange.writing import file_name, write
from lastseen.fates import Basis, Conflict, Contradiction, Side
from lastseen.records import PersonStatus, Says
from lastseen.sheets import FORMULA, MARK
from matchers.lists import pfif as reader

AT = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)
HANDING = Handing(
    "01J", AT, "Office of <Ombudsman>", "office.example", "CTA & friends", "tracing -- request", "Article 123",
    datetime(2027, 11, 26, tzinfo=UTC),
)  # fmt: skip
SEEN = HandedSighting(
    7,
    "video",
    61_500,
    65_000,
    "https://videos.example/watch/1",
    datetime(2026, 3, 2, 10, tzinfo=UTC),
    AT,
    2,
    "ab" * 32,
    AT,
)
DEAD = HandedStatement(3, Says.DEAD, "side A", "list", "row 4", date(2026, 3, 1), date(2026, 2, 11), None)
HELD = HandedStatement(4, Says.CAPTIVE, "CTA", "letter", "17/4", date(2026, 4, 1), None, PersonStatus.CAPTIVE)
ADA = HandedPerson(
    1, "HC-1/ї", ("Ада Приклад", "Ada Example"), 1990, "Mariupol", PersonStatus.CAPTIVE, AT, AT, ("HC-2",), (SEEN,),
    (DEAD, HELD),
    (Contradiction(Conflict.SEEN_AFTER_DEATH, Side(date(2026, 2, 11), Basis.SPOKEN_OF, statement=3),
                   Side(date(2026, 3, 2), Basis.PUBLISHED, candidate=7)),),
)  # fmt: skip
HOSTILE = '=HYPERLINK("http://x")</pfif:person><x>&\x0b\ufffe]]>--'
EVIL = replace(
    ADA, number="-2", names=(HOSTILE,), region=HOSTILE, same=(HOSTILE,),
    sightings=(replace(SEEN, permalink=HOSTILE),), statements=(replace(DEAD, body=HOSTILE, reference=HOSTILE),),
)  # fmt: skip

PERSON = (
    *("person_record_id", "entry_date", "expiry_date", "author_name", "author_email", "author_phone", "source_name"),
    *("source_date", "source_url", "full_name", "given_name", "family_name", "alternate_names", "description", "sex"),
    *("date_of_birth", "age", "home_street", "home_neighborhood", "home_city", "home_state", "home_postal_code"),
    *("home_country", "photo_url", "profile_urls", "note"),
)
NOTE = (
    *("note_record_id", "person_record_id", "linked_person_record_id", "entry_date", "author_name", "author_email"),
    *("author_phone", "source_date", "author_made_contact", "status", "email_of_found_person"),
    *("phone_of_found_person", "last_known_location", "text", "photo_url"),
)
STATUSES = {"", "information_sought", "is_note_author", "believed_alive", "believed_missing", "believed_dead"}
"""fields of PFIF 1.4 in its order, and the statuses that it has"""

THING = {
    "name": "name",
    "alias": "name",
    "summary": "text",
    "description": "text",
    "sourceUrl": "url",
    "publisher": "string",
    "notes": "text",
    "createdAt": "date",
    "modifiedAt": "date",
    "retrievedAt": "date",
}
SCHEMATA: Mapping[str, Mapping[str, str]] = {
    "Person": {**THING, "idNumber": "identifier", "status": "string", "birthDate": "date"},
    "Event": {**THING, "date": "date", "recordId": "string", "involved": "LegalEntity"},
    "Note": {**THING, "entity": "Thing"},
}
"""what followthemoney 3.8 and 4.11 say of these schemata: property -> type, or what an entity is to be"""
BIOMETRIC = ("template", "embedding", "crop", "photo", "distance", "box", "score", "jpg", "jpeg", "base64", "dlib")


def read_zip(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def rows(content: bytes, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read_zip(content)[name].removeprefix(MARK))))


def fields(of: ElementTree.Element) -> list[tuple[str, str]]:
    return [(one.tag.removeprefix(f"{{{pfif.NAMESPACE}}}"), one.text or "") for one in of]


def people(content: bytes) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(content))  # noqa: S314  our own


def notes(person: ElementTree.Element) -> list[dict[str, str]]:
    return [dict(fields(one)) for one in person if one.tag.endswith("}note")]


# --- tables ------------------------------------------------------------------------------------------------


def test_three_tables_are_joined_by_the_register_number() -> None:
    made = tables.write(HANDING, [ADA])
    (person,), (sighting,), statements = (rows(made, f"{name}.csv") for name in ("people", "sightings", "statements"))
    assert (person["name"], person["other_names"], person["status"]) == ("Ада Приклад", "Ada Example", "captive")
    assert {one["register_number"] for one in (person, sighting, *statements)} == {"HC-1/ї"}
    assert (sighting["what"], sighting["from"], sighting["published_at"]) == (
        "possible sighting", "1:01.5", "2026-03-02T10:00:00.000000Z",
    )  # fmt: skip
    assert [(one["says"], one["dated"], one["of_day"], one["sets_status"]) for one in statements] == [
        ("dead (said, and not shown by DNA)", "2026-03-01", "2026-02-11", ""),
        ("held as a captive", "2026-04-01", "", "captive"),
    ]


def test_what_contradicts_what_is_said_with_both_sides_and_nothing_more() -> None:
    (row,) = rows(tables.write(HANDING, [ADA]), "contradictions.csv")
    assert (row["what"], row["one"], row["one_day"], row["other"], row["other_day"]) == (
        "seen after a claimed death", "statement 3", "2026-02-11", "possible sighting 7", "2026-03-02",
    )  # fmt: skip


def test_no_cell_is_a_formula() -> None:
    made = tables.write(HANDING, [EVIL])
    for name in ("people.csv", "sightings.csv", "statements.csv", "contradictions.csv"):
        cells = [cell for row in rows(made, name) for cell in row.values()]
        assert not [cell for cell in cells if cell.lstrip(" ").startswith(FORMULA)]
    assert rows(made, "people.csv")[0]["register_number"] == "'-2"


def test_the_page_beside_the_tables_says_to_whom_and_why_and_what_a_possible_sighting_is() -> None:
    said = read_zip(tables.write(HANDING, [ADA]))["README.txt"]
    assert "to CTA & friends for this purpose: tracing -- request; under this right: Article 123" in said
    assert "A possible sighting is no identification" in said


# --- PFIF --------------------------------------------------------------------------------------------------


def test_pfif_has_the_fields_of_its_version_in_their_order() -> None:
    for one in people(pfif.write(HANDING, [ADA, EVIL])):
        names = [name for name, _ in fields(one)]
        assert names == sorted(names, key=PERSON.index)
        for note in (one for one in one if one.tag.endswith("}note")):
            inner = [name for name, _ in fields(note)]
            assert inner == sorted(inner, key=NOTE.index)
            assert {"note_record_id", "author_name", "source_date", "text"} <= set(inner)
            assert dict(fields(note)).get("status", "") in STATUSES
        assert {"person_record_id", "source_date", "full_name"} <= set(names)


def test_a_record_is_named_after_the_office_and_its_notes_belong_to_it() -> None:
    (one,) = people(pfif.write(HANDING, [ADA]))
    said = dict(fields(one))
    assert said["person_record_id"] == "office.example/person.HC-1%2F%D1%97"
    assert (said["full_name"], said["alternate_names"], said["date_of_birth"]) == ("Ада Приклад", "Ada Example", "1990")
    assert said["expiry_date"] == "2027-11-26T00:00:00Z"
    assert "CTA & friends" in said["description"]
    assert {note["person_record_id"] for note in notes(one)} == {said["person_record_id"]}
    assert len({note["note_record_id"] for note in notes(one)}) == len(notes(one)) == 6


def test_what_somebody_said_is_their_belief_and_a_possible_sighting_is_nobodys() -> None:
    (one,) = people(pfif.write(HANDING, [ADA]))
    same, dead, held, seen, against, status = notes(one)
    assert same["linked_person_record_id"] == "office.example/person.HC-2"
    assert (dead["author_name"], dead["status"], dead["source_date"]) == (
        "side A", "believed_dead", "2026-03-01T00:00:00Z",
    )  # fmt: skip
    assert (held["author_name"], held["status"]) == ("CTA", "believed_alive")
    assert "status" not in seen
    assert seen["text"].startswith("Possible sighting 7 in https://videos.example/watch/1, from 1:01.5 to 1:05.0")
    assert "no identification" in seen["text"]
    assert "status" not in against
    assert "statement 3 of 2026-02-11 (the day that it speaks of), and possible sighting 7" in against["text"]
    assert "resolves nothing" in against["text"]
    assert (status["author_name"], status["status"]) == ("Office of <Ombudsman>", "believed_alive")
    assert status["source_date"] == max(note["source_date"] for note in notes(one)), "our own word is the newest"


@pytest.mark.parametrize("says", Says)
def test_whatever_is_said_has_a_status_of_the_format_or_none(says: Says) -> None:
    (one,) = people(pfif.write(HANDING, [replace(ADA, statements=(replace(DEAD, says=says),))]))
    assert notes(one)[1].get("status", "") in STATUSES


@pytest.mark.parametrize(
    ("status", "read"),
    [
        (PersonStatus.MISSING, "information_sought"),
        (PersonStatus.CAPTIVE, "believed_alive"),
        (PersonStatus.RETURNED, "believed_alive"),
        (PersonStatus.DECEASED, "believed_dead"),
        (PersonStatus.FOUND, ""),
    ],
)
def test_the_reader_of_lists_reads_it_back_with_the_status_that_the_person_has(status: PersonStatus, read: str) -> None:
    """Whatever was said before; nobody is missing to another office who is not to this one."""
    missing = replace(DEAD, id=9, says=Says.MISSING, dated=date(2026, 5, 1))
    sheet = reader.read(pfif.write(HANDING, [replace(ADA, status=status, statements=(missing,)), EVIL]), AT)
    assert (sheet.kind, sheet.taken["version"], len(sheet.rows)) == ("pfif", "1.4", 2)
    first = dict(zip(sheet.columns, sheet.rows[0].cells, strict=True))
    assert (first["full_name"], first["date_of_birth"], first["status"]) == ("Ада Приклад", "1990", read)
    assert first["person_record_id"] == "office.example/person.HC-1%2F%D1%97"
    assert [row.fault for row in sheet.rows] == ["", ""]


def test_a_file_that_is_to_be_deleted_by_now_is_read_as_that() -> None:
    late = datetime(2028, 1, 1, tzinfo=UTC)
    (row,) = reader.read(pfif.write(HANDING, [ADA]), late).rows
    assert row.fault
    assert "expiry_date is over" in row.fault


def test_hostile_text_breaks_out_of_no_element() -> None:
    (one,) = people(pfif.write(replace(HANDING, purpose=HOSTILE, receiver="--><x/>"), [EVIL]))
    assert dict(fields(one))["full_name"].startswith('=HYPERLINK("http://x")</pfif:person><x>&')
    assert "\x0b" not in "".join(one.itertext())


# --- FollowTheMoney ----------------------------------------------------------------------------------------


def entities(people_: Sequence[HandedPerson]) -> list[dict[str, object]]:
    return [json.loads(line) for line in ftm.write(HANDING, people_).decode().splitlines()]


def test_entities_have_properties_of_their_schemata_and_refer_to_what_is_there() -> None:
    made = entities([ADA, EVIL])
    ids = {str(one["id"]): str(one["schema"]) for one in made}
    assert len(ids) == len(made)
    for one in made:
        properties = one["properties"]
        assert isinstance(properties, dict)
        known = SCHEMATA[str(one["schema"])]
        assert properties["name"], "every thing has to have a name"
        for name, values in properties.items():
            assert all(isinstance(value, str) and value for value in values), name
            match known[name]:
                case "date":
                    assert all(
                        datetime.fromisoformat(value.ljust(10, "-").replace("------", "-01-01")) for value in values
                    )
                case "url":
                    assert all(value.startswith(("http://", "https://")) for value in values)
                case "LegalEntity":
                    assert {ids[value] for value in values} == {"Person"}
                case "Thing":
                    assert {ids[value] for value in values} <= {"Person", "Event"}
                case _:
                    assert known[name] in {"name", "text", "string", "identifier"}


def test_a_sighting_is_an_event_and_a_statement_a_note_by_who_said_so() -> None:
    about, person, seen, dead, _, against = (one["properties"] for one in entities([ADA]))
    assert isinstance(about, dict) and isinstance(person, dict) and isinstance(seen, dict) and isinstance(dead, dict)
    assert "CTA & friends" in about["description"][0]
    assert (person["name"], person["idNumber"], person["birthDate"]) == (["Ада Приклад"], ["HC-1/ї"], ["1990"])
    assert (seen["name"], seen["summary"], seen["date"]) == (
        ["Possible sighting 7"], ["possible sighting"], ["2026-03-02T10:00:00"],
    )  # fmt: skip
    assert isinstance(against, dict)
    assert against["name"] == ["Contradiction: seen after a claimed death"]
    assert "possible sighting 7 of 2026-03-02 (first published then" in against["description"][0]
    assert (dead["publisher"], dead["modifiedAt"]) == (["side A"], ["2026-03-01"])


def test_an_entity_has_the_same_id_each_time_and_another_at_another_office() -> None:
    later = replace(HANDING, id="02", made_at=datetime(2027, 1, 1, tzinfo=UTC))
    ids = [
        [json.loads(line)["id"] for line in ftm.write(handing, [ADA]).decode().splitlines()][1:]
        for handing in (HANDING, later, replace(HANDING, domain="other.example"))
    ]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


# --- all of them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", Format)
def test_the_same_content_comes_out_the_same_and_names_nobody_in_its_file_name(format_: Format) -> None:
    assert write(format_, HANDING, [ADA]) == write(format_, HANDING, [ADA])
    assert file_name(format_, HANDING).startswith(f"lastseen-{format_}-01J.")


@pytest.mark.parametrize("format_", Format)
def test_nothing_biometric_is_in_any_and_each_says_possible_sighting(format_: Format) -> None:
    made = write(format_, HANDING, [ADA])
    text = "\n".join(read_zip(made).values()) if format_ is Format.CSV else made.decode()
    assert [word for word in BIOMETRIC if word in text.lower()] == []
    assert "possible sighting" in text.lower()
    assert "CTA" in text
