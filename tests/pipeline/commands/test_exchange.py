"""`lastseen exchange export` and `lastseen register file`: what leaves, what stays, and what the log says of it."""

import hashlib
import io
import json
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.blots import OF_OTHERS
from lastseen.exchange.whole import TITLES
from lastseen.records import PersonStatus, Says, StatementSource
from lastseen.roles import Role
from lastseen.settings import Settings
from storage import accounts, custody, exchange, statements, whole_file
from storage.exchange import Selection, Wanted
from storage.objects import DERIVED
from storage.statements import Said
from storage.stores import Stores
from storage.tables import metadata
from tests.office import Office
from tests.review.seeding import CLIP, Seeded, Story, jpeg, seed
from tests.storage.casting import row
from tests.storage.judged import account, conclude
from tests.storage.test_erasures import hanging_on

DEAD = Said(Says.DEAD, "side A", StatementSource.LETTER, "letter 17/4", date(2026, 3, 1), date(2026, 2, 11))
STILL, CROP, REFERENCE = (jpeg(colour, (64, 48)) for colour in ("#111111", "#222222", "#333333"))
LEFT_OUT = {
    "near_misses": "shown to nobody, and decides nothing",
    "review_queue": "what is still to be done, which follows from the rest",
    "reviews": "who looked when stands in the log",
}
"""tables that refer to people, and are in no whole file"""
FORMATS = ("csv", "pfif", "ftm")
PASSWORD = "correct horse battery"
TO = ("--purpose", "tracing", "--receiver", "CTA", "--right", "Article 123")


@pytest.fixture
def office(settings: Settings, stores: Stores) -> Office:
    return Office(settings.model_copy(update={"office": "Ombudsman"}), stores)


@pytest.fixture
def ada(stores: Stores) -> Seeded:
    """A possible sighting of her stands, and one statement; another was withdrawn."""
    made = seed(stores, Story(number="HC-1", names=("Ada Example",), still=STILL, reference=REFERENCE))
    with stores.db.begin() as db:
        conclude(db, made.candidate, 3, 3)
        statements.keep(db, made.person, DEAD, "ada")
        gone, _ = statements.keep(db, made.person, replace(DEAD, body="a liar"), "ada")
        by = account(db, "ada")
        statements.withdraw(db, statements.find(db, gone), "entered twice", by, 5)  # type: ignore[arg-type]
    return made


def contents(path: Path) -> str:
    """All text of a file that was written."""
    if path.suffix != ".zip":
        return path.read_text("utf-8")
    with zipfile.ZipFile(path) as archive:
        return "\n".join(archive.read(name).decode() for name in archive.namelist() if not name.endswith(".jpg"))


@pytest.mark.parametrize("format_", FORMATS)
def test_what_stands_goes_out_and_the_log_says_to_whom_and_why(
    office: Office, ada: Seeded, tmp_path: Path, format_: str
) -> None:
    seed(office.stores, Story(number="HC-2", names=("Ben Other",)))
    to = tmp_path / ("out.zip" if format_ == "csv" else "out.txt")
    said = office.ask("exchange", "export", "--to", str(to), "--format", format_, *TO, "--person", "HC-1")
    assert (said["persons"], said["sightings"], said["statements"]) == (1, 1, 1)
    told = contents(to)
    assert ("Ada Example" in told, "side A" in told, "possible sighting" in told.lower()) == (True, True, True)
    assert ("a liar" in told, "Ben Other" in told) == (False, False)
    with office.stores.db.begin() as db:
        (event,) = db.execute(text("SELECT subject, reason, detail FROM custody_events WHERE action = 'exported'"))
    assert (event.subject, event.reason, event.detail["recipient"]) == (f"person:{ada.person}", "tracing", "CTA")
    assert event.detail["right"] == "Article 123"
    assert event.detail["sha256"] == hashlib.sha256(to.read_bytes()).hexdigest() == said["sha256"]
    assert (event.detail["persons"], event.detail["people"]) == (1, [ada.person])
    assert "Ada" not in str(event)


