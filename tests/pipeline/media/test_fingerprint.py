"""The step that takes fingerprints: what is not analysed again, and that a fault of its own stops no analysis."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from extractors.recipe import FINGERPRINT
from lastseen.lifecycle import WorkState
from lastseen.outcomes import ObjectToStore
from lastseen.records import Fingerprint
from lastseen.settings import Settings
from matchers.reposts import Stretch
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.commands.reposts import withdraw
from pipeline.jobs import Scope
from pipeline.media import fingerprint
from pipeline.media.fingerprint import Shared, covers, may_be_copy
from storage import candidates, keys, reposts, reviewing, work
from storage.objects import EVIDENCE
from storage.reposts import Kept
from storage.work import Queue
from tests.matchers import footage
from tests.review.seeding import Seeded, seed
from tests.storage.test_register import until_somebody_waits

LENGTH_MS = 10_000
MOMENTS = np.arange(0, LENGTH_MS, 250).astype("<u4").tobytes()
FOUND = Fingerprint("video", 320, 180, LENGTH_MS, True, MOMENTS, b"", b"", b"")
OTHER = Kept(1, 1, "ab" * 32, "video", 320, 180, True, MOMENTS, b"", b"")
WHOLE = Stretch(0, 9750, 0, 9750, False, 8.0)


# --- what is a copy ----------------------------------------------------------------------------------------


def test_what_is_linked_from_end_to_end_may_be_a_copy() -> None:
    assert may_be_copy(FOUND, Shared(OTHER, (WHOLE,)))
    assert may_be_copy(replace(FOUND, width=160, height=90), Shared(OTHER, (WHOLE,)))
    assert may_be_copy(replace(FOUND, height=280), Shared(OTHER, (WHOLE,))), "bars above and below"


@pytest.mark.parametrize(
    ("found", "other", "stretch"),
    [
        (replace(FOUND, width=640, height=360), OTHER, WHOLE),
        (replace(FOUND, complete=False), OTHER, WHOLE),
        (FOUND, replace(OTHER, complete=False), WHOLE),
        (FOUND, OTHER, replace(WHOLE, one_end_ms=8000)),
        (FOUND, OTHER, replace(WHOLE, one_start_ms=1500)),
        (replace(FOUND, kind="image"), replace(OTHER, kind="image"), WHOLE),
    ],
    ids=["larger", "not seen whole", "other not seen whole", "longer", "begins earlier", "image"],
)
def test_what_may_show_more_is_no_copy(found: Fingerprint, other: Kept, stretch: Stretch) -> None:
    assert not may_be_copy(found, Shared(other, (stretch,)))


def test_a_hole_between_two_stretches_may_hold_a_face() -> None:
    first, second = replace(WHOLE, one_end_ms=5000), replace(WHOLE, one_start_ms=5500)
    assert covers(FOUND, [first, second])
    assert not covers(FOUND, [first, replace(second, one_start_ms=6500)])
    assert not covers(FOUND, [])
    assert not covers(replace(FOUND, duration_ms=LENGTH_MS + 2000), [WHOLE]), "two seconds without a moment"


# --- the step ----------------------------------------------------------------------------------------------


@pytest.fixture
def office(settings: Settings) -> Iterator[App]:
    with open_app(settings, "tester") as app:
        yield app


@pytest.fixture
def stored(office: App) -> Callable[[Path | bytes], int]:
    """Puts a file into the evidence, carried by a post; its fingerprint is to be taken.  Returns the blob's row id."""

    def put(content: Path | bytes) -> int:
        data = content if isinstance(content, bytes) else content.read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        key = keys.blob(sha256)
        thing = ObjectToStore(EVIDENCE, key, data, sha256, "video/mp4")
        lock = datetime(2100, 1, 1, tzinfo=UTC)
        made = office.stores.objects.put_all([thing], lock)[key]
        values = {"sha256": sha256, "key": key, "version": made.version_id, "lock": lock, "size": len(data)}
        with office.stores.db.begin() as db:
            blob: int = db.execute(
                text("""INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                        VALUES (:sha256, :size, 'video/mp4', :key, :version, :lock) RETURNING id"""),
                values,
            ).scalar_one()
            work.offer(db, Queue(fingerprint.NAME, FINGERPRINT), [blob])
        return blob

    return put


