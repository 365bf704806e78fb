"""`lastseen tips`: kept, taken in from tables, taken up; what is sealed is said by no command."""

import stat
from pathlib import Path

from sqlalchemy import text

from review.roles import Role
from storage import custody, tip_finds, tips
from storage.objects import EVIDENCE
from tests.office import Office
from tests.pipeline.conftest import WANTED
from tests.review.conftest import serving
from tests.storage.casting import person
from tests.storage.judged import answer

WHOM, CONTACT = "my brother Ivan", "+380 00 000"
HEAD = "link,moment,whom,how,contact,language\n"


def said(office: Office, tmp_path: Path) -> str:
    """All that the log and the list of tips tell."""
    with office.stores.db.begin() as db:
        told = str(list(custody.events(db)))
    return told + str(office.ask("tips", "list"))


def test_a_tip_by_hand_from_its_code_to_its_end(office: Office, tmp_path: Path) -> None:
    given = ("--whom", WHOM, "--contact", CONTACT, "--moment", "2:35", "--language", "uk")
    kept = office.ask("tips", "add", "https://t.me/news/7", *given)
    assert (kept["tip"], kept["readable"], kept["same_link"]) == (1, True, 0)
    again = office.ask("tips", "add", "t.me/s/News/7", *given)
    assert again["same_link"] == 1
    unread = office.ask("tips", "add", "https://t.me/+secret", *given)
    assert (unread["readable"], "private" in str(unread["why"])) == (False, True)
    with office.stores.db.begin() as db:
        state = tips.by_code(db, str(kept["code"]))
        assert state is not None
        person(db, "26-7", "Ivan")
    without = Office(office.settings.model_copy(update={"legal_basis": ""}), office.stores)
    without.run("tips", "take", "1", "--person", "26-7", "--reason", "why", status=2)
    basis = Office(office.settings.model_copy(update={"legal_basis": "decision 7"}), office.stores)
    taken = basis.run("tips", "take", "1", "--person", "26-7", "--reason", "the left one")
    assert "reads its post" in taken.stderr
    listed = str(basis.ask("source", "list")["sources"])
    assert "'@news/7'" in listed
    assert "'tip 1'" in listed
    basis.run("tips", "refuse", "2", "--reason", "as tip 1")
    basis.run("tips", "close", "1", "--reason", "told")
    assert basis.ask("tips", "list")["states"] == {
        "received": 1,
        "taken up": 0,
        "to be told": 0,
        "refused": 1,
        "closed": 1,
    }
    told = said(basis, tmp_path)
    for secret in (WHOM, CONTACT, str(kept["code"])):
        assert secret not in told
    with office.stores.db.begin() as db:
        assert db.execute(text("SELECT tip_id FROM tip_contacts")).scalars().all() == [3]


def test_a_table_comes_in_as_a_whole_or_not_at_all(office: Office, tmp_path: Path) -> None:
    table, codes = tmp_path / "tips.csv", tmp_path / "codes.csv"
    row = f"https://t.me/news/7,2:35,{WHOM},,{CONTACT},uk\n"
    table.write_text(HEAD + row + ",,he,,me,\n", "utf-8")
    refused = office.run("tips", "import", str(table), status=2)
    assert "row 3: Put in the link" in refused.stderr
    dry = office.ask("tips", "import", str(table), "--dry-run")
    assert (dry["taken_in"], dry["rows"], len(dry["faults"])) == (0, 1, 1)  # type: ignore[arg-type]  # a list
    assert office.ask("tips", "list")["tips"] == []
    table.write_text(HEAD + row + row, "utf-8")
    assert office.ask("tips", "import", str(table), "--codes", str(codes))["taken_in"] == 2
    assert stat.S_IMODE(codes.stat().st_mode) == 0o600
    lines = codes.read_text("utf-8").splitlines()
    assert lines[0] == "row,tip,code"
    with office.stores.db.begin() as db:
        assert tips.by_code(db, lines[2].split(",")[2]) is not None
    office.run("tips", "import", str(table), "--codes", str(codes), status=2)
    assert len(office.ask("tips", "list")["tips"]) == 2, "nothing came in without a place for the codes"  # type: ignore[arg-type]