@pytest.mark.parametrize("format_", FORMATS)
def test_no_picture_and_no_template_of_anybody_is_in_it(
    office: Office, ada: Seeded, tmp_path: Path, format_: str
) -> None:
    sealed = b"a sealed template"
    with office.stores.db.begin() as db:
        row(db, "templates", photo_id=ada.photo, kind="photo", engine="dlib", quality=1.0, sealed=sealed)
        keys = [str(key) for key in db.execute(text("SELECT object_key FROM reference_photos")).scalars()]
        keys += [str(key) for key in db.execute(text("SELECT crop_key FROM best_shots")).scalars()]
    to = tmp_path / "out.zip"
    office.run("exchange", "export", "--to", str(to), "--format", format_, *TO, "--everybody")
    with_zip = b"\n".join(_raw(to))
    pictures = [STILL, REFERENCE, CLIP, jpeg(), sealed, *(key.encode() for key in keys), b"dlib", b"0.4321"]
    assert [one for one in pictures if one in with_zip] == []


def _raw(path: Path) -> list[bytes]:
    if not zipfile.is_zipfile(path):
        return [path.read_bytes()]
    with zipfile.ZipFile(path) as archive:
        return [archive.read(name) for name in archive.namelist()]


def test_a_selection_is_a_status_a_day_numbers_or_everybody_and_never_nothing(
    office: Office, ada: Seeded, tmp_path: Path
) -> None:
    seed(office.stores, Story(number="HC-2"))
    gone = seed(office.stores, Story(number="HC-3"))
    with office.stores.db.begin() as db:
        db.execute(text("UPDATE persons SET status = 'withdrawn' WHERE id = :id"), {"id": gone.person})
        db.execute(text("UPDATE persons SET added_at = '2026-01-01', changed_at = '2026-01-01'"))

        def numbers(**chosen: object) -> list[str]:
            return [one.number for one in exchange.gather(db, Selection(**chosen))]  # type: ignore[arg-type]

        assert numbers(everybody=True) == ["HC-1", "HC-2"]
        assert numbers(numbers=("HC-2",)) == ["HC-2"]
        assert numbers(status=PersonStatus.MISSING) == ["HC-1", "HC-2"]
        assert numbers(since=date(2026, 6, 1)) == ["HC-1"], "something was said of her since"
    listed = tmp_path / "numbers.txt"
    listed.write_text("HC-2\n\nHC-1\n")
    out = str(tmp_path / "o.xml")
    assert (
        office.ask("exchange", "export", "--to", out, "--format", "pfif", *TO, "--numbers", str(listed))["persons"] == 2
    )


def test_what_is_wrong_is_said_and_nothing_is_written(office: Office, ada: Seeded, tmp_path: Path) -> None:
    gone = seed(office.stores, Story(number="HC-3"))
    with office.stores.db.begin() as db:
        db.execute(text("UPDATE persons SET status = 'withdrawn' WHERE id = :id"), {"id": gone.person})
    to = tmp_path / "out.xml"
    base = ("exchange", "export", "--to", str(to), "--format", "pfif")
    for more, said in (
        (TO, "Say whom it is about"),
        ((*TO, "--person", "nobody"), "no entry nobody"),
        ((*TO, "--person", "HC-3"), "handed out to nobody: HC-3"),
        ((*TO, "--status", "withdrawn"), "handed out to nobody"),
        ((*TO, "--status", "returned"), "Nobody of the register is like that"),
        (("--purpose", " ", "--receiver", "CTA", "--everybody"), "what it is handed out for"),
        (("--purpose", "x", "--receiver", " ", "--everybody"), "who gets it"),
    ):
        assert said in office.run(*base, *more, status=2).stderr
    assert not to.exists()
    to.write_text("mine")
    assert "there already" in office.run(*base, *TO, "--everybody", status=2).stderr
    with office.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM custody_events WHERE action = 'exported'")).scalar_one() == 0