def analyses(app: App) -> dict[int, tuple[str, str]]:
    with app.stores.db.begin() as db:
        rows = db.execute(text("SELECT subject, state, why FROM work WHERE step = 'analyze'")).all()
    return {row.subject: (row.state, row.why) for row in rows}


def take_all(app: App) -> None:
    app.runner.drain(app.steps.by_name[fingerprint.NAME])


def test_a_copy_is_not_analysed_again_until_somebody_parts_them(
    office: App, stored: Callable[[Path | bytes], int], tmp_path: Path
) -> None:
    film = footage.scenes(3, 7.0)
    one = stored(footage.written(tmp_path / "a.mp4", film, crf=20))
    take_all(office)
    assert analyses(office) == {one: (WorkState.OPEN, "")}
    copy = stored(footage.written(tmp_path / "b.mp4", film[: 6 * footage.FPS], crf=30))
    larger = stored(footage.written(tmp_path / "c.mp4", film, change=footage.scaled(1.5)))
    take_all(office)
    found = analyses(office)
    with office.stores.db.begin() as db:
        links = reposts.links(db)
        sha256 = {link.one for link in links}
    assert (found[one][0], found[larger][0], found[copy][0]) == (WorkState.OPEN, WorkState.OPEN, WorkState.SKIPPED)
    assert any(found[copy][1].startswith(f"the same footage as blob {one}, seconds ") for one in sha256)
    assert len(links) == 3, "each pair is linked by itself"

    jobs.due(office, "analyze", Scope())
    assert analyses(office)[copy][0] == WorkState.SKIPPED
    with office.stores.db.begin() as db:
        (link,) = db.execute(
            text("SELECT id FROM repost_links WHERE one_blob_id = :one AND other_blob_id = :copy"),
            {"one": one, "copy": copy},
        ).scalars()
    assert withdraw(office, link, "another speaker") == 1
    assert analyses(office)[copy] == (WorkState.OPEN, "")
    with office.stores.db.begin() as db:
        said = db.execute(text("SELECT action, reason FROM custody_events ORDER BY seq DESC LIMIT 1")).one()
    assert tuple(said) == ("parted", "another speaker")


def test_with_a_logo_it_is_spared_and_with_somebody_else_in_it_not(
    office: App, stored: Callable[[Path | bytes], int], tmp_path: Path
) -> None:
    film, (face, *_) = footage.scenes(3, 6.0), footage.other_faces(Path("nowhere"))
    one = stored(footage.written(tmp_path / "a.mp4", film, crf=20))
    signed = stored(footage.written(tmp_path / "b.mp4", film, change=footage.with_logo))
    changed = footage.with_face(film, face, 40, 1.0, 0.5, np.random.default_rng(1))
    other = stored(footage.written(tmp_path / "c.mp4", changed.film))
    take_all(office)
    found = analyses(office)
    assert (found[one][0], found[signed][0], found[other][0]) == (WorkState.OPEN, WorkState.SKIPPED, WorkState.OPEN)
    with office.stores.db.begin() as db:
        details = db.execute(text("SELECT detail FROM custody_events WHERE action = 'derived' ORDER BY seq")).scalars()
        told = {key: value for detail in details for key, value in dict(detail).items() if key != "recipe"}
        sha256 = db.execute(text("SELECT sha256 FROM blobs WHERE id = :one"), {"one": one}).scalar_one()
        why = db.execute(text("SELECT why FROM work WHERE step = 'fingerprint' AND subject = :id"), {"id": other})
        assert "shows a face" in why.scalar_one()
    assert told["shows_no_more_than"] == sha256
    assert told["pictures_compared"] >= 12


def test_no_row_is_held_while_the_candidates_are_waited_for(
    office: App, stored: Callable[[Path | bytes], int], tmp_path: Path
) -> None:
    """Whoever erases takes that lock first and the rows after it: the other order would be a deadlock."""
    film = footage.scenes(3, 7.0)
    stored(footage.written(tmp_path / "a.mp4", film, crf=20))
    take_all(office)
    stored(footage.written(tmp_path / "b.mp4", film, crf=30))
    with ThreadPoolExecutor(1) as another:
        with office.stores.db.begin() as db:
            candidates.lock(db)
            taken = another.submit(take_all, office)
            until_somebody_waits(db, seconds=60)  # both files are laid over each other before
            db.execute(text("SELECT 1 FROM blobs FOR UPDATE NOWAIT"))
        taken.result()
    with office.stores.db.begin() as db:
        assert len(reposts.links(db)) == 1


