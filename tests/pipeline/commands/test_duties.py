"""Holds, fixity, incidents and retention, as the daily runs and somebody at the keyboard use them."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import select, text

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline import cli
from pipeline.app import App, open_app
from pipeline.custody import signing
from pipeline.duties import erasure, fixity, retention
from storage import accounts, alerts, custody, erasures, holds, incidents, keys, rejections, subjects, verification
from storage.objects import DERIVED, EVIDENCE, LockNotKept, ObjectStore
from storage.retention import expired
from storage.sealed_blocks import BlockPlace, Origin, Templates
from storage.sealing import Sealer
from storage.stores import Stores
from storage.tables import candidates
from storage.template_cache import blocks_of, sweep
from tests.office import Office
from tests.review.seeding import Seeded, Story, seed
from tests.storage.test_verification import FILES, put, sha256, store

ONE, TWO = (keys.blob(sha256(content)) for content in FILES)


@pytest.fixture
def app(settings: Settings, stores: Stores) -> Iterator[App]:
    """An office with two files and their pages in the evidence, as they are kept for ten days."""
    for content in FILES:
        store(stores, content)
    short = settings.model_copy(update={"evidence_lock_days": 10, "fixity_days": 2})
    with open_app(short, "test") as opened:
        yield opened


def told(app: App, action: str) -> list[tuple[str, str]]:
    """Subject and reason of the log's events."""
    statement = text("SELECT subject, reason FROM custody_events WHERE action = :action ORDER BY seq")
    with app.stores.db.begin() as db:
        return [(row.subject, row.reason) for row in db.execute(statement, {"action": action})]


def change(app: App, statement: str) -> None:
    with app.stores.db.begin() as db:
        db.execute(text(statement))


def place(app: App, written: str) -> None:
    with app.stores.db.begin() as db:
        _, entries = holds.place(db, subjects.parse(written), "a trial", "judge")
        custody.append_all(db, "judge", entries)


def release(app: App, written: str) -> None:
    with app.stores.db.begin() as db:
        custody.append_all(db, "judge", holds.release(db, subjects.parse(written), "it is over", "judge"))


def held(app: App) -> set[str]:
    """Keys that the store holds."""
    objects = app.stores.objects
    return {one.key for one in objects.versions(EVIDENCE) if objects.is_held(one.key, one.version_id)}


# --- holds -------------------------------------------------------------------------------------------------


def test_a_hold_reaches_the_store_for_what_is_there_and_what_comes(app: App) -> None:
    with app.stores.db.begin() as db:
        source = db.execute(text("SELECT id FROM sources")).scalar_one()
    place(app, f"source:{source}")
    done = holds.sync(app.stores.db, app.stores.objects)
    assert (done.held, done.missing) == (4, 0)
    assert len(held(app)) == 4
    store(app.stores, b"three")
    with app.stores.db.begin() as db:
        assert holds.over(db, subjects.parse(f"blob:{sha256(b'three')}")), "from the moment of its row"
    assert holds.sync(app.stores.db, app.stores.objects).held == 2
    assert len(held(app)) == 6
    assert told(app, "held") == [(f"source:{source}", "a trial")]
    assert verification.verify(app.stores.db, app.stores.objects).ok


def test_what_another_hold_concerns_stays_held(app: App) -> None:
    one, two = (f"blob:{sha256(content)}" for content in FILES)
    place(app, one)
    place(app, two)
    holds.sync(app.stores.db, app.stores.objects)
    release(app, one)
    done = holds.sync(app.stores.db, app.stores.objects)
    assert done.released == 2, "the original, and its page's record"
    assert ONE not in held(app)
    assert TWO in held(app)
    assert told(app, "released") == [(one, "it is over")]
    with pytest.raises(WrongUse, match="no hold"):
        release(app, one)


def test_telling_the_store_goes_on_where_it_was_cut_short(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Exception):
        """The worker died here."""

    place(app, f"blob:{sha256(FILES[0])}")
    hold, calls = ObjectStore.hold, iter(range(1))

    def dying(self: ObjectStore, key: str, version: str | None = None) -> None:
        if next(calls, None) is None:
            raise Broken
        hold(self, key, version)

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "hold", dying)
        with pytest.raises(Broken):
            holds.sync(app.stores.db, app.stores.objects)
    assert len(held(app)) == 1
    assert holds.sync(app.stores.db, app.stores.objects).held == 1
    assert len(held(app)) == 2


# --- fixity ------------------------------------------------------------------------------------------------