def test_contacts_go_by_retention(office: Office) -> None:
    office.ask("tips", "add", "https://t.me/news/7", "--whom", WHOM, "--contact", CONTACT)
    assert "contacts" not in office.ask("retention")
    with office.stores.owner.begin() as db:
        db.execute(text("ALTER TABLE tips DISABLE TRIGGER USER"))
        db.execute(text("UPDATE tips SET received_at = now() - interval '366 days'"))
        db.execute(text("ALTER TABLE tips ENABLE TRIGGER USER"))
    assert office.ask("retention")["contacts"] == 1


def test_a_file_is_kept_and_looked_at_only_when_it_is_taken_up(
    office: Office, shared_media: Path, register: Path
) -> None:
    film = shared_media / "short_hamilton_clip.mp4"
    ours = Office(office.settings.model_copy(update={"legal_basis": "decision 7"}), office.stores)
    ours.run("register", "import", str(register))
    given = ("--whom", WHOM, "--contact", CONTACT)
    kept = ours.ask("tips", "add", "--file", str(film), "--moment", "0:03", *given)
    assert (kept["tip"], kept["readable"]) == (1, True)
    ours.run("run")
    assert ours.ask("status")["analyses"] == {}, "nobody looks at it before it is taken up"
    taken = ours.run("tips", "take", "1", "--person", WANTED, "--reason", "the mother brought it")
    assert "looks at its file" in taken.stderr
    ours.run("run")
    with ours.stores.db.begin() as db:
        found = db.execute(
            text("""SELECT candidates.id FROM candidates JOIN persons ON persons.id = person_id
                     WHERE register_number = :number AND state = 'open' ORDER BY distance LIMIT 1"""),
            {"number": WANTED},
        ).scalar_one()
        assert [one.id for one in tip_finds.pointing_to(db, found)] == [1]
        tip = tips.find(db, 1)
        assert tip is not None
        finds = tip_finds.of_tip(db, tip)
        assert finds.candidates["open"] >= 1
        assert finds.faces_then is not None
        assert 1 <= finds.faces_then <= finds.faces
    with serving(ours.stores, ours.settings) as pages:
        officer = pages.signed_in(Role.CASE_OFFICER)
        assert str(tip.sha256) in officer.get("/tips/1").text
        assert "at about the moment that was named" in officer.get("/tips/1").text
        queue = pages.signed_in(Role.SENIOR).get("/").text
        assert ("source unknown" in queue, "elative" in queue) == (True, False)
        with ours.stores.db.begin() as db:
            answer(db, "ada", found, 3)
        record = pages.reader(found, "ada").get(f"/candidates/{found}")
        assert (record.status_code, "A relative pointed to this" in record.text) == (200, True)
        assert "Given to the office by a relative" in record.text
        with ours.stores.db.begin() as db:
            answer(db, "ben", found, 3)
        assert "Given to the office by a relative" in officer.get(f"/people/{WANTED}").text
        reads = pages.signed_in(Role.SENIOR).get(f"/people/{WANTED}").text
        assert "No post is recorded for this file." in reads
        assert "elative" not in reads
    assert ours.ask("verify")["ok"]


def test_what_is_no_film_or_picture_is_not_kept(office: Office, tmp_path: Path) -> None:
    for name, content in (("a.exe", b"MZ"), ("a.mp4", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        office.run("tips", "add", "--file", str(path), "--whom", WHOM, "--contact", CONTACT, status=2)
    office.run("tips", "add", "--whom", WHOM, "--contact", CONTACT, status=2)
    assert office.ask("tips", "list")["tips"] == []
    assert list(office.stores.objects.keys(EVIDENCE, "blob/")) == []
