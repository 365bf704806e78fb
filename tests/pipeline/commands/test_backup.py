"""A backup of the embedded servers is restored into a new office, which is the same one, and its evidence stands."""

import shutil
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from storage import accounts
from storage.database import Connection
from storage.stores import Stores, open_stores
from storage.tables import metadata
from tests.office import Office
from tests.servers.video_site import Page, VideoSite
from tests.storage import casting
from tests.storage.judged import answer

Said = TypeVar("Said")
PASSWORD = "river lantern otter stone"


def settings_in(folder: Path) -> Settings:
    """An office on embedded servers of its own."""
    return Settings(
        _env_file=None,
        data_dir=folder,
        legal_basis="test",
        allow_private_addresses=(ip_network("127.0.0.0/8"),),
        site_pause_seconds=0,
        site_request_pause_seconds=0,
    )


def closed(folder: Path) -> Office:
    """One whose servers are down, for commands."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return Office(settings_in(folder), None)  # type: ignore[arg-type]


def inside(folder: Path, look: Callable[[Stores], Said]) -> Said:
    with open_stores(settings_in(folder)) as stores:
        return look(stores)


def judge(db: Connection) -> None:
    """Two people find that somebody is seen in what was fetched."""
    blob = db.execute(text("SELECT id, sha256 FROM blobs ORDER BY id LIMIT 1")).one()
    video = casting.Video(blob.id, blob.sha256)
    casting.analyse(db, video, casting.Seen(0, 4000))
    found = casting.candidate(db, video.tracks[0], casting.person(db, "P-1", "Ada Example"))
    for name in ("ann", "bob"):
        answer(db, name, found, 2)


def filled(folder: Path, site: VideoSite) -> None:
    """An office with evidence, accounts and judgements, and a signed log."""
    office = closed(folder)
    site.add(Page("one", b"no film, and evidence all the same", title="one"))
    office.run("source", "add", "video_site", site.url("/watch/one"), "--reason", "a test")
    office.run("collect")
    office.run("fetch")

    def people(stores: Stores) -> None:
        with stores.db.begin() as db:
            accounts.add_user(db, "chief", PASSWORD, [])
            judge(db)

    inside(folder, people)
    office.run("custody", "sign")


def contents(stores: Stores) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with stores.db.begin() as db:
        return {
            table.name: sorted(map(tuple, db.execute(table.select())), key=repr) for table in metadata.sorted_tables
        }


@pytest.mark.long
def test_a_backup_is_the_same_office_again_and_one_from_before_the_last_head_is_told(
    site: VideoSite, tmp_path: Path
) -> None:
    old, new, late, kept = (tmp_path / name for name in ("old", "new", "late", "kept"))
    filled(old, site)
    before = inside(old, contents)
    first = Path(str(closed(old).ask("backup", str(kept))["folder"]))

    # --- nothing happens without the keys, with a damaged dump, or over an office that is there
    said = closed(new).run("restore", str(first), status=2).stderr
    assert "the key" in said and "nothing was restored" in said
    assert not (new / "objects").exists()
    shutil.copytree(old / "keys", new / "keys")
    damaged = tmp_path / "damaged"
    shutil.copytree(first, damaged)
    content = bytearray((damaged / "database.dump").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "database.dump").write_bytes(content)
    assert "is not what was written" in closed(new).run("restore", str(damaged), status=1).stderr
    assert "there are objects" in closed(old).run("restore", str(first), status=2).stderr

    # --- restored, it is the same
    assert closed(new).ask("restore", str(first))["missing_events"] == 0
    assert closed(new).ask("verify")["ok"] is True
    assert inside(new, contents) == before

    def known(stores: Stores) -> tuple[bool, int]:
        with stores.db.begin() as db:
            sightings = db.execute(text("SELECT count(*) FROM candidates WHERE state = 'sighting'")).scalar_one()
            return accounts.verify_password(db, "chief", PASSWORD) is not None, sightings

    assert inside(new, known) == (True, 1)
    closed(new).run("user", "add", "later", "--role", "analyst", "--by-link")  # its sequences go on where they were

    # --- a dump from before what the store has heads of
    closed(old).run("user", "add", "later", "--role", "analyst", "--by-link")
    closed(old).run("custody", "sign")
    second = Path(str(closed(old).ask("backup", str(kept))["folder"]))
    shutil.rmtree(first / "objects")
    shutil.copytree(second / "objects", first / "objects")
    late.mkdir()
    shutil.copytree(old / "keys", late / "keys")
    told = closed(late).run("restore", str(first), status=1).stderr
    assert "signed heads over 2 events more than the log that was restored" in told
    assert closed(late).ask("verify", status=1)["ok"] is False


def test_the_objects_are_not_copied_while_their_server_writes_them(tmp_path: Path) -> None:
    with open_stores(settings_in(tmp_path / "office")):
        said = closed(tmp_path / "office").run("backup", str(tmp_path / "kept"), status=2).stderr
    assert "stop `lastseen up`" in said
    assert not (tmp_path / "kept").exists()


def test_with_a_store_of_the_offices_own_the_database_is_dumped_and_the_rest_is_told(
    owning: Settings, stores: Stores, tmp_path: Path
) -> None:
    office = Office(owning, stores)
    done = office.run("backup", str(tmp_path / "kept"))
    assert "now copy what the object store holds" in done.stderr + done.stdout
    (made,) = (tmp_path / "kept").iterdir()
    assert sorted(path.name for path in made.iterdir()) == ["backup.json", "database.dump"]
    office.run("user", "add", "ann", "--role", "analyst", "--by-link")
    assert "not empty" in office.run("restore", str(made), status=2).stderr
