"""The engine is changed: kept tracks are found with the new one, by its own templates, from their crops alone."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from extractors import faces as engines_by_name
from extractors import sandbox
from extractors.sandbox import Sandbox
from lastseen.outcomes import ObjectToStore
from lastseen.records import Analysis, PersonEntry, PersonFacts, PersonStatus, Template
from lastseen.settings import Settings
from pipeline.matching import match
from pipeline.matching.held_register import HeldRegister
from pipeline.media import reembed
from pipeline.runner import Runner, Tally
from storage import engines, faces, office_keys, register, work
from storage.objects import DERIVED, Stored
from storage.sealing import Sealer, identity
from storage.stores import Stores
from storage.work import Queue
from tests.extractors.films import ANNA, BOHDAN, png, scene
from tests.office import Office
from tests.pipeline.matching.test_match import SEAL
from tests.pipeline.test_main_job import held_back, in_transaction
from tests.storage.test_shards import blob

OLD = "old/1/00000000"


class Changed:
    """An office whose engine was changed: what a picture shows is known by an engine that is no more."""

    def __init__(self, stores: Stores, settings: Settings, box: Sandbox, found: Analysis, seal: Sealer = SEAL) -> None:
        self.stores, self.settings, self.found = stores, settings, found
        self.runner = Runner(stores, settings, "tester")
        self.runner._box = box  # one for all tests: it takes a second to start
        self.engine = engines_by_name.engine_id("dlib", settings.models_dir)
        self.crops = [[f"crop/{t.ordinal}-{s.ordinal}.jpg" for s in t.best_shots] for t in found.tracks]
        for track, row in zip(found.tracks, self.crops, strict=True):
            for shot, key in zip(track.best_shots, row, strict=True):
                self.put(key, shot.crop)
        with stores.db.begin() as db:
            self.blob = blob(db, 1)
            self.analysis = faces.keep_analysis(db, self.blob, "recipe", OLD, found, self.crops, seal)

    def put(self, key: str, content: bytes) -> None:
        thing = ObjectToStore(DERIVED, key, content, hashlib.sha256(content).hexdigest(), "image/jpeg")
        self.stores.objects.put_verified(thing, None)

    def work_off(self) -> Tally:
        """As the command does."""
        step = reembed.step(self.engine, SEAL)
        with self.stores.db.begin() as db:
            work.offer(db, Queue(reembed.NAME, self.engine), engines.due(db, self.engine), reembed.PRIORITY)
        return self.runner.drain(step)

    def one(self, sql: str) -> tuple[object, ...]:
        with self.stores.db.begin() as db:
            return tuple(db.execute(text(sql)).one())


@pytest.fixture(scope="module")
def box(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """What opens the crops, with the real engine."""
    folder = tmp_path_factory.mktemp("box")
    with sandbox.opened(Settings.model_construct(data_dir=folder, models_dir=models_dir)) as opened:
        yield opened


@pytest.fixture(scope="module")
def found(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """Two people on a picture."""
    picture = tmp_path_factory.mktemp("picture") / "picture.png"
    picture.write_bytes(png(scene({ANNA: (130, 60, 130), BOHDAN: (300, 60, 110)})))
    analysis = box.analyze(picture)
    assert isinstance(analysis, Analysis)
    return analysis


@pytest.fixture
def changed(stores: Stores, settings: Settings, box: Sandbox, found: Analysis) -> Changed:
    """An office that holds the picture."""
    return Changed(stores, settings, box, found)


def test_tracks_of_another_engine_are_found_with_the_new_one(changed: Changed) -> None:
    assert changed.work_off().as_dict() == {"done": 1}
    assert changed.work_off().as_dict() == {"done": 0}
    assert changed.one("SELECT tracks, expired, lost, without_face FROM reembeddings") == (2, 0, 0, 0)
    assert changed.one("SELECT count(*), count(DISTINCT engine) FROM templates") == (8, 2)
    assert changed.one("SELECT step, priority FROM work WHERE step = 'match_tracks'") == ("match_tracks", -1)
    anna = changed.found.tracks[0]
    with changed.stores.db.begin() as db:
        person = register.keep_person(
            db, PersonEntry("A", PersonFacts(("A",), None, PersonStatus.MISSING), ()), 5
        ).person
        stored = Stored("photo/a", "", 1, "a" * 64, created=True)
        photo, _ = register.keep_photo(db, person, "p.jpg", stored, "image/jpeg")
        faces.keep_photo_template(db, photo, changed.engine, Template("photo", anna.templates[0].vector, 1.0), SEAL)
    changed.runner.drain(
        match.tracks_step(changed.settings, changed.engine, 0.3, SEAL, HeldRegister(changed.settings, SEAL))
    )
    nearest = """SELECT ordinal, engine, state FROM candidates JOIN tracks ON tracks.id = track_id
                  ORDER BY distance LIMIT 1"""
    assert changed.one(nearest) == (anna.ordinal, changed.engine, "open")
    said = changed.one("SELECT detail ->> 'from', detail ->> 'engine' FROM custody_events WHERE action = 'derived'")
    assert said == ("crops", changed.engine)


def test_killed_and_started_again_it_ends_in_the_same_rows(
    office: Office, another_office: Office, box: Sandbox, found: Analysis
) -> None:
    """By SIGKILL: while it works, and in the middle of keeping what it made."""
    for one in (office, another_office):
        with one.stores.db.begin() as db:
            seal = office_keys.sealer(db, one.settings)
        Changed(one.stores, one.settings, box, found, seal)
    office.kill_during(lambda: office.leased(reembed.NAME), "reembed")
    for table in ("templates", "reembeddings"):
        with held_back(office, table):
            office.kill_during(in_transaction(office, f"INSERT INTO {table}"), "reembed")
    assert kept(office) == {}, "nothing is kept in part"
    for one in (office, another_office):
        one.run("reembed")
    with office.stores.db.begin() as db:
        assert db.execute(text("SELECT crashes FROM work WHERE step = 'reembed'")).scalar_one() == 3
    assert office.held() == another_office.held()
    assert kept(office) == kept(another_office)
    assert len(kept(office)) == 4
    rows = office.rows()
    office.run("reembed")
    assert office.rows() == rows, "once more changes nothing"


def kept(office: Office) -> dict[tuple[object, ...], list[float]]:
    """What the new engine made of the tracks, opened."""
    made = "SELECT track_id, kind, templates.engine, sealed, ordinal FROM templates JOIN tracks ON tracks.id = track_id"
    with office.stores.db.begin() as db:
        seal = office_keys.sealer(db, office.settings)
        rows = db.execute(text(f"{made} WHERE templates.engine <> :old"), {"old": OLD}).all()
    return {
        (row.ordinal, row.kind, row.engine): seal.open(
            row.sealed, identity(track=row.track_id, photo=None, kind=row.kind, engine=row.engine)
        ).tolist()
        for row in rows
    }


def test_a_match_that_was_done_before_there_were_templates_is_done_again(changed: Changed) -> None:
    """An item of the old engine that waited when it was changed is taken over by the new one, and finds nothing."""
    queue = Queue(match.TRACKS, changed.engine)
    step = match.tracks_step(changed.settings, changed.engine, 0.3, SEAL, HeldRegister(changed.settings, SEAL))
    with changed.stores.db.begin() as db:
        work.offer(db, queue, [changed.analysis])
    assert changed.runner.drain(step).as_dict() == {"done": 1}
    changed.work_off()
    assert changed.runner.drain(step).as_dict() == {"done": 1}


def test_what_cannot_be_embedded_is_counted_with_its_class(changed: Changed) -> None:
    (anna, *_), (bohdan, *_) = changed.crops
    changed.stores.objects.erase(DERIVED, anna)
    changed.work_off()
    assert changed.one("SELECT tracks, expired, lost, without_face FROM reembeddings") == (1, 0, 1, 0)
    assert changed.one("SELECT state, outcome FROM work WHERE step = 'reembed'") == ("done", "GONE")
    with changed.stores.db.begin() as db:
        work.reopen_flawed(db, Queue(reembed.NAME, changed.engine))
        db.execute(text("DELETE FROM templates WHERE engine <> :old"), {"old": OLD})
    changed.stores.objects.erase(DERIVED, bohdan)
    changed.put(anna, changed.found.tracks[1].best_shots[0].crop[:500])
    changed.put(bohdan, changed.found.tracks[1].best_shots[0].crop)
    changed.work_off()
    assert changed.one("SELECT tracks, lost FROM reembeddings") == (1, 1)
    assert changed.one("SELECT count(*) FROM templates WHERE engine <> 'old/1/00000000'") == (2,)


def test_tracks_whose_faces_expired_are_said(changed: Changed) -> None:
    with changed.stores.db.begin() as db:
        gone = db.execute(text("SELECT min(id) FROM tracks")).scalar_one()
        db.execute(text("DELETE FROM templates WHERE track_id = :gone"), {"gone": gone})
    changed.work_off()
    assert changed.one("SELECT tracks, expired FROM reembeddings") == (1, 1)
    state, outcome, why = changed.one("SELECT state, outcome, why FROM work WHERE step = 'reembed'")
    assert (state, outcome) == ("done", "SKIPPED")
    assert why == "1 tracks embedded, 1 have expired (LASTSEEN_RETENTION_DAYS)"


def test_a_crop_that_kills_its_child_costs_its_own_track_only(
    changed: Changed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembed, "CROPS", 1000)
    from lastseen.records import CropsKept, Reembedded, Rejection

    asked = changed.runner._box.reembed

    def hostile(path: Path, kept: CropsKept) -> Reembedded | Rejection:
        if any(crop.track == min(crop.track for crop in kept.crops) == 1 for crop in kept.crops):
            return Rejection("DEFECT", "the child process was killed by signal 9")
        return asked(path, kept)

    monkeypatch.setattr(changed.runner._box, "reembed", hostile)
    changed.work_off()
    assert changed.one("SELECT tracks, lost FROM reembeddings") == (1, 1)
    state, outcome, why = changed.one("SELECT state, outcome, why FROM work WHERE step = 'reembed'")
    assert (state, outcome) == ("done", "DEFECT")
    assert "killed by signal 9" in str(why)