def test_everything_is_read_once_in_a_cycle_the_oldest_first(app: App) -> None:
    assert fixity.due(app) == 2
    assert [fixity.run(app)["read"] for _ in range(2)] == [2, 2]
    with app.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*), bool_and(stands) FROM fixity_checks")).one() == (4, True)
    change(app, f"UPDATE fixity_checks SET checked_at = checked_at - interval '3 days' WHERE key <> '{ONE}'")  # noqa: S608
    assert fixity.due(app) == 3, "what is overdue comes on top"
    fixity.run(app)
    with app.stores.db.begin() as db:
        oldest = db.execute(text("SELECT key FROM fixity_checks ORDER BY checked_at LIMIT 1")).scalar()
    assert oldest == ONE
    assert [subject for subject, _ in told(app, "verified")] == ["evidence"] * 3
    assert fixity.run(app, minutes=0)["read"] == 0


def test_a_mismatch_is_an_incident_that_people_explain_and_nothing_repairs(app: App) -> None:
    app.stores.objects.erase(EVIDENCE, ONE)
    change(app, "UPDATE fixity_checks SET checked_at = now() - interval '9 days'")
    done = [fixity.run(app)["incidents"] for _ in range(2)]
    assert sum(done) == 1
    with app.stores.db.begin() as db:
        (known,) = incidents.listed(db)
        assert [(one.kind, one.subject) for one in alerts.standing(db)] == [("incident", f"incident:{known.id}")]
    assert (known.what, known.place) == ("the object is missing", f"blob {sha256(FILES[0])}")
    assert told(app, "incident") == [(f"incident:{known.id}", "")]
    with app.stores.db.begin() as db:
        custody.append_all(db, "anna", incidents.explain(db, known.id, "a disk died", "anna"))
        assert alerts.standing(db) == []
        assert incidents.listed(db) == []
        with pytest.raises(WrongUse, match="explained before"):
            incidents.explain(db, known.id, "otherwise", "bert")
        with pytest.raises(WrongUse, match="no incident 77"):
            incidents.explain(db, 77, "otherwise", "bert")
    assert [fixity.run(app)["incidents"] for _ in range(2)] == [0, 0]
    assert not verification.verify(app.stores.db, app.stores.objects).ok, "explained, and missing all the same"


def test_locks_that_end_soon_are_made_longer(app: App) -> None:
    """The files were stored with a lock of one day."""
    assert sum(fixity.run(app)["locks_extended"] for _ in range(2)) == 4
    for one in app.stores.objects.versions(EVIDENCE):
        if not one.key.startswith("probe/"):
            until = app.stores.objects.locked_until(one.key, one.version_id)
            assert until is not None
            assert until > utcnow() + timedelta(days=9)
    assert verification.verify(app.stores.db, app.stores.objects).ok
    assert fixity.run(app)["locks_extended"] == 0


def test_locks_of_what_proves_the_evidence_last_as_long(app: App) -> None:
    """A head's lock ends with the days that were set when it was signed, and the log goes on."""
    signing.sign(app.settings.model_copy(update={"evidence_lock_days": 2}), app.stores)
    (head,) = app.stores.objects.versions(EVIDENCE, keys.CHECKPOINTS)
    done = fixity.run(app)
    assert done["proofs"] == 1
    until = app.stores.objects.locked_until(head.key, head.version_id)
    assert until is not None
    assert until > utcnow() + timedelta(days=9)
    assert fixity.run(app)["proofs"] == 0, "not before half a cycle is over"
    change(app, "UPDATE fixity_checks SET checked_at = checked_at - interval '1 day'")
    put(app.stores, head.key, b"another")  # without any lock, and over the head
    assert fixity.run(app)["proofs"] == 2
    with app.stores.db.begin() as db:
        assert "it is not locked in GOVERNANCE mode but not at all" in [one.what for one in incidents.listed(db)]


