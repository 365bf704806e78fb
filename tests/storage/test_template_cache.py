"""Templates by way of files: always what the database holds, whoever changed it, and no file outlives its rows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from lastseen.records import Gallery, PersonEntry, PersonFacts, PersonStatus, Template
from storage import faces, register, sealed_blocks, template_cache
from storage.database import Engine
from storage.objects import Stored
from storage.sealed_blocks import Blocks, Origin, Templates
from storage.sealing import Sealer
from storage.template_cache import Cache, sweep
from storage.versions import What, version
from tests.storage import test_faces

SEAL = Sealer(bytes(32))
ENGINE = "engine"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_cache, "IDS", 4)


@pytest.fixture
def blocks(tmp_path: Path) -> Blocks:
    return Blocks(tmp_path / "templates")


@pytest.fixture
def cache(blocks: Blocks) -> Cache:
    return Cache(blocks, SEAL)


def person(db: Engine, number: int, status: PersonStatus = PersonStatus.MISSING) -> int:
    """Enter a person, or change what is stated of one."""
    with db.begin() as one:
        facts = PersonFacts((f"P {number}",), None, status)
        return register.keep_person(one, PersonEntry(str(number), facts, ()), 5).person


def enrolled(db: Engine, who: int, photo: int, engine: str = ENGINE) -> int:
    """A new photo of a person, with a template."""
    with db.begin() as one:
        stored = Stored(f"photo/{photo}", "", 1, f"{photo:064}", created=True)
        made, _ = register.keep_photo(one, who, f"{photo}.jpg", stored, "image/jpeg")
        vector = tuple(np.random.default_rng(photo).normal(size=8).tolist())
        faces.keep_photo_template(one, made, engine, Template("photo", vector, 0.5), SEAL)
        return made


@pytest.fixture
def people(db: Engine) -> list[int]:
    """Three missing people with five photos each."""
    made = [person(db, number) for number in range(3)]
    for photo in range(15):
        enrolled(db, made[photo % 3], photo)
    return made


def of_files(db: Engine, cache: Cache) -> Gallery:
    with db.begin() as one:
        return cache.gallery(one, ENGINE)


def of_rows(db: Engine) -> Gallery:
    with db.begin() as one:
        return faces.gallery(one, ENGINE, SEAL)


def said(gallery: Gallery) -> tuple[object, ...]:
    return gallery.people, gallery.photos, gallery.vectors.tolist()


def files(blocks: Blocks) -> dict[str, int]:
    """Each file, and which one it is."""
    return {path.name: path.stat().st_ino for path in blocks.root.glob("*/*/*")}


Change = Callable[[Engine, list[int]], object]


def found(db: Engine, people: list[int]) -> None:
    person(db, 1, PersonStatus.FOUND)


def one_photo_less(db: Engine, people: list[int]) -> None:
    with db.begin() as one:
        one.execute(text("DELETE FROM templates WHERE id = (SELECT min(id) + 5 FROM templates)"))


def another_photo_instead(db: Engine, people: list[int]) -> None:
    one_photo_less(db, people)
    enrolled(db, people[0], 99)


def a_late_row_instead_of_another(db: Engine, people: list[int]) -> None:
    """The number of rows and the newest of them stay as they were: a transaction that began early ended late."""
    with db.begin() as one:
        first, last, photo = one.execute(text("SELECT min(id), max(id), max(photo_id) FROM templates")).one()
        vector = SEAL.seal(np.ones(8, np.float32), f"template/photo:{photo}/best/{ENGINE}")
        one.execute(text("DELETE FROM templates WHERE id = :id"), {"id": last - 1})
        one.execute(
            text("""INSERT INTO templates (id, photo_id, kind, engine, quality, sealed) OVERRIDING SYSTEM VALUE
                    VALUES (:id, :photo, 'best', :engine, 1, :sealed)"""),
            {"id": first - 1, "photo": photo, "engine": ENGINE, "sealed": vector},
        )


def nobody_left(db: Engine, people: list[int]) -> None:
    for number in range(3):
        person(db, number, PersonStatus.FOUND)


def only_the_status(db: Engine, people: list[int]) -> None:
    """As a slip of somebody's would leave it: the templates are still there."""
    with db.begin() as one:
        one.execute(text("UPDATE persons SET status = 'found' WHERE id = :id"), {"id": people[0]})


def a_new_one(db: Engine, people: list[int]) -> None:
    enrolled(db, person(db, 7), 77)


CHANGES = (
    found,
    one_photo_less,
    another_photo_instead,
    a_late_row_instead_of_another,
    nobody_left,
    only_the_status,
    a_new_one,
)


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_files_follow_and_the_version_shows_it(
    db: Engine, people: list[int], cache: Cache, blocks: Blocks, change: Change
) -> None:
    with db.begin() as one:
        before = version(one, What.GALLERY)
    assert said(of_files(db, cache)) == said(of_rows(db))
    assert len(of_rows(db).people) == 15
    change(db, people)
    with db.begin() as one:
        assert version(one, What.GALLERY) != before
    for _ in range(2):  # what was written is read
        assert said(of_files(db, cache)) == said(of_rows(db))
    assert len(files(blocks)) == blocks_in_use(db)


