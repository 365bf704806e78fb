"""A change of engine in the database: what is embedded again, what may not come back, which question stands."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.records import Found, Judged, Match, PersonEntry, PersonFacts, PersonStatus, Template
from storage import candidates, engines, faces, register, retention, work
from storage.database import Connection, Engine
from storage.engines import Count
from storage.objects import Stored
from storage.work import Claim, Queue
from tests.storage.test_shards import SEAL, analysis, blob

NEW = Template("pooled", (1.0, 1.0), 0.5)
FOUND = Count(1, 0, 0, 0)


def of_track(db: Connection, track: int) -> int:
    found: int = db.execute(text("SELECT analysis_id FROM tracks WHERE id = :id"), {"id": track}).scalar_one()
    return found


def one_claim(db: Connection, queue: Queue, subject: int) -> Claim:
    claim = work.claim(db, replace(queue, subjects=(subject,)), timedelta(seconds=30))
    assert claim is not None
    return claim


def people(db: Connection, *numbers: str) -> list[tuple[int, int]]:
    """Entries with a photo each: (person, photo)."""
    made = []
    for number in numbers:
        kept = register.keep_person(db, PersonEntry(number, PersonFacts((number,), None, PersonStatus.MISSING), ()), 5)
        stored = Stored(f"photo/{number}", "", 1, f"{number:0>64}", created=True)
        made.append((kept.person, register.keep_photo(db, kept.person, "p.jpg", stored, "image/jpeg")[0]))
    return made


def found(db: Connection, engine: str, track: int, *near: tuple[int, int]) -> None:
    """The engine, which is in use, finds people near a track, the first the nearest."""
    for _, photo in near:
        faces.keep_photo_template(db, photo, engine, NEW, SEAL)
    candidates.lock(db)
    matches = tuple(Found(Match(person, photo, 0.1 * place), None) for place, (person, photo) in enumerate(near, 1))
    candidates.keep(db, engine, Judged({track: matches}, {}, None), people_per_track=2)


def states(db: Connection) -> list[str]:
    statement = text("""
        SELECT engine, register_number, state FROM candidates JOIN persons ON persons.id = person_id
         ORDER BY engine, track_id, register_number""")
    return [f"{row.engine} {row.register_number} {row.state}" for row in db.execute(statement)]


def test_the_newest_analysis_of_each_blob_is_due_where_another_engine_made_it(db: Engine) -> None:
    with db.begin() as one:
        first, second, third = (blob(one, number) for number in range(3))
        analysis(one, first, "r", 1)
        newer = analysis(one, first, "r~2", 2)
        analysis(one, second, "r", 3)
        analysis(one, second, "s", 4, engine="b")
        nothing = analysis(one, third, "r")
        assert nothing == []
        assert engines.due(one, "b") == [of_track(one, newer[0])]
        assert len(engines.due(one, "c")) == 2
        engines.keep(one, of_track(one, newer[0]), "b", {newer[0]: (NEW,)}, FOUND, SEAL)
        assert engines.due(one, "b") == []


def test_what_an_engine_left_uncompared_is_due_when_it_is_set_again(db: Engine) -> None:
    """Its items were taken over by the engine that was set in between, and were nothing to that one."""
    with db.begin() as one:
        waiting, compared, crops = (analysis(one, blob(one, number), "r", number) for number in range(3))
        analysis(one, blob(one, 3), "r")
        newest = Queue("match_tracks", "a")
        work.offer(one, newest, [of_track(one, waiting[0]), of_track(one, compared[0])])
        work.finish(one, one_claim(one, newest, of_track(one, compared[0])))
        work.adopt(one, Queue("match_tracks", "b"))
        assert engines.unmatched(one, "a") == [of_track(one, crops[0]), of_track(one, waiting[0])]
        assert engines.unmatched(one, "b") == []
        engines.keep(one, of_track(one, crops[0]), "b", {crops[0]: (NEW,)}, FOUND, SEAL)
        assert engines.unmatched(one, "b") == [of_track(one, crops[0])]
        work.offer(one, newest, engines.unmatched(one, "a"))
        assert engines.unmatched(one, "a") == []


def test_a_track_whose_faces_expired_is_counted_and_never_gets_templates_again(db: Engine) -> None:
    with db.begin() as one:
        gone, stays, later = analysis(one, blob(one, 1), "r", 1, 2, 3)
        one.execute(text("DELETE FROM templates WHERE track_id = :id"), {"id": gone})
        kept = engines.kept(one, of_track(one, gone))
        assert (kept.expired, kept.tracks, [shot.track for shot in kept.shots]) == (1, (stays, later), [stays, later])
        retention.forget(one, 0)
        made = dict.fromkeys((stays, later), (NEW,))
        assert engines.keep(one, kept.analysis, "b", made, Count(2, 1, 0, 0), SEAL) == 0
        assert one.execute(text("SELECT count(*) FROM templates")).scalar_one() == 0
        noted = one.execute(text("SELECT tracks, expired FROM reembeddings")).one()
        assert tuple(noted) == (0, 3)


def test_it_may_be_said_again_and_then_better(db: Engine) -> None:
    with db.begin() as one:
        tracks = analysis(one, blob(one, 1), "r", 1, 2)
        of = of_track(one, tracks[0])
        engines.keep(one, of, "b", {tracks[0]: (NEW,)}, Count(1, 0, 1, 0), SEAL)
        engines.keep(one, of, "b", dict.fromkeys(tracks, (NEW,)), Count(2, 0, 0, 0), SEAL)
        assert tuple(one.execute(text("SELECT tracks, lost FROM reembeddings")).one()) == (2, 0)
        assert one.execute(text("SELECT count(*) FROM templates WHERE engine = 'b'")).scalar_one() == 2


def test_old_candidates_stay_until_the_new_engine_queues_the_same_and_unconfirmed_ones_for_good(db: Engine) -> None:
    with db.begin() as one:
        (track,) = analysis(one, blob(one, 1), "r", 1)
        anna, bohdan, vira, halyna = people(one, "A", "B", "C", "D")
        found(one, "a", track, anna, bohdan, vira)
        assert states(one) == ["a A open", "a B open", "a C displaced"]
        faces.keep_photo_template(one, halyna[1], "b", NEW, SEAL)
        found(one, "b", track, bohdan)
        assert states(one) == ["a A open", "a B superseded", "a C displaced", "b B open"]
        found(one, "b", track, halyna, bohdan)
        assert states(one) == ["a A open", "a B superseded", "a C displaced", "b B open", "b D open"]


def test_an_engine_that_is_set_again_asks_again(db: Engine) -> None:
    """Nothing is enrolled then, since its templates of the register are still there; a refused photo tells nothing."""
    with db.begin() as one:
        (track,) = analysis(one, blob(one, 1), "r", 1)
        anna, refused = people(one, "A", "B")
        faces.keep_photo_template(one, refused[1], "a", NEW, SEAL)
        assert engines.use(one, "a", 5)
        found(one, "a", track, anna)
        assert engines.use(one, "b", 5)
        assert states(one) == ["a A open"]
        found(one, "b", track, anna)
        assert states(one) == ["a A superseded", "b A open"]
        assert engines.use(one, "a", 5)
        assert not engines.use(one, "a", 5)
        assert states(one) == ["a A open", "b A superseded"]


def test_a_newer_analysis_by_a_new_engine_takes_over_at_the_same_time_only(db: Engine) -> None:
    with db.begin() as one:
        of = blob(one, 1)
        (old,) = analysis(one, of, "r", 1)
        (elsewhere,) = analysis(one, blob(one, 2), "r", 1)
        (anna,) = people(one, "A")
        for track in (old, elsewhere):
            found(one, "a", track, anna)
        (new,) = analysis(one, of, "s", 1, engine="b")
        found(one, "b", new, anna)
        assert states(one) == ["a A superseded", "a A open", "b A open"]


@pytest.mark.parametrize("engine", ["a", "b"])
def test_another_track_of_the_same_analysis_is_another_question(db: Engine, engine: str) -> None:
    with db.begin() as one:
        left, right = analysis(one, blob(one, 1), "r", 1, 2)
        (anna,) = people(one, "A")
        faces.keep_photo_template(one, anna[1], "a", NEW, SEAL)
        found(one, "a", left, anna)
        found(one, engine, right, anna)
        assert states(one) == ["a A open", f"{engine} A open"]
