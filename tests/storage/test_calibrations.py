"""Calibrations are kept one after the other, and hold when somebody said so."""

import numpy as np
import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.records import Band, Calibration, PersonEntry, PersonFacts, PersonStatus, Template
from storage import calibrations, custody, faces, register
from storage.database import Connection, Engine
from storage.objects import Stored
from storage.sealing import Sealer

ENGINE = "drawn/1/00000000"
SEAL = Sealer(bytes(32))
COUNTS = {"people": 400, "photos": 500, "pairs": 79800}
BANDS = (Band(0.0, 0.41, 0.45, ((0.3, 0.001), (0.5, 1.0))), Band(0.5, 0.43, 0.47))


def keep(db: Connection, engine: str = ENGINE, fallback: str = "") -> int:
    made = Calibration(None, engine, BANDS, fallback)
    id_, entry = calibrations.keep(db, made, COUNTS, {"bands": [{"low": 0.5}]}, "<svg/>", "somebody")
    custody.append_all(db, "somebody", [entry])
    return id_


def adopt(db: Connection, id_: int, engine: str = ENGINE) -> None:
    custody.append_all(db, "a senior", [calibrations.adopt(db, id_, engine, "as measured", "a senior")])


def test_a_proposal_does_not_hold_until_it_is_adopted_and_then_it_is_what_was_kept(db: Engine) -> None:
    with db.begin() as one:
        id_ = keep(one)
        assert calibrations.current(one, ENGINE) is None
        adopt(one, id_)
        assert calibrations.current(one, ENGINE) == Calibration(id_, ENGINE, BANDS)
        assert calibrations.current(one, "another/1/00000000") is None
        actions = [(event.action, event.subject, event.reason) for event in custody.events(one)]
    assert actions == [
        ("calibrated", f"calibration:{id_}", ""),
        ("adopted", f"calibration:{id_}", "as measured"),
    ]


def test_a_newer_proposal_changes_nothing_and_an_older_one_can_hold_again(db: Engine) -> None:
    with db.begin() as one:
        first, second = keep(one), keep(one, fallback="too few people")
        adopt(one, first)
        other = keep(one, "another/1/00000000")
        adopt(one, other, "another/1/00000000")
        assert [kept.holds for kept in calibrations.listed(one)] == [True, False, True]
        adopt(one, second)
        held = calibrations.current(one, ENGINE)
        assert held and (held.id, held.fallback) == (second, "too few people")
        adopt(one, first)
        assert [kept.calibration.id for kept in calibrations.listed(one, ENGINE) if kept.holds] == [first]
        kept = calibrations.one(one, first)
    assert kept and (kept.people, kept.plot, kept.made_by, kept.adopted_by) == (400, "<svg/>", "somebody", "a senior")
    assert kept.detail == {"bands": [{"low": 0.5}]}


def test_only_what_is_there_and_of_the_engine_in_use_can_be_adopted(db: Engine) -> None:
    with db.begin() as one:
        id_ = keep(one, "another/1/00000000")
        with pytest.raises(WrongUse, match="is one of another/1"):
            calibrations.adopt(one, id_, ENGINE, "r", "a")
        with pytest.raises(WrongUse, match="there is no calibration 999"):
            calibrations.adopt(one, 999, ENGINE, "r", "a")
        assert calibrations.one(one, 999) is None


def test_photos_are_those_of_missing_people(db: Engine) -> None:
    with db.begin() as one:
        for number, status in enumerate((PersonStatus.MISSING, PersonStatus.FOUND)):
            person = register.keep_person(
                one, PersonEntry(f"P{number}", PersonFacts(("n",), None, status), ()), 5
            ).person
            stored = Stored(f"photo/{number}", "", 1, f"{number:0>64}", created=True)
            photo, _ = register.keep_photo(one, person, "1.jpg", stored, "image/jpeg")
            faces.keep_photo_template(one, photo, ENGINE, Template("photo", (float(number), 1.0), 0.75), SEAL)
        found = calibrations.photos(one, ENGINE, SEAL)
        assert calibrations.register_numbers(one, found.owners.tolist()) == {int(found.owners[0]): "P0"}
    assert (found.vectors.tolist(), found.qualities.tolist()) == ([[0.0, 1.0]], [0.75])


TRACK = """
    WITH blob AS (INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
                  VALUES (repeat(:letter, 64), 1, 'video/mp4', 'k', 'v', now()) RETURNING id),
         analysis AS (INSERT INTO analyses (blob_id, recipe, engine, analyzed_at, kind, width, height, duration_ms,
                                            pictures_decoded, pictures_sampled, gaps, complete, shots)
                      SELECT id, 'r', :engine, now() - make_interval(days => :ago), 'video', 1, 1, 1, 1, 1, 0, true,
                             '[]'
                        FROM blob RETURNING id)
    INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces, gate)
    SELECT id, 0, 0, 0, 1, '[]', :gate FROM analysis RETURNING id"""


def test_tracks_are_those_of_the_last_days_that_are_searched(db: Engine) -> None:
    with db.begin() as one:
        for letter, ago, gate in (("a", 1, ""), ("b", 40, ""), ("c", 2, "too small")):
            values = {"letter": letter, "ago": ago, "gate": gate, "engine": ENGINE}
            track = one.execute(text(TRACK), values).scalar_one()
            for kind, quality in (("pooled", 0.4), ("best", 0.6)):
                faces._keep_template(one, track, None, ENGINE, Template(kind, (1.0, 2.0), quality), SEAL)
        found = calibrations.tracks(one, ENGINE, SEAL, days=28, most=100)
        assert calibrations.tracks_a_day(one, ENGINE, 28) == pytest.approx(1)
        assert calibrations.tracks_a_day(one, ENGINE, 56) == pytest.approx(2 / 40, rel=1e-3)
        assert calibrations.tracks_a_day(one, "another", 28) == 0
    assert len(set(found.owners.tolist())) == 1
    assert found.qualities.tolist() == [0.6, 0.6], "of the best template"
    assert found.vectors.shape == (2, 2)
    assert found.vectors.dtype == np.float32