def test_a_store_that_does_not_keep_the_lock_is_told_of(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(app.stores.objects._client, "set_object_retention", lambda *_, **__: None)
        with pytest.raises(LockNotKept):
            fixity.run(app)
    with app.stores.db.begin() as db:
        assert [one.kind for one in alerts.standing(db)] == ["lock not kept"]
    fixity.run(app)
    with app.stores.db.begin() as db:
        assert alerts.standing(db) == []


# --- retention ---------------------------------------------------------------------------------------------

TEMPLATE = """
    INSERT INTO templates (track_id, kind, engine, quality, sealed) SELECT id, 'pooled', 'dlib', 1, '' FROM tracks"""


@pytest.fixture
def faces(settings: Settings, stores: Stores) -> Iterator[App]:
    """Three tracks, of which one has a candidate that waits; analysed 31 days ago."""
    for number in range(3):
        seed(stores, Story(number=f"P-{number}"))
    with open_app(settings, "test") as opened:
        change(opened, TEMPLATE)
        change(opened, "DELETE FROM review_queue WHERE candidate_id < (SELECT max(id) FROM candidates)")
        change(opened, "DELETE FROM candidates WHERE id < (SELECT max(id) FROM candidates)")
        change(opened, "UPDATE analyses SET analyzed_at = now() - interval '31 days'")
        yield opened


def shown(app: App) -> list[tuple[int, int, int]]:
    """Of each track: best shots, templates, crops that are there."""
    with app.stores.db.begin() as db:
        rows = db.execute(
            text("""
            SELECT (SELECT count(*) FROM best_shots WHERE track_id = tracks.id) AS shots,
                   (SELECT count(*) FROM templates WHERE track_id = tracks.id) AS templates,
                   ARRAY(SELECT crop_key FROM best_shots WHERE track_id = tracks.id) AS crops
              FROM tracks ORDER BY id""")
        ).all()
    there = app.stores.objects.exists
    return [(row.shots, row.templates, sum(there(DERIVED, key) for key in row.crops)) for row in rows]


def test_faces_that_match_nobody_expire_and_the_others_stay(faces: App) -> None:
    crops = set(faces.stores.objects.keys(DERIVED))
    assert (retention.due(faces).tracks, shown(faces)) == (2, [(3, 1, 3)] * 3)
    assert retention.run(faces) == {"tracks": 2, "templates": 2, "crops": 6, "photos": 0}
    assert shown(faces) == [(0, 0, 0), (0, 0, 0), (3, 1, 3)]
    assert len(crops) - len(set(faces.stores.objects.keys(DERIVED))) == 6
    assert told(faces, "expired") == [("tracks", "retention of 30 days")]
    assert retention.run(faces) == {"tracks": 0, "photos": 0}
    with faces.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM analyses")).scalar() == 3, "so that nothing is analysed twice"


def test_what_expired_is_in_no_file_of_this_machine(faces: App) -> None:
    with faces.stores.db.begin() as db:
        held = db.execute(text("SELECT id, track_id FROM templates ORDER BY id")).all()
    blocks = blocks_of(faces.settings)
    ids, owners = (np.array(column) for column in zip(*held, strict=True))
    print_ = hashlib.sha256(ids.astype(">i8").tobytes()).digest()
    blocks.write(
        BlockPlace(Origin.TRACK, "dlib", 0),
        print_,
        Templates(ids, owners, np.ones((3, 4), np.float32)),
        Sealer(bytes(32)),
    )
    with faces.stores.db.begin() as db:
        assert sweep(db, blocks) == 0, "it is as the database"
    retention.run(faces)
    assert list(blocks.held()) == []


def test_how_many_tracks_a_new_photo_is_not_compared_with(faces: App) -> None:
    with faces.stores.db.begin() as db:
        assert expired(db) == 0
    retention.run(faces)
    with faces.stores.db.begin() as db:
        assert expired(db) == 2
        assert "not compared with 2 tracks" in "".join(cli.not_compared(expired(db)))
    assert list(cli.not_compared(0)) == []


@pytest.mark.parametrize(
    "why",
    [
        "UPDATE analyses SET analyzed_at = now() - interval '29 days'",
        "INSERT INTO work (step, subject, state) SELECT 'match_tracks', id, 'open' FROM analyses",
    ],
)
def test_what_is_young_or_was_not_compared_yet_stays(faces: App, why: str) -> None:
    change(faces, why)
    assert retention.due(faces).tracks == 0
    assert retention.run(faces)["tracks"] == 0


def test_what_is_held_does_not_expire(faces: App) -> None:
    with faces.stores.db.begin() as db:
        blob = db.execute(text("SELECT sha256 FROM blobs ORDER BY id LIMIT 1")).scalar_one()
    place(faces, f"blob:{blob}")
    assert retention.run(faces)["tracks"] == 1
    assert shown(faces)[0] == (3, 1, 3)


def test_none_days_means_as_soon_as_compared(faces: App) -> None:
    change(faces, "UPDATE analyses SET analyzed_at = now()")
    object.__setattr__(faces, "settings", faces.settings.model_copy(update={"retention_days": 0}))
    assert retention.run(faces)["tracks"] == 2


def test_a_run_that_was_cut_short_is_finished(faces: App, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Exception):
        """The worker died here."""

    def dying(*_: object) -> int:
        raise Broken

    with monkeypatch.context() as patched:
        patched.setattr(ObjectStore, "erase", dying)
        with pytest.raises(Broken):
            retention.run(faces)
    assert shown(faces) == [(3, 0, 3), (3, 0, 3), (3, 1, 3)]
    retention.run(faces)
    assert shown(faces)[:2] == [(0, 0, 0)] * 2


def test_photos_of_who_was_found_go_with_their_crops(faces: App) -> None:
    change(faces, "UPDATE persons SET status = 'found', changed_at = now() - interval '31 days' WHERE id < 3")
    assert retention.due(faces).photos == 2
    place(faces, "person:P-0")
    assert retention.run(faces)["photos"] == 1
    with faces.stores.db.begin() as db:
        rows = db.execute(text("SELECT object_key <> '', crop_key IS NOT NULL FROM reference_photos ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [(True, True), (False, False), (True, True)]
    assert told(faces, "expired")[-1] == ("photos", "retention of 30 days")


# --- at the keyboard ---------------------------------------------------------------------------------------

PASSWORD = "correct horse battery"


@pytest.fixture
def office(owning: Settings, stores: Stores) -> Office:
    for content in FILES:
        store(stores, content)
    with stores.db.begin() as db:
        accounts.add_user(db, "anna", PASSWORD, ["senior"])
        accounts.add_user(db, "karl", PASSWORD, ["analyst"])
    return Office(owning, stores)


def test_somebody_who_types(office: Office) -> None:
    blob = f"blob:{sha256(FILES[0])}"
    assert office.ask("hold", "place", blob, "--reason", "a trial")["objects_held"] == 2
    assert office.run("erase", blob, "--reason", "r", "--order", "o", status=2).stderr.count("legal hold")
    assert "a trial" in office.run("hold", "list").stdout
    assert f"legal hold on {blob}" in office.run("erase", blob, "--dry-run").stdout
    assert office.ask("status")["holds"] == 1
    office.run("hold", "release", blob, "--reason", "it is over")
    assert office.ask("erase", blob, "--dry-run")["blobs"] == 1
    assert "--order is empty" in office.run("erase", blob, "--reason", "r", status=2).stderr
    asked = office.ask("erase", blob, "--reason", "a court said so", "--order", "AZ 12/26")["erasure"]
    assert [office.ask("status")[name] for name in ("holds", "erasures")] == [0, {"asked": 1}]
    confirm = ("erasures", "confirm", str(asked), "--as")
    assert "may not confirm" in office.type(f"{PASSWORD}\n", *confirm, "karl", status=2)
    assert "not right" in office.type("wrong password\n", *confirm, "anna", status=2)
    assert "are gone" in office.type(f"{PASSWORD}\n", *confirm, "anna")
    assert not office.stores.objects.exists(EVIDENCE, ONE)
    assert "AZ 12/26" in office.run("erasures", "list").stdout
    assert office.ask("status")["erasures"] == {"done": 1}
    verified = office.ask("verify")
    assert (verified["ok"], verified["objects"], verified["share"]) == (True, 3, 1.0)
    assert office.ask("verify", "--sample", "1")["objects"] == 1
    assert office.ask("verify", "--blob", sha256(FILES[1]))["objects"] == 2
    assert office.ask("retention", "--dry-run") == {"tracks": 0, "photos": 0}
    assert office.ask("fixity", "--dry-run") == {"due": 1}


def test_incidents_are_listed_and_explained(office: Office) -> None:
    put(office.stores, TWO, b"over it")
    assert office.run("verify", status=1).stdout.count("another version of it is there") == 1
    assert "1 new incidents" in office.run("fixity", status=1).stderr
    open_ones = office.ask("incidents")["incidents"]
    assert isinstance(open_ones, list)
    (known,) = open_ones
    assert office.ask("status")["open_incidents"] == 1
    assert "reason is empty" in office.run("incidents", "explain", str(known["id"]), "--reason", " ", status=2).stderr
    office.run("incidents", "explain", str(known["id"]), "--reason", "a test")
    assert office.ask("incidents")["incidents"] == []
    assert len(office.ask("incidents", "list", "--all")["incidents"]) == 1  # type: ignore[arg-type]


WRONG = (
    ("verify", "--sample", "1", "--source", "1"),
    ("verify", "--person", "nobody"),
    ("hold", "place", "post", "--reason", "r"),
    ("hold", "release", "source:1", "--reason", "r"),
    ("erasures", "refuse", "7", "--reason", "r"),
    ("incidents", "explain", "7", "--reason", "r"),
)


def test_wrong_use_says_what_to_do(office: Office) -> None:
    for typed in WRONG:
        said = office.run(*typed, status=2).stderr
        assert said.startswith("lastseen:"), said
        assert "Traceback" not in said


# --- erasure of what was found -----------------------------------------------------------------------------


def erase(app: App, written: str) -> dict[str, int]:
    with app.stores.db.begin() as db:
        number, entries = erasures.ask(db, subjects.parse(written), "an order", "AZ 1/26", "anna")
        custody.append_all(db, "anna", [*entries, *erasures.confirm(db, number, "bert")])
    ((_, gone),) = erasure.finish(app)
    return {name: count for name, count in gone.counts().items() if count}


def count(app: App, table: str) -> int:
    with app.stores.db.begin() as db:
        found: int = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  our own names
    return found


@pytest.fixture
def found(owning: Settings, stores: Stores) -> Iterator[tuple[App, Seeded]]:
    """Two people on one track, and one on another; templates of all."""
    one = seed(stores, Story(number="P-1"))
    seed(stores, Story(number="P-2"), at_track=one)
    seed(stores, Story(number="P-3"))
    with open_app(owning, "test") as opened:
        change(opened, TEMPLATE)
        yield opened, one


def test_an_entry_of_the_register_goes_with_photos_and_candidates(found: tuple[App, Seeded]) -> None:
    app, one = found
    assert erase(app, "person:P-1") == {"people": 1, "photos": 1, "candidates": 1}
    assert [count(app, table) for table in ("persons", "reference_photos", "candidates", "tracks")] == [2, 2, 2, 2]
    there = set(app.stores.objects.keys(DERIVED))
    assert not there & {f"crop/photo/{one.person}.jpg", f"still/{one.photo}.jpg", f"clip/{one.photo}.mp4"}
    assert shown(app) == [(3, 1, 3)] * 2, "another person's candidate has the same track"


def test_a_candidate_goes_with_its_face_unless_it_is_anothers_too(found: tuple[App, Seeded]) -> None:
    app, one = found
    assert erase(app, f"candidate:{one.candidate}") == {"candidates": 1}
    assert shown(app) == [(3, 1, 3)] * 2
    with app.stores.db.begin() as db:
        other = db.execute(text("SELECT id FROM candidates WHERE track_id = :track"), {"track": one.track}).scalar_one()
    assert erase(app, f"candidate:{other}") == {"candidates": 1, "tracks": 1}
    assert shown(app) == [(0, 0, 0), (3, 1, 3)]
    assert count(app, "persons") == 3


def test_a_rejection_goes_with_its_candidate_and_holds_nothing_closed_any_more(found: tuple[App, Seeded]) -> None:
    app, one = found
    with app.stores.db.begin() as db:
        rejections.reject(db, one.candidate, "another nose", "anna", 1)
        states = select(candidates.c.state).order_by(candidates.c.id)
        assert list(db.execute(states).scalars()) == ["rejected", "open", "open"]
    assert erase(app, f"candidate:{one.candidate}") == {"candidates": 1}
    assert count(app, "rejections") == 0
    with app.stores.db.begin() as db:
        assert list(db.execute(states).scalars()) == ["open", "open"]


def test_who_was_displaced_comes_up_when_an_entry_is_erased(found: tuple[App, Seeded]) -> None:
    app, one = found
    with app.stores.db.begin() as db:
        db.execute(text("UPDATE candidates SET state = 'displaced' WHERE id = :id + 1"), {"id": one.candidate})
    erase(app, "person:P-1")
    with app.stores.db.begin() as db:
        assert set(db.execute(text("SELECT state FROM candidates")).scalars()) == {"open"}


def test_a_blob_goes_with_every_face_that_was_found_in_it(found: tuple[App, Seeded]) -> None:
    app, one = found
    with app.stores.db.begin() as db:
        blob = db.execute(text("SELECT sha256 FROM blobs WHERE id = :id"), {"id": one.blob}).scalar_one()
    assert erase(app, f"blob:{blob}") == {"blobs": 1, "tracks": 1, "candidates": 2}
    assert [count(app, table) for table in ("blobs", "analyses", "tracks", "candidates", "posts")] == [1, 1, 1, 1, 2]
    assert shown(app) == [(3, 1, 3)]