def test_an_account_that_may_be_asked_learns_nobodys_fate_by_the_command(
    office: Office, ada: Seeded, tmp_path: Path
) -> None:
    """Neither by whom it chooses, nor by a refusal: whom it names it is told of."""
    with office.stores.db.begin() as db:
        user = accounts.add_user(db, "sue", PASSWORD, [Role.SENIOR])
    command = ("exchange", "export", "--to", str(tmp_path / "out.xml"), "--format", "pfif", "--as", "sue")
    of_her = text("SELECT EXISTS (SELECT FROM tellings_of_people WHERE user_id = :user AND person_id = :person)")
    asked = {"user": user.id, "person": ada.person}
    for more in (("--status", "missing"), ("--status", "missing", "--person", "HC-1"), ("--since", "2026-01-01")):
        assert "may be asked about faces" in office.type(f"{PASSWORD}\n", *command, *TO, *more, status=2)
    with office.stores.db.begin() as db:
        assert not db.execute(of_her, asked).scalar_one()
    without = ("--purpose", " ", "--receiver", "CTA", "--right", "Article 123")
    office.type(f"{PASSWORD}\n", *command, *TO, "--person", "HC-1", "--person", "nobody", status=2)
    assert "what it is handed out for" in office.type(f"{PASSWORD}\n", *command, *without, "--person", "HC-1", status=2)
    with office.stores.db.begin() as db:
        assert db.execute(of_her, asked).scalar_one()


def test_no_sighting_is_handed_out_that_people_do_not_hold_to_be_one(office: Office) -> None:
    for number, state in (("HC-1", "open"), ("HC-2", "withdrawn")):
        seed(office.stores, Story(number=number, state=state))
    undecided = seed(office.stores, Story(number="HC-3"))
    with office.stores.db.begin() as db:
        conclude(db, undecided.candidate, 0, 0)
        assert [one.sightings for one in exchange.gather(db, Selection(everybody=True))] == [(), (), ()]


def test_a_file_says_when_it_is_to_be_deleted(settings: Settings) -> None:
    short = settings.model_copy(update={"exchange_expiry_days": 10, "review_url": "https://review.example.org"})
    made = exchange.handing(short, Wanted("CTA", "tracing", "law"))
    assert (made.expires_at - made.made_at).days == 10
    assert made.domain == "review.example.org"


# --- a person's whole file ---------------------------------------------------------------------------------


def test_a_whole_file_asks_of_every_table_that_refers_to_people() -> None:
    asked = "\n".join([*whole_file.PARTS.values(), str(whole_file.SUBJECTS), str(whole_file.PICTURES)])
    words = set(asked.replace(".", " ").replace("(", " ").replace(")", " ").replace(",", " ").split())
    there = {table.name for table in hanging_on(("persons",))}
    assert there - words == set(LEFT_OUT), "what is held of people is in the file, or it is said why not"
    assert set(LEFT_OUT) <= set(metadata.tables)
    assert set(whole_file.PARTS) == set(TITLES)


def filed(office: Office, *arguments: str, status: int = 0) -> str:
    """`lastseen register file ARGUMENTS`, by an account; the last line that it said."""
    with office.stores.db.begin() as db:
        if accounts.find_user(db, "keeper") is None:
            accounts.add_user(db, "keeper", PASSWORD, [Role.SENIOR])
    said = office.type(f"{PASSWORD}\n", "register", "file", *arguments, "--as", "keeper", status=status)
    return said.strip().splitlines()[-1] if status == 0 else said


def test_whoever_has_a_whole_file_made_is_named_and_is_asked_about_her_no_more(
    office: Office, ada: Seeded, tmp_path: Path
) -> None:
    to = tmp_path / "o.zip"
    asked = ("register", "file", "HC-1", "--to", str(to), "--reason", "asked")
    assert "--as ACCOUNT" in office.run(*asked, status=2).stderr and not to.exists()
    filed(office, *asked[2:])
    with office.stores.db.begin() as db:
        (event,) = [one for one in custody.events(db) if one.action == "exported"]
        told = text("SELECT name FROM tellings_of_people JOIN users ON users.id = user_id WHERE person_id = :person")
        assert db.execute(told, {"person": ada.person}).scalars().all() == ["keeper"]
    assert (event.actor, event.subject) == ("keeper", f"person:{ada.person}")


