"""Bad input: each piece gets its outcome class and a clear reason, everything else goes through, status counts all."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import text

from lastseen.records import PersonEntry
from storage import keys, register
from storage.objects import Stored
from tests.office import Office
from tests.servers.video_site import Answer, Page, VideoSite

SIDE = 30_000

EXPECTED = {
    ("fetch", "gone"): ("GONE", "404"),
    ("fetch", "elsewhere"): ("SKIPPED", "not allowed"),
    ("fetch", "empty"): ("DEFECT", "0 bytes"),
    ("analyze", "truncated"): ("DEFECT", "would not decode"),
    ("analyze", "text"): ("DEFECT", "neither a video nor a picture"),
    ("analyze", "bomb"): ("SKIPPED", "LASTSEEN_MAX_MEGAPIXELS"),
}
"""(step, page) -> outcome class, and what its reason says"""


def film(path: Path, pictures: int = 75) -> bytes:
    """A small, sound MP4 without faces; its index stands at the front, so that a piece of it can be opened."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        noise = np.random.default_rng(7)
        for _ in range(pictures):
            pixels = noise.integers(0, 255, (120, 160, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


def bomb() -> bytes:
    """A PNG of 30,000 x 30,000 pixels in 130 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((SIDE // 8 + 1) * SIDE), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def troubled(site: VideoSite, tmp_path: Path) -> VideoSite:
    """A site whose feed lists one good page among bad ones."""
    whole = film(tmp_path / "film.mp4")
    site.add(Page("good", whole))
    site.add(Page("gone", whole))
    site.answer("/watch/gone", Answer(404))
    site.add(Page("text", b"this is no video\n" * 200))
    site.add(Page("truncated", whole[: len(whole) * 6 // 10]))
    site.add(Page("empty", b""))
    site.add(Page("bomb", bomb(), suffix="png", media_type="image/png"))
    site.add(Page("elsewhere", whole))
    site.answer("/watch/elsewhere", Answer(302, headers={"Location": "http://10.0.0.1/watch"}))
    return site


def test_each_piece_of_bad_input_has_its_outcome_and_the_rest_goes_through(office: Office, troubled: VideoSite) -> None:
    office.run("source", "add", "video_site", troubled.url("/feed.rss"), "--reason", "a test")
    office.run("run")
    found = outcomes(office)
    assert set(found) == set(EXPECTED)
    for item, (fault, reason) in EXPECTED.items():
        assert found[item][0] == fault
        assert reason in found[item][1], found[item]
    counts = office.ask("status")
    assert counts["outcomes"] == {"DEFECT": 3, "GONE": 1, "SKIPPED": 2}
    assert counts["posts"] == {"missing": 1, "present": 6}
    assert counts["media_items"] == {"gone": 1, "quarantined": 1, "skipped": 1, "stored": 4}
    assert counts["analyses"] == {"done": 2, "quarantined": 1, "skipped": 1}
    with office.stores.db.begin() as db:
        complete = {
            row.permalink.rpartition("/")[2]: (row.complete, row.gaps, row.note)
            for row in db.execute(
                text("""SELECT permalink, complete, gaps, note FROM analyses
                          JOIN media_items USING (blob_id) JOIN posts ON posts.id = post_id""")
            )
        }
    assert complete["good"] == (True, 0, "")
    assert complete["truncated"][0] is False
    assert complete["truncated"][2] != "", "it says that it ends early"
    assert office.ask("verify")["ok"] is True

    office.run("run")
    assert office.ask("status")["outcomes"] == counts["outcomes"]


def test_what_was_cut_short_is_done_again_when_asked_for(office: Office, troubled: VideoSite) -> None:
    """An operator raises the limit that a note names; a file that is itself at fault leaves nothing new."""
    office.run("source", "add", "video_site", troubled.url("/feed.rss"), "--reason", "a test")
    short = replace(office, settings=office.settings.model_copy(update={"max_duration_seconds": 1}))
    short.run("run")
    assert "LASTSEEN_MAX_DURATION_SECONDS" in outcomes(office)["analyze", "good"][1]
    office.run("run")
    assert ("analyze", "good") in outcomes(office), "nobody asked for it"

    office.run("analyze", "--retry")
    assert ("analyze", "good") not in outcomes(office)
    assert ("analyze", "truncated") in outcomes(office)
    first = analyses(office)
    assert first["good"] == [(1, False), (2, True)]
    assert [complete for _, complete in first["truncated"]] == [False, False]
    office.run("analyze", "--retry")
    assert analyses(office) == first, "the truncated one said the same again"
    assert office.ask("verify")["ok"] is True


def analyses(office: Office) -> dict[str, list[tuple[int, bool]]]:
    """Name of the page -> number of each analysis by its recipe, and whether it was complete."""
    statement = text("""
        SELECT permalink, split_part(recipe, '~', 2) AS number, complete FROM analyses
          JOIN media_items USING (blob_id) JOIN posts ON posts.id = post_id ORDER BY analyses.id""")
    found: dict[str, list[tuple[int, bool]]] = {}
    with office.stores.db.begin() as db:
        for row in db.execute(statement):
            found.setdefault(row.permalink.rpartition("/")[2], []).append((int(row.number or 1), row.complete))
    return found


def outcomes(office: Office) -> dict[tuple[str, str], tuple[str, str]]:
    """(step, name of the page) -> outcome class and reason."""
    statement = text("""
        SELECT step, outcome, why, permalink FROM work
          JOIN media_items ON CASE step WHEN 'fetch' THEN media_items.id ELSE blob_id END = subject
          JOIN posts ON posts.id = post_id
         WHERE outcome IS NOT NULL""")
    with office.stores.db.begin() as db:
        return {(row.step, row.permalink.rpartition("/")[2]): (row.outcome, row.why) for row in db.execute(statement)}


def test_an_address_that_is_not_allowed_is_refused_with_what_to_do_and_counted(office: Office) -> None:
    for address, hint in {
        "file:///etc/passwd": "http",
        "http://10.1.2.3/video": "LASTSEEN_ALLOW_PRIVATE_ADDRESSES",
        "not an address": "spaces",
    }.items():
        done = office.run("source", "add", "video_site", address, "--reason", "a test", status=2)
        assert hint in done.stderr, done.stderr
    assert office.ask("status")["outcomes"] == {"SKIPPED": 3}
    assert office.ask("source", "list")["sources"] == []


def test_wrong_use_is_told_apart_from_failure(office: Office) -> None:
    assert "--reason" in office.run("source", "add", "video_site", "http://127.0.0.1/", status=2).stderr
    assert "there is no source 99" in office.run("run", "--source", "99", status=2).stderr
    assert "sha256" in office.run("analyze", "--blob", "0" * 64, status=2).stderr
    assert "public channel" in office.run("source", "add", "telegram", "t.me", "--reason", "a test", status=2).stderr
    lawless = Office(office.settings.model_copy(update={"legal_basis": ""}), office.stores)
    assert "LASTSEEN_LEGAL_BASIS" in lawless.run("run", status=2).stderr


def photo(folder: Path, name: str, side: int = 200) -> str:
    """A picture without a face."""
    Image.new("RGB", (side, side), "grey").save(folder / name)
    return name


def test_a_register_without_a_column_is_refused_whole_and_counted_until_it_is_mended(
    office: Office, tmp_path: Path
) -> None:
    table = tmp_path / "register.csv"
    table.write_text("register_number,names,status,photos\n1,A B,missing,\n", encoding="utf-8")
    said = office.run("register", "import", str(table), status=1).stderr
    assert "lacks the column birth_year" in said
    assert "needed are register_number, names, birth_year, status, photos" in said
    office.run("register", "import", str(table), status=1)
    assert office.ask("status")["outcomes"] == {"DEFECT": 1}
    table.write_text("register_number,names,birth_year,status,photos\n1,A B,1990,missing,\n", encoding="utf-8")
    office.run("register", "import", str(table))
    assert office.ask("status")["outcomes"] == {}


def test_bad_rows_and_photos_are_refused_one_by_one_and_the_rest_goes_in(office: Office, tmp_path: Path) -> None:
    photo(tmp_path, "grey.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    (tmp_path / "empty.jpg").write_bytes(b"")
    table = tmp_path / "register.csv"
    table.write_text(
        "\ufeffregister_number;names;birth_year;status;photos\r\n"
        "1;Олена Приклад|Olena Pryklad;1990;missing;grey.png|torn.jpg|empty.jpg|nowhere.jpg\r\n"
        "2;No Year;soon;missing;\r\n"
        ";No Number;1990;missing;\r\n"
        "3;;1990;missing;\r\n"
        "1;Twice;1990;missing;\r\n"
        "4;Bad Status;1990;asleep;\r\n"
        "5;Found Already;;found;grey.png\r\n",
        encoding="utf-8",
    )
    done = office.ask("register", "import", str(table))
    assert (done["people"], done["new_people"], done["photos"]) == (2, 2, 4)
    refused = {row["what"]: row["why"] for row in done["refused"]}  # type: ignore[attr-defined]
    assert refused == {
        "1: nowhere.jpg": "the photo cannot be read: No such file or directory",
        "row 3": "birth_year is no year between 1900 and now",
        "row 4": "it has no register_number",
        "row 5": "it has no names",
        "row 6": "register number stands in row 2 already",
        "row 7": "status is none of missing, captive, returned, deceased, found, withdrawn",
        "1: grey.png": "no face found that is 64 px wide or more: cut the photo to the face",
        "1: torn.jpg": "a damaged picture: Truncated File Read",
        "1: empty.jpg": "the file is empty (0 bytes)",
    }
    assert told(office) == {
        "1: photo 4": "the photo cannot be read: No such file or directory",
        **{row: why for row, why in refused.items() if row.startswith("row")},
    }
    assert office.ask("status")["photos"] == {"quarantined": 2, "refused": 1}
    rows = office.rows()
    again = office.ask("register", "import", str(table))
    assert (again["new_people"], again["changed_people"], again["new_photos"]) == (0, 0, 0)
    assert again["refused"] == done["refused"]
    assert office.rows() == rows


def told(office: Office) -> dict[str, str]:
    """What is kept of the refusals: place -> why."""
    with office.stores.db.begin() as db:
        rows = db.execute(text("SELECT subject, why FROM refusals")).all()
    return {row.subject.partition("#")[2]: row.why for row in rows}


def test_what_is_kept_of_refusals_names_nobody(office: Office, tmp_path: Path) -> None:
    home = tmp_path / "Ada Example"
    (home / "26-001" / "Ada Example 1990").mkdir(parents=True)
    photo(home, "Ada Example.png")
    said = office.ask("register", "import", str(home))
    assert {row["what"] for row in said["refused"]} == {"26-001: Ada Example 1990", "Ada Example.png"}  # type: ignore[attr-defined]
    office.run("register", "import", str(home / "Ada Example.csv"), status=1)
    assert told(office) == {
        "26-001: photo 1": "it is a folder: photos lie directly in the folder of their person",
        "entry 2": "it does not lie in the folder of a person",
        "": "cannot be read: No such file or directory",
    }
    with office.stores.db.begin() as db:
        assert "Ada" not in repr(db.execute(text("SELECT * FROM refusals")).all())
    (home / "Ada Example.png").unlink()
    office.run("register", "import", str(home))
    assert set(told(office)) == {"26-001: photo 1", ""}


def test_a_fault_of_our_own_fails_the_import_when_everything_is_recorded(office: Office, tmp_path: Path) -> None:
    with office.stores.db.begin() as db:
        person = register.keep_person(db, PersonEntry("26-001", None, ()), 5).person
        lost = Stored(keys.photo("0" * 64), "", 1, "0" * 64, created=True)
        register.keep_photo(db, person, "1.png", lost, "image/png")
    (tmp_path / "people" / "26-002").mkdir(parents=True)
    photo(tmp_path / "people" / "26-002", "grey.png")
    failed = office.run("register", "import", str(tmp_path / "people"), "--json", status=1)
    assert "1 photo met a fault of lastseen itself: see the log above, and `lastseen status`" in failed.stderr
    assert failed.stdout == ""
    counts = office.ask("status")
    assert (counts["people"], counts["photos"]) == (2, {"quarantined": 1, "refused": 1})
