"""What somebody with the whole database, or the whole store, may do to manifests and stamps: each act is found."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event as happening

from extractors import opentimestamps, time_stamps
from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.settings import Settings
from pipeline.custody import stamp_checks
from storage import custody, custody_keys, keys, stamps, verification
from storage.custody import Action, Entry
from storage.database import Engine
from storage.objects import EVIDENCE
from storage.stores import Stores
from tests.pipeline.custody.days import BEFORE, TODAY, YESTERDAY, Days, noon
from tests.servers.calendar import Calendar
from tests.servers.time_stamp_authority import TimeStampAuthority

TABLES = (
    "custody_events",
    "checkpoints",
    "manifests",
    "stamp_statements",
    "stamp_requests",
    "stamps",
    "stamp_refusals",
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority(tmp_path_factory.mktemp("authority")) as served:
        yield served


@pytest.fixture
def days(
    settings: Settings,
    stores: Stores,
    owner: Engine,
    authority: TimeStampAuthority,
    monkeypatch: pytest.MonkeyPatch,
) -> Days:
    """Two days that are stamped, by somebody who may do anything from here on."""
    made = Days(settings, stores, owner, monkeypatch)
    made.asks(("here", authority))
    made.came_in(noon(BEFORE), b"one")
    made.came_in(noon(YESTERDAY), b"two")
    made.run()
    for table in TABLES:
        made.rows(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    return made


def found(days: Days) -> list[tuple[str, str]]:
    """Incidents as (where, what), as one who follows the log has them found."""
    with days.stores.db.begin() as db:
        listener = stamp_checks.listening(days.stores, days.settings)(db)
        for event in custody.events(db):
            listener.hear(event)
    return sorted((incident.where, incident.what) for incident in listener.found())


def only(days: Days) -> tuple[str, str]:
    [one] = found(days)
    return one


def rewrite(days: Days, changed: Callable[[custody.Event], custody.Event | None]) -> None:
    """Write the whole chain anew, as its owner can: hashes and numbers fit again."""
    with days.stores.db.begin() as db:
        old = list(custody.events(db))
    days.rows("DELETE FROM custody_events")
    for event in old:
        new = changed(event)
        if new is not None:
            days.wrote(new.at, Entry(Action(new.action), new.subject, new.detail, new.reason))


def test_what_was_not_touched_stands(days: Days) -> None:
    assert found(days) == []
    days.came_in(utcnow(), b"three")
    assert found(days) == [], "today has no manifest yet, and needs none"


def test_verifying_reads_the_log_once_and_finds_what_is_wrong_with_stamps(days: Days) -> None:
    """The log grows for ever, and whoever verifies waits for it."""
    [(key,)] = days.rows("DELETE FROM stamps WHERE id = (SELECT min(id) FROM stamps) RETURNING key")
    asked = list[str]()
    happening.listen(days.stores.db, "before_cursor_execute", lambda *said: asked.append(said[2]))
    also = [stamp_checks.listening(days.stores, days.settings)]
    trust = custody_keys.trusted(days.settings)
    report = verification.verify(days.stores.db, days.stores.objects, trust, also=also)
    assert [one for one in report.incidents if one.where == f"time stamp {key}" and "its row is gone" in one.what]
    assert len([sql for sql in asked if "ORDER BY custody_events.seq" in sql]) == 1
    assert report.events == days.rows("SELECT count(*) FROM custody_events")[0][0]


def test_a_day_without_a_manifest_is_told_after_a_day(days: Days) -> None:
    days.rows("DELETE FROM stamps; DELETE FROM stamp_requests; DELETE FROM stamp_statements")
    key = days.rows(f"DELETE FROM manifests WHERE day = '{BEFORE}' RETURNING key")[0][0]  # noqa: S608
    told = dict(found(days))
    assert "no manifest was made" in told[f"manifest of {BEFORE}"]
    assert "its row is gone" in told[f"manifest {key}"]
    assert f"manifest of {YESTERDAY}" not in told


@pytest.mark.parametrize("what", ["manifest", "statement", "token", "root"])
def test_an_object_that_was_exchanged_is_found(days: Days, what: str) -> None:
    with days.stores.db.begin() as db:
        [stated, *_], [answered, *_] = stamps.statements(db), stamps.answered(db)
    key = {
        "manifest": str(days.rows("SELECT key FROM manifests ORDER BY day LIMIT 1")[0][0]),
        "statement": stated.key,
        "token": answered.stamp.key,
        "root": str(answered.stamp.root_key),
    }[what]
    version = _overwritten(days, key, days.stores.objects.read(EVIDENCE, key)[:-1] + b"?")
    if what != "root":  # its row names a version
        table = {"manifest": "manifests", "statement": "stamp_statements", "token": "stamps"}[what]
        days.rows(f"UPDATE {table} SET version_id = '{version}' WHERE key = '{key}'")  # noqa: S608
    told = found(days)
    assert ("the object's bytes are not what was stored") in {what for _, what in told}
    assert any(key in where or where == f"manifest of {BEFORE}" for where, _ in told)


def _overwritten(days: Days, key: str, content: bytes) -> str:
    thing = ObjectToStore(EVIDENCE, key, content, hashlib.sha256(content).hexdigest(), "application/octet-stream")
    return days.stores.objects._upload(thing, len(content), utcnow() + timedelta(days=1))


def test_an_object_that_is_gone_is_found(days: Days) -> None:
    days.rows(f"UPDATE manifests SET key = key || 'x' WHERE day = '{BEFORE}'")  # noqa: S608
    assert "the object is missing" in [what for _, what in found(days)]


def test_a_manifest_exchanged_together_with_its_row_is_found(days: Days) -> None:
    """The bytes equal their hash, and the log gives others."""
    [(key,)] = days.rows(f"SELECT key FROM manifests WHERE day = '{BEFORE}'")  # noqa: S608
    content = days.stores.objects.read(EVIDENCE, str(key)).replace(b'"size":3', b'"size":4')
    version = _overwritten(days, str(key), content)
    sha256 = hashlib.sha256(content).hexdigest()
    days.rows(f"UPDATE manifests SET version_id = '{version}', sha256 = '{sha256}' WHERE day = '{BEFORE}'")  # noqa: S608
    told = found(days)
    where = [where for where, _ in told]
    assert where.count(f"manifest of {BEFORE}") == 2, "not what the log gives, and not what the log says was made"
    assert any(w.startswith("statement ") and "another manifest" in what for w, what in told)


def test_a_manifest_taken_out_of_the_log_is_found(days: Days) -> None:
    rewrite(days, lambda event: None if event.subject == f"manifest:{BEFORE}" else event)
    told = dict(found(days))
    assert told[f"manifest of {BEFORE}"] == "the custody log does not say that it was made as it is"


def test_a_log_written_anew_is_not_the_one_that_was_stamped(days: Days) -> None:
    rewrite(days, lambda event: replace(event, reason="another one") if event.seq == 1 else event)  # same lines
    told = found(days)
    assert [what for _, what in told] == ["the custody log is not the one that was stamped"] * 2


def test_a_log_that_was_cut_off_is_shorter_than_what_was_stamped(days: Days) -> None:
    days.rows("DELETE FROM custody_events WHERE seq > 3")
    assert any("its end is gone" in what for _, what in found(days))


def test_what_an_older_database_has_forgotten_is_found_in_the_store(days: Days) -> None:
    days.rows("DELETE FROM stamps; DELETE FROM stamp_requests; DELETE FROM stamp_statements; DELETE FROM manifests")
    days.rows("DELETE FROM custody_events WHERE seq > 2")
    told = found(days)
    assert {where for where, what in told if "was an older one restored?" in what} == {
        *days.keys("manifest/"),
        *days.keys("stamp/"),
    }


def test_what_is_no_statement_and_what_is_no_event_are_incidents_and_not_tracebacks(days: Days) -> None:
    with days.stores.db.begin() as db:
        [stated, *_] = stamps.statements(db)
    content = days.stores.objects.read(EVIDENCE, stated.key).replace(b"\\nat 20", b"\\nat x20")
    version, sha256 = _overwritten(days, stated.key, content), hashlib.sha256(content).hexdigest()
    days.rows(f"UPDATE stamp_statements SET version_id = '{version}', sha256 = '{sha256}' WHERE id = {stated.id}")  # noqa: S608
    days.rows("UPDATE custody_events SET detail = '[1.5]' WHERE action = 'stamped'")
    told = found(days)
    assert any(where == f"statement {stated.key}" and "it cannot be read" in what for where, what in told)
    assert any("does not say that it came as it is" in what for _, what in told)


def test_a_row_of_a_stamp_that_says_another_time_is_found(days: Days) -> None:
    days.rows("UPDATE stamps SET gen_time = gen_time - interval '1 year' WHERE id = 1")
    assert {what.partition(" ")[0] for _, what in found(days)} == {"it", "the"}


def test_a_stamp_by_somebody_elses_authority_is_found_though_their_root_lies_beside(days: Days, tmp_path: Path) -> None:
    with days.stores.db.begin() as db:
        [stated, *_], [answered, *_] = stamps.statements(db), stamps.answered(db)
    content = days.stores.objects.read(EVIDENCE, stated.key)
    with TimeStampAuthority(tmp_path / "other") as other:
        answer, roots = other.reply(time_stamps.query(content).body), other.roots.read_bytes()
    token = time_stamps.verify(answer, content, roots)
    root_key = keys.root(hashlib.sha256(roots).hexdigest())
    _overwritten(days, root_key, roots)
    version = _overwritten(days, answered.stamp.key, answer)
    sha256 = hashlib.sha256(answer).hexdigest()
    days.rows(
        f"""UPDATE stamps SET version_id = '{version}', sha256 = '{sha256}', root_key = '{root_key}',
                              gen_time = '{token.gen_time}', serial = '{token.serial}' WHERE id = 1"""  # noqa: S608
    )
    told = [what for where, what in found(days) if where == f"time stamp {answered.stamp.key}"]
    assert any("verifies against the root kept beside it, and not against" in what for what in told)
    assert any("does not say that it came as it is" in what for what in told)


def test_roots_that_the_office_does_not_name_are_told(days: Days, tmp_path: Path) -> None:
    with TimeStampAuthority(tmp_path / "other") as other:
        days.asks(("here", other))
    told = found(days)
    assert len(told) == 2 and all("verifies against the root kept beside it, and not" in what for _, what in told)


def test_a_stamp_without_its_event_and_an_event_without_its_stamp_are_found(days: Days) -> None:
    [(key,)] = days.rows("DELETE FROM stamps WHERE id = 1 RETURNING key")
    told = [what for where, what in found(days) if where in (key, f"time stamp {key}")]
    assert len(told) == 2, "the log and the store both speak of it"


# --- dating back ---------------------------------------------------------------------------------------------


def test_an_event_that_was_dated_back_behind_a_signed_head_is_found(days: Days) -> None:
    [(size,)] = days.rows("SELECT max(seq) FROM custody_events")
    assert isinstance(size, int)
    days.rows(
        f"""INSERT INTO custody_events (seq, at, actor, action, subject, detail, previous, hash, version)
            SELECT {size} + 1, '{noon(BEFORE)}', 'x', 'viewed', 'candidate:1', '{{}}', hash, sha256(hash), 2
              FROM custody_events WHERE seq = {size}"""  # noqa: S608
    )
    where, what = only(days)
    assert where == f"custody event {size + 1}"
    assert "dated back" in what


def test_an_event_that_bears_a_later_time_than_its_stamp_is_found(days: Days) -> None:
    days.rows("UPDATE custody_events SET at = now() + interval '1 hour' WHERE action = 'closed'")
    told = found(days)
    assert len([what for _, what in told if "says that it was there at" in what]) == 1


def test_clocks_may_differ_a_little(days: Days) -> None:
    days.rows("UPDATE custody_events SET at = at + interval '4 minutes' WHERE action = 'closed'")
    assert found(days) == []


# --- OpenTimestamps ------------------------------------------------------------------------------------------


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar() as served:
        yield served


@pytest.fixture
def anchored(
    settings: Settings, stores: Stores, owner: Engine, calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> Days:
    made = Days(settings.model_copy(update={"opentimestamps_calendars": (calendar.url,)}), stores, owner, monkeypatch)
    made.came_in(noon(YESTERDAY), b"one")
    made.run()
    calendar.confirm()
    made.hurry()
    made.run()
    for table in TABLES:
        made.rows(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    return made


def with_headers(days: Days, folder: Path, content: str) -> None:
    path = folder / "headers"
    path.write_text(content)
    days.settings = days.settings.model_copy(update={"opentimestamps_headers": path})


def test_a_proof_is_held_against_the_blocks_that_the_office_has(
    anchored: Days, calendar: Calendar, tmp_path: Path
) -> None:
    assert found(anchored) == []
    with_headers(anchored, tmp_path, calendar.headers())
    assert found(anchored) == []
    height, header = calendar.headers().split()
    with_headers(anchored, tmp_path, f"{height} {header[:80]}{'00' * 8}{header[96:]}\n")
    assert "does not lead to block" in only(anchored)[1]
    with_headers(anchored, tmp_path, f"{height}")
    with pytest.raises(WrongUse, match="LASTSEEN_OPENTIMESTAMPS_HEADERS"):
        found(anchored)


def test_a_block_from_before_the_events_that_it_is_said_to_cover_is_found(
    anchored: Days, calendar: Calendar, tmp_path: Path
) -> None:
    height, header = calendar.headers().split()
    raw = bytes.fromhex(header)
    early = int(noon(TODAY - timedelta(days=30)).timestamp()).to_bytes(4, "little")
    at = opentimestamps.TIME_AT
    with_headers(anchored, tmp_path, f"{height} {(raw[:at] + early + raw[at + 4 :]).hex()}\n")
    assert "says that it was there at" in only(anchored)[1]


def test_a_proof_of_something_else_is_found(anchored: Days) -> None:
    with anchored.stores.db.begin() as db:
        last = stamps.answered(db)[-1].stamp
    proof = opentimestamps.read(anchored.stores.objects.read(EVIDENCE, last.key))
    content = opentimestamps.write(opentimestamps.Proof(bytes(32), proof.node))
    version = _overwritten(anchored, last.key, content)
    sha256 = hashlib.sha256(content).hexdigest()
    anchored.rows(f"UPDATE stamps SET version_id = '{version}', sha256 = '{sha256}' WHERE key = '{last.key}'")  # noqa: S608
    assert "it is not about its statement" in [what for _, what in found(anchored)]