def blocks_in_use(db: Engine) -> int:
    with db.begin() as one:
        count: int = one.execute(text("SELECT count(DISTINCT id / 4) FROM templates")).scalar_one()
        return count


def test_only_what_changed_is_written_anew(db: Engine, people: list[int], cache: Cache, blocks: Blocks) -> None:
    of_files(db, cache)
    before = files(blocks)
    of_files(db, cache)
    assert files(blocks) == before
    one_photo_less(db, people)
    of_files(db, cache)
    after = files(blocks)
    assert after.keys() == before.keys()
    assert sum(after[name] != before[name] for name in after) == 1


def test_sweeping_leaves_no_file_whose_rows_went(db: Engine, people: list[int], cache: Cache, blocks: Blocks) -> None:
    of_files(db, cache)
    with db.begin() as one:
        assert sweep(one, blocks) == 0
    found(db, people)
    with db.begin() as one:
        assert sweep(one, blocks) > 0
        assert sweep(one, blocks) == 0
    nobody_left(db, people)
    with db.begin() as one:
        sweep(one, blocks)
    assert files(blocks) == {}


def test_the_same_ids_with_other_content_are_read_anew(
    db: Engine, people: list[int], cache: Cache, blocks: Blocks
) -> None:
    """After a backup was restored, the database gives the same ids to others."""
    of_files(db, cache)
    with db.begin() as one:
        last, photo = one.execute(text("SELECT id, photo_id FROM templates ORDER BY id DESC LIMIT 1")).one()
        sealed = SEAL.seal(np.full(8, 9, np.float32), f"template/photo:{photo}/photo/{ENGINE}")
        one.execute(text("UPDATE templates SET sealed = :sealed WHERE id = :id"), {"sealed": sealed, "id": last})
    assert of_files(db, cache).vectors[-1].tolist() == [9] * 8


def test_damaged_files_are_made_anew(db: Engine, people: list[int], cache: Cache, blocks: Blocks) -> None:
    of_files(db, cache)
    for path in blocks.root.glob("*/*/*"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert said(of_files(db, cache)) == said(of_rows(db))
    assert said(of_files(db, Cache(blocks, SEAL))) == said(of_rows(db))


def test_a_disk_that_is_full_stops_no_search(
    db: Engine, people: list[int], cache: Cache, blocks: Blocks, caplog: pytest.LogCaptureFixture
) -> None:
    blocks.root.parent.mkdir(exist_ok=True)
    blocks.root.write_text("no folder")
    assert said(of_files(db, cache)) == said(of_rows(db))
    assert "are not kept on this machine" in caplog.text


def test_what_goes_while_a_file_is_written_is_in_no_file(
    db: Engine, people: list[int], blocks: Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Blocks.write

    def slowly(self: Blocks, *rest: object) -> None:
        nobody_left(db, people)
        with db.begin() as other:
            sweep(other, blocks)
        write(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Blocks, "write", slowly)
    of_files(db, Cache(blocks, SEAL))
    assert files(blocks) == {}


def test_two_may_make_the_files_at_once(db: Engine, people: list[int], blocks: Blocks) -> None:
    wanted = said(of_rows(db))
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: said(of_files(db, Cache(blocks, SEAL))), range(8)))
    assert made == [wanted] * 8
    assert len(files(blocks)) == blocks_in_use(db)


def test_engines_and_kinds_are_kept_apart(db: Engine, people: list[int], cache: Cache) -> None:
    enrolled(db, people[0], 200, "other/1")
    with db.begin() as one:
        test_faces.keep(one, [test_faces.track(number) for number in range(6)])
        tracks = cache.templates(one, ENGINE, Origin.TRACK)
        other = cache.templates(one, "other/1", Origin.PHOTO)
        none = cache.templates(one, "nobody's", Origin.PHOTO)
    assert tracks.vectors.tolist() == [[1, 0]] * 6
    assert (len(other.ids), len(none.ids)) == (1, 0)
    assert len(of_files(db, cache).people) == 15


def test_any_range_of_tracks_is_what_lies_in_it(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        test_faces.keep(one, [test_faces.track(number) for number in range(11)])
        known = one.execute(text("SELECT id, track_id FROM templates ORDER BY id")).all()
        for first in range(1, 13):
            for last in range(first, 13):
                held = cache.templates(one, ENGINE, Origin.TRACK, first, last)
                wanted = [(row.id, row.track_id) for row in known if first <= row.id <= last]
                assert list(zip(held.ids.tolist(), held.owners.tolist(), strict=True)) == wanted


def test_parts_are_joined_in_their_order() -> None:
    parts = [Templates(np.array([n]), np.array([10 * n]), np.full((1, 2), n, np.float32)) for n in (1, 2)]
    for expected in (0, 1, 2, 9):
        joined = Templates.joined([*parts, sealed_blocks.NO_TEMPLATES], expected)
        assert (joined.ids.tolist(), joined.owners.tolist()) == ([1, 2], [10, 20])
        assert joined.vectors.tolist() == [[1, 1], [2, 2]]
    assert len(Templates.joined([], 5).ids) == 0