@pytest.mark.parametrize("end", ["failed", "gone"])
def test_what_was_spared_is_analysed_when_its_original_was_not(
    office: App, stored: Callable[[Path | bytes], int], tmp_path: Path, end: str
) -> None:
    film = footage.scenes(3, 6.0)
    one = stored(footage.written(tmp_path / "a.mp4", film, crf=20))
    copy = stored(footage.written(tmp_path / "b.mp4", film, crf=30))
    take_all(office)
    assert analyses(office)[copy][0] == WorkState.SKIPPED
    with office.stores.db.begin() as db:
        if end == "failed":
            db.execute(
                text("UPDATE work SET state = 'quarantined' WHERE step = 'analyze' AND subject = :one"), {"one": one}
            )
        else:
            db.execute(text("DELETE FROM repost_links"))
    jobs.due(office, "analyze", Scope())
    assert analyses(office)[copy] == (WorkState.OPEN, "")


def test_who_names_a_file_has_it_analysed(office: App, stored: Callable[[Path | bytes], int], tmp_path: Path) -> None:
    film = footage.scenes(3, 6.0)
    stored(footage.written(tmp_path / "a.mp4", film, crf=20))
    path = footage.written(tmp_path / "b.mp4", film, crf=30)
    copy = stored(path)
    take_all(office)
    assert analyses(office)[copy][0] == WorkState.SKIPPED
    with office.stores.db.begin() as db:
        queue = Queue("analyze", office.steps.recipe, (copy,))
        assert reposts.insist(db, queue) == 1
    assert analyses(office)[copy][0] == WorkState.OPEN


def test_a_file_without_a_fingerprint_is_analysed_all_the_same(
    office: App, stored: Callable[[Path | bytes], int]
) -> None:
    refused, crashed = stored(b"no video at all"), stored(b"nor is this")
    with office.stores.db.begin() as db:
        db.execute(text("UPDATE work SET state = 'quarantined' WHERE subject = :one"), {"one": crashed})
    take_all(office)
    assert analyses(office) == {refused: (WorkState.OPEN, "")}
    jobs.due(office, "analyze", Scope())
    assert set(analyses(office)) == {refused, crashed}


def test_files_of_before_get_their_fingerprints_behind_all_others(
    office: App, stored: Callable[[Path | bytes], int]
) -> None:
    old, new = stored(b"old"), stored(b"new")
    with office.stores.db.begin() as db:
        db.execute(text("DELETE FROM work WHERE subject = :old"), {"old": old})
        work.offer(db, Queue("analyze", office.steps.recipe), [old])
    assert jobs.due(office, "analyze", Scope())[fingerprint.NAME] == [new, old]


# --- where it is seen --------------------------------------------------------------------------------------


def test_the_page_of_a_candidate_tells_where_else_the_footage_is(office: App) -> None:
    one: Seeded = seed(office.stores)
    with office.stores.db.begin() as db:
        before = reviewing.candidate(db, one.candidate)
        other: int = db.execute(
            text("""INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                    VALUES (repeat('cd', 32), 1, 'video/mp4', 'k', 'v', now()) RETURNING id""")
        ).scalar_one()
        db.execute(text("UPDATE media_items SET blob_id = blob_id"))
        db.execute(
            text("""INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
                    SELECT post_id, 7, 'video', 'elsewhere', :other FROM media_items LIMIT 1"""),
            {"other": other},
        )
        assert before is not None
        start = before.start_ms
        ends = reposts.End(one.blob, 0, start * 2), reposts.End(other, 1000, 1000 + start)
        reposts.link(db, FINGERPRINT, *ends, 9.0, mirrored=True)
        found = reviewing.candidate(db, one.candidate)
    assert before.copies == ()
    assert found is not None
    (copy,) = found.copies
    assert (copy.sha256, copy.at_ms, copy.mirrored) == ("cd" * 32, 1000 + start // 2, True)
