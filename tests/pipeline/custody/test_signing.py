"""Heads are signed when the log has grown, once, whoever signs; what was interrupted is brought to its end."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline.custody import signing
from pipeline.custody.signing import CannotSign
from storage import alerts, custody, custody_keys, heads, merkle, notes
from storage.custody import Action, Entry
from storage.custody_keys import NoCustodyKey
from storage.embedded import Endpoints
from storage.merkle import Frontier
from storage.objects import EVIDENCE, ObjectStore, StoreUnavailable
from storage.stores import Stores
from tests.office import Office


def log(stores: Stores, count: int) -> None:
    with stores.db.begin() as db:
        custody.append_all(db, "tester", [Entry(Action.VIEWED, f"candidate:{n}") for n in range(count)])


def objects(stores: Stores) -> list[str]:
    return list(stores.objects.keys(EVIDENCE, "checkpoint/"))


def test_nothing_is_signed_before_anything_is_logged(settings: Settings, stores: Stores) -> None:
    signed = signing.sign(settings, stores)
    assert (signed.head, signed.fresh) == (None, False)
    assert not custody_keys.key_file(settings).exists()


def test_a_head_is_signed_once_and_kept_in_both_places(settings: Settings, stores: Stores) -> None:
    log(stores, 3)
    first = signing.sign(settings, stores)
    assert first.fresh
    assert first.head is not None
    said = first.head.checkpoint
    with stores.db.begin() as db:
        (one, *_, last) = custody.events(db)
        assert heads.notes_by_size(db) == {3: str(first.head.note)}
    assert (said.size, said.chain, said.origin) == (3, last.hash, f"lastseen/{one.hash.hex()[:32]}")
    assert said.at >= last.at
    (stored,) = objects(stores)
    assert stored == f"checkpoint/{said.at:%Y/%m/%d}/000000000003.txt"
    assert stores.objects.read(EVIDENCE, stored).decode() == str(first.head.note)
    assert stores.objects.locked_until(stored) is not None
    again = signing.sign(settings, stores)
    assert (again.head, again.fresh) == (first.head, False)
    log(stores, 2)
    second = signing.sign(settings, stores).head
    assert second is not None
    with stores.db.begin() as db:
        assert second.frontier == Frontier().grown(custody.hashes(db))


def test_the_key_is_a_private_file_and_its_public_half_is_pinned(settings: Settings, stores: Stores) -> None:
    log(stores, 1)
    signing.sign(settings, stores)
    path = custody_keys.key_file(settings)
    assert path == settings.data_dir / "keys" / "custody.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (pinned,) = custody_keys.public_keys(settings)
    assert pinned.public in notes.private_key(path.read_bytes()).public_key().public_bytes_raw()


def test_without_the_key_nothing_is_signed_and_no_other_one_is_made(settings: Settings, stores: Stores) -> None:
    log(stores, 1)
    signing.sign(settings, stores)
    custody_keys.key_file(settings).unlink()
    log(stores, 1)
    with pytest.raises(NoCustodyKey, match="restore it"):
        signing.sign(settings, stores)
    assert not custody_keys.key_file(settings).exists()
    custody_keys.key_file(settings).write_text("nonsense")
    with pytest.raises(NoCustodyKey, match="PEM"):
        signing.sign(settings, stores)


def test_a_key_of_the_offices_own(settings: Settings, stores: Stores) -> None:
    path = settings.data_dir / "own.pem"
    own = settings.model_copy(update={"custody_key_file": path})
    log(stores, 1)
    with pytest.raises(NoCustodyKey, match=r"own\.pem"):
        signing.sign(own, stores)
    path.write_bytes(notes.new_private_key())
    assert signing.sign(own, stores).fresh


def test_the_name_of_the_log_may_be_set_and_changed(settings: Settings, stores: Stores) -> None:
    log(stores, 1)
    signing.sign(settings, stores)
    named = settings.model_copy(update={"log_name": "lastseen/kyiv"})
    assert not signing.sign(named, stores).fresh
    for _ in range(2):
        log(stores, 1)
        head = signing.sign(named, stores).head
        assert head is not None
        assert head.checkpoint.origin == "lastseen/kyiv"
    log(stores, 1)
    with pytest.raises(CannotSign, match="was lastseen/kyiv when it was signed last"):
        signing.sign(settings, stores)


def test_signers_at_the_same_time_sign_once(settings: Settings, stores: Stores) -> None:
    log(stores, 5)
    with ThreadPoolExecutor(6) as pool:
        signed = list(pool.map(lambda _: signing.sign(settings, stores), range(6)))
    assert sum(one.fresh for one in signed) == 1
    assert len(objects(stores)) == 1


def test_a_head_whose_object_was_not_stored_gets_it_later(
    settings: Settings, stores: Stores, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(stores, 1)
    signing.sign(settings, stores)
    log(stores, 1)
    key, secret = endpoints.s3_access_key, endpoints.s3_secret_key
    away = ObjectStore("127.0.0.1:9", key, secret, secure=False, bucket_prefix="nowhere-")
    with pytest.raises(StoreUnavailable):
        signing.sign(settings, Stores(stores.db, away))
    assert signed(stores) == [1], "what the store holds is asked before anything is signed"
    with monkeypatch.context() as going:  # the store goes away between the row and its object
        going.setattr(stores.objects, "put_verified", away.put_verified)
        with pytest.raises(StoreUnavailable):
            signing.sign(settings, stores)
    away.close()
    assert signed(stores) == [1, 2]
    assert len(objects(stores)) == 1
    log(stores, 1)
    signing.sign(settings, stores)
    assert [key[-16:] for key in objects(stores)] == ["000000000001.txt", "000000000002.txt", "000000000003.txt"]


def signed(stores: Stores) -> list[int]:
    with stores.db.begin() as db:
        return sorted(heads.notes_by_size(db))


def test_a_clock_that_ran_ahead_is_told_of(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = utcnow() + timedelta(hours=2)
    with monkeypatch.context() as clock:
        clock.setattr(custody, "utcnow", lambda: ahead)
        log(stores, 1)
    head = signing.sign(settings, stores).head
    assert head is not None
    assert head.checkpoint.at == ahead
    with stores.db.begin() as db:
        assert [alert.kind for alert in alerts.standing(db)] == [alerts.CLOCK]


def test_an_alert_ends_when_its_cause_is_gone(settings: Settings, stores: Stores) -> None:
    log(stores, 2)
    signing.sign(settings, stores)
    log(stores, 1)
    with stores.owner.begin() as db:
        db.execute(text("ALTER TABLE custody_events DISABLE TRIGGER USER"))
        db.execute(text("UPDATE custody_events SET actor = 'x' WHERE seq = 3"))
    with pytest.raises(CannotSign, match="custody event 3: its content"):
        signing.sign(settings, stores)
    with stores.owner.begin() as db:
        db.execute(text("UPDATE custody_events SET actor = 'tester' WHERE seq = 3"))
    assert signing.sign(settings, stores).fresh
    with stores.db.begin() as db:
        assert alerts.standing(db) == []


@pytest.mark.parametrize(
    ("update", "why"),
    [
        ({"custody_public_keys": ("nonsense",)}, "LASTSEEN_CUSTODY_PUBLIC_KEYS"),
        ({"witnesses": ("nonsense http://host",)}, "LASTSEEN_WITNESSES"),
        ({"witnesses": ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",)}, "witness init"),
    ],
)
def test_keys_in_the_settings_that_are_none(settings: Settings, update: dict[str, object], why: str) -> None:
    with pytest.raises(WrongUse, match=why):
        custody_keys.trusted(settings.model_copy(update=update))


def test_inclusion_is_proven_for_any_event(settings: Settings, stores: Stores) -> None:
    log(stores, 13)
    head = signing.sign(settings, stores).head
    assert head is not None
    with stores.db.begin() as db:
        events = list(custody.events(db))
        proofs = heads.proofs(db, 13, [1, 7, 13], []).inclusion
    for number, proof in proofs.items():
        leaf = events[number - 1].hash
        assert merkle.root_of_inclusion(leaf, number - 1, 13, proof) == head.checkpoint.root


def test_a_run_ends_with_a_signed_head(office: Office) -> None:
    log(office.stores, 1)
    office.run("run")
    with office.stores.db.begin() as db:
        head = heads.newest(db)
    assert head is not None
    assert office.ask("custody", "sign")["fresh"] is False
    assert office.ask("verify")["ok"] is True