def test_everything_on_her_is_in_it_and_nothing_of_others(office: Office, ada: Seeded, tmp_path: Path) -> None:
    ben = seed(office.stores, Story(number="HC-2", names=("Ben Other",)), at_track=ada)
    _written_about_both(office, ada, ben)
    to = tmp_path / "ada.zip"
    said = json.loads(filed(office, "HC-1", "--to", str(to), "--reason", "she asks, Article 15", "--json"))
    with zipfile.ZipFile(to) as archive:
        names = archive.namelist()
        data = json.loads(archive.read("data.json"))
        page = archive.read("index.html").decode()
        assert archive.read(f"sightings/{ada.candidate}.jpg") == STILL
        assert archive.read(f"photos/{ada.photo}.jpg") == REFERENCE
    assert names == ["index.html", "data.json", f"photos/{ada.photo}.jpg", f"sightings/{ada.candidate}.jpg"]
    parts = data["parts"]
    assert parts["entry"][0]["names"] == ["Ada Example"]
    assert [one["state"] for one in parts["candidates"]] == ["sighting"]
    assert [one["body"] for one in parts["statements"]] == ["side A", "a liar", "her aunt"]
    assert parts["statements"][2]["note"] == "she stood there\n[about somebody else]\nat noon"
    assert parts["statements"][1]["why_withdrawn"] == "entered twice"
    assert [one["is_this_person"] for one in parts["list_lines"]] == [True]
    assert "Ada Example" in parts["letters"][0]["body"]
    assert parts["tips"][0]["contact_is_kept"] is True
    assert [one["verdict"] for one in parts["verdicts"]] == ["sighting"]
    whole = page + json.dumps(data, ensure_ascii=False)
    for hidden in ("Ben Other", "HC-2", "mother's number", "a sealed template"):
        assert hidden not in whole, hidden
    assert "[about somebody else]" in parts["letters"][0]["body"]
    assert said["pictures"] == 2


def _written_about_both(office: Office, ada: Seeded, ben: Seeded) -> None:
    with office.stores.db.begin() as db:
        row(db, "templates", photo_id=ada.photo, kind="photo", engine="dlib", quality=1.0, sealed=b"a sealed template")
        to = row(db, "letter_recipients", kind="icrc", name="CTA", language="en", added_by="ada")
        body = "Ada Example, HC-1\n  seen\n\nBen Other, HC-2\n  seen, too"
        letter = row(
            db, "letters", recipient_id=to, language="en", with_package=False, made_by="ada", subject="Two", body=body
        )
        for of in (ada, ben):
            db.execute(text("INSERT INTO letter_people VALUES (:l, :p)"), {"l": letter, "p": of.person})
        tip = row(
            db, "tips", code_hash=b"1", address="https://x.example/1", language="uk", came_by="form", received_by="form"
        )
        db.execute(text("INSERT INTO tip_contacts VALUES (:t, 'mother''s number')"), {"t": tip})
        row(db, "tip_notes", tip_id=tip, kind="about", person_id=ada.person, note="call Ben Other", noted_by="ada")
        given = row(
            db, "lists", title="dead", body="side A", kind="csv", dated=date(2026, 3, 1), file_name="a",
            sha256="0" * 64, size=1, object_key="k", mapping={}, imported_by="ada",
        )  # fmt: skip
        line = row(
            db, "list_entries", list_id=given, row=1, names=["Ada Example"], says="dead", raw={"with": "Ben Other"}
        )
        row(db, "list_decisions", entry_id=line, person_id=ada.person, same=True, decided_by="ada")
        told = replace(DEAD, body="her aunt", note="she stood there\nseen with Ben Other\nat noon")
        statements.keep(db, ada.person, told, "ada")


def test_what_is_about_others_is_said_so_in_the_language_of_the_page(
    office: Office, ada: Seeded, tmp_path: Path
) -> None:
    _written_about_both(office, ada, seed(office.stores, Story(number="HC-2", names=("Ben Other",)), at_track=ada))
    to = tmp_path / "uk.zip"
    filed(office, "HC-1", "--to", str(to), "--reason", "asked", "--language", "uk")
    with zipfile.ZipFile(to) as archive:
        page, data = archive.read("index.html").decode(), archive.read("data.json").decode()
    assert "[про іншу особу]" in page and OF_OTHERS not in page  # noqa: RUF001  Ukrainian
    assert OF_OTHERS in data, "for programs, in English"


def test_of_what_is_still_asked_there_is_a_count_only(office: Office, tmp_path: Path) -> None:
    made = seed(office.stores, Story(number="HC-1"))
    to = tmp_path / "o.zip"
    filed(office, "HC-1", "--to", str(to), "--reason", "asked")
    told = contents(to)
    assert "videos.example/watch/1" not in told
    assert f"candidate:{made.candidate}" not in told
    assert '"candidates": 1' in told


def test_who_looked_and_who_got_it_stands_in_the_next_one(office: Office, ada: Seeded, tmp_path: Path) -> None:
    office.run("exchange", "export", "--to", str(tmp_path / "a.xml"), "--format", "pfif", *TO, "--everybody")
    seed(office.stores, Story(number="HC-2"))
    office.run("exchange", "export", "--to", str(tmp_path / "b.xml"), "--format", "pfif", *TO, "--everybody")
    filed(office, "HC-1", "--to", str(tmp_path / "1.zip"), "--reason", "first")
    filed(office, "HC-1", "--to", str(tmp_path / "2.zip"), "--reason", "second", "--language", "uk")
    with zipfile.ZipFile(tmp_path / "2.zip") as archive:
        looks = json.loads(archive.read("data.json"))["parts"]["looks"]
        page = archive.read("index.html").decode()
    exported = [(one["recipient"], one["reason"]) for one in looks if one["action"] == "exported"]
    assert exported == [("CTA", "tracing"), ("CTA", "tracing"), (None, "first")]
    assert '<html lang="uk">' in page
    assert "Можливі" in page


def test_a_picture_that_is_gone_is_counted(office: Office, ada: Seeded, tmp_path: Path) -> None:
    office.stores.objects.erase(DERIVED, f"still/{ada.photo}.jpg")
    to = tmp_path / "o.zip"
    assert json.loads(filed(office, "HC-1", "--to", str(to), "--reason", "asked", "--json"))["pictures"] == 1
    assert "Pictures that are not there any more: 1" in contents(to).replace("</p>", "")


def test_wrong_use_of_a_whole_file_is_said(office: Office, ada: Seeded, tmp_path: Path) -> None:
    to = str(tmp_path / "o.zip")
    assert "no entry nobody" in filed(office, "nobody", "--to", to, "--reason", "x", status=2)
    assert "empty" in filed(office, "HC-1", "--to", to, "--reason", " ", status=2)
    assert "no language" in filed(office, "HC-1", "--to", to, "--reason", "x", "--language", "tlh", status=2)
    assert not Path(to).exists()


def test_what_a_page_shows_of_hostile_text_is_escaped(office: Office, tmp_path: Path) -> None:
    seed(office.stores, Story(number="HC-<b>", names=("<script>alert(1)</script>",)))
    to = tmp_path / "o.zip"
    filed(office, "HC-<b>", "--to", str(to), "--reason", "<img src=x>")
    with zipfile.ZipFile(io.BytesIO(to.read_bytes())) as archive:
        page = archive.read("index.html").decode()
    assert ("<script" in page, "<img src=x>" in page, "HC-<b>" in page) == (False, False, False)
    assert "&lt;script&gt;" in page
