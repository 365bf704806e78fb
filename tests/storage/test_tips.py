"""Tips: sealed, taken up once, closed without a trace of their sender, and known to nobody who is asked."""

import hashlib
import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from lastseen.errors import WrongUse
from lastseen.records import Platform
from lastseen.roles import Role
from lastseen.settings import Settings
from storage import alerts, custody, resealing, sealing, sources, tip_finds, tip_limits, tips
from storage.sealing import CannotOpen, Secrets, What
from storage.sources import Asked
from storage.stores import Stores
from storage.tip_limits import Limits, Met
from storage.tips import CameBy, Given, Received, State
from tests.storage.casting import Seen, candidate, person, row, video
from tests.storage.judged import account, conclude

LINK = "https://t.me/News/7"
GIVEN = Given(LINK, 155, "my brother Ivan, the second from the left", "we grew up together", "Olena, +380 00 000", "uk")
BASIS = "decision 7"
OFFICER = "olha"


@pytest.fixture
def secrets() -> Secrets:
    return Secrets(b"k" * 32)


def received(db: Connection, secrets: Secrets, given: Given = GIVEN) -> Received:
    return tips.receive(db, secrets, given, CameBy.FORM, "form")


def taken_up(db: Connection, secrets: Secrets, number: str = "7", given: Given = GIVEN) -> tips.Tip:
    """A tip about an entry."""
    made = received(db, secrets, given)
    tips.take_up(db, made.id, number, "it looks right", OFFICER, BASIS)
    return found(db, made.id)


def found(db: Connection, id_: int) -> tips.Tip:
    tip = tips.find(db, id_)
    assert tip is not None
    return tip


def published(db: Connection, tip: tips.Tip, blob: int) -> int:
    """A post of a tip's source, with these bytes."""
    made = row(
        db,
        "posts",
        source_id=tip.source,
        platform=tip.platform,
        platform_post_id="1001/7",
        permalink=LINK,
        seen="present",
        first_seen_at="2026-11-02T00:00:00Z",
        last_seen_at="2026-11-02T00:00:00Z",
    )
    row(db, "media_items", post_id=made, ordinal=0, kind="video", address=f"{LINK}/0", blob_id=blob)
    return made


# --- coming in ---------------------------------------------------------------------------------------------


def test_what_is_sealed_is_in_no_row_of_its_own(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        made = received(one, secrets)
        custody.append_all(one, "form", [made.entry])
        tables = one.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars()
        rows = [one.execute(text(f'SELECT * FROM "{name}"')).all() for name in tables]  # noqa: S608  our own names
        held = json.dumps([str(line) for found in rows for line in found])
    for secret in ("Ivan", "grew up", "Olena", "+380", made.code, made.code.replace("-", "")):
        assert secret not in held, secret
    with db.begin() as one:
        opened = tips.open_contact(one, secrets, made.id)
        assert opened is not None
        assert asdict(opened[0]) == {"whom": GIVEN.whom, "how": GIVEN.how, "contact": GIVEN.contact}
        assert (opened[1].action, opened[1].subject) == (custody.Action.CONTACT_OPENED, f"tip:{made.id}")


def test_a_row_that_is_copied_over_another_does_not_open(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        first, other = received(one, secrets), received(one, secrets)
        one.execute(
            text(
                "UPDATE tip_contacts SET sealed = (SELECT sealed FROM tip_contacts WHERE tip_id = :a) WHERE tip_id = :b"
            ),
            {"a": first.id, "b": other.id},
        )
        with pytest.raises(CannotOpen):
            tips.open_contact(one, secrets, other.id)


def test_contacts_are_sealed_again_with_a_new_key(stores: Stores, settings: Settings) -> None:
    with stores.db.begin() as one:
        made = received(one, sealing.secrets(settings))
    before = sealing.ring(settings, What.SECRETS).ids[0]
    sealing.new_key(settings, What.SECRETS)
    ring = sealing.ring(settings, What.SECRETS)
    assert ring.ids[0] != before
    assert sum(batch.again for batch in resealing.seal_again(stores.db, What.SECRETS, ring, "test")) == 1
    with stores.db.begin() as one:
        assert resealing.held(one, What.SECRETS, ring) == {ring.ids[0]: 1}
        opened = tips.open_contact(one, sealing.secrets(settings), made.id)
    assert opened is not None
    assert opened[0].contact == GIVEN.contact


@pytest.mark.parametrize("field", ["address", "whom", "contact"])
def test_what_lacks_is_said(db: Engine, secrets: Secrets, field: str) -> None:
    changed = {field: "  "}
    with db.begin() as one, pytest.raises(WrongUse):
        received(one, secrets, Given(**{**asdict(GIVEN), **changed}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("whom", "a" * 2001), ("contact", "a\0b"), ("address", "a" * 2049), ("language", "Olena, +380")],
)
def test_what_cannot_be_kept_is_refused(db: Engine, secrets: Secrets, field: str, value: str) -> None:
    with db.begin() as one, pytest.raises(WrongUse):
        received(one, secrets, Given(**{**asdict(GIVEN), field: value}))


def test_a_link_that_cannot_be_read_is_kept_and_says_so(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        tip = found(one, received(one, secrets, replace(GIVEN, address="https://t.me/c/77/8")).id)
        assert (tip.platform, tip.link, tip.address) == (None, "", "https://t.me/c/77/8")
        assert "private" in tips.why_unread(tip)
        person(one, "7", "Ivan")
        tips.take_up(one, tip.id, "7", "the wife called", OFFICER, BASIS)
        assert found(one, tip.id).source is None
        assert sources.every(one) == []


def test_the_same_link_is_seen_however_it_is_written(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        first = received(one, secrets)
        other = found(one, received(one, secrets, replace(GIVEN, address="t.me/s/news/7?single")).id)
        received(one, secrets, replace(GIVEN, address="https://t.me/news/8"))
        assert tips.same_link(one, other) == [first.id]
        assert other.others == 1


# --- what its sender may know ------------------------------------------------------------------------------


def test_the_state_says_how_far_it_is_and_never_what_was_found(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        person(one, "7", "Ivan")
        made = received(one, secrets)
        assert tips.by_code(one, "AAAA-AAAA") is None
        states = []
        for step in (
            lambda: None,
            lambda: tips.take_up(one, made.id, "7", "why", OFFICER, BASIS),
            lambda: tips.note(one, made.id, "he is in it", OFFICER),
            lambda: tips.move(one, made.id, State.TO_BE_TOLD, "on Monday", OFFICER),
            lambda: tips.move(one, made.id, State.CLOSED, "told", OFFICER),
        ):
            step()
            shown = tips.by_code(one, f" {made.code.lower().replace('o', '0').replace('i', '1')} ")
            assert shown is not None
            states.append(shown.state)
    assert states == [State.RECEIVED, State.TAKEN_UP, State.TAKEN_UP, State.TO_BE_TOLD, State.CLOSED]


# --- what officers do --------------------------------------------------------------------------------------


def test_taken_up_its_post_alone_is_a_source_with_the_tip_as_reason(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        person(one, "7", "Ivan")
        tip = taken_up(one, secrets)
        (source,) = sources.every(one)
    assert (tip.state, tip.source) == (State.TAKEN_UP, source.id)
    assert (source.platform, source.address, source.single) == (Platform.TELEGRAM, "@news/7", True)
    assert source.reason == f"tip {tip.id}"


def test_nothing_is_on_the_list_of_sources_before(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        made = received(one, secrets)
        tips.move(one, made.id, State.REFUSED, "nobody of ours", OFFICER)
        assert sources.every(one) == []


def test_a_page_that_an_office_watches_later_is_read_as_a_whole(db: Engine, secrets: Secrets) -> None:
    given = replace(GIVEN, address="https://video.example/list")
    with db.begin() as one:
        person(one, "7", "Ivan")
        tip = taken_up(one, secrets, given=given)
        added = sources.add(one, Platform.VIDEO_SITE, given.address, "news", BASIS, "ann")
        assert (added.new, added.source.id, added.source.single) == (False, tip.source, False)
        assert added.source.reason == f"tip {tip.id}; news (ann)"
        again = sources.add(one, Platform.VIDEO_SITE, given.address, "a tip", BASIS, "olha", Asked(single=True))
        assert not again.source.single, "a tip does not narrow what is watched"


@pytest.mark.parametrize("number", ["", "nobody"])
def test_it_is_about_somebody_of_the_register(db: Engine, secrets: Secrets, number: str) -> None:
    with db.begin() as one:
        made = received(one, secrets)
        with pytest.raises(WrongUse, match="no entry"):
            tips.take_up(one, made.id, number, "why", OFFICER, BASIS)


def test_each_is_taken_up_once_and_with_a_reason_and_a_basis(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        person(one, "7", "Ivan")
        made = received(one, secrets)
        with pytest.raises(WrongUse, match="why"):
            tips.take_up(one, made.id, "7", " ", OFFICER, BASIS)
        with pytest.raises(WrongUse, match="legal basis"):
            tips.take_up(one, made.id, "7", "why", OFFICER, "")
    with db.begin() as one:
        tips.take_up(one, made.id, "7", "why", OFFICER, BASIS)
        with pytest.raises(WrongUse, match="before"):
            tips.take_up(one, made.id, "7", "why", OFFICER, BASIS)
        with pytest.raises(WrongUse, match="close it"):
            tips.move(one, made.id, State.REFUSED, "why", OFFICER)


@pytest.mark.parametrize("to", [State.REFUSED, State.CLOSED])
def test_with_its_end_the_contact_goes(db: Engine, secrets: Secrets, to: State) -> None:
    with db.begin() as one:
        made = received(one, secrets)
        moved, removed = tips.move(one, made.id, to, "the reason names Ivan", OFFICER)
        assert tips.open_contact(one, secrets, made.id) is None
        assert not found(one, made.id).has_contact
    assert removed.action == custody.Action.CONTACT_REMOVED
    assert "Ivan" not in str(moved), "the log has no words of people"


def test_contacts_go_after_their_days(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        made = received(one, secrets)
    with db.begin() as one:
        assert tips.expire(one, 1) == []
        assert found(one, made.id).has_contact
        assert [entry.subject for entry in tips.expire(one, 0)] == [f"tip:{made.id}"]
        assert not found(one, made.id).has_contact


# --- who knows is not asked --------------------------------------------------------------------------------


def test_who_has_read_a_tip_is_not_asked_whatever_is_found_later(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        officer = account(one, "olha", Role.CASE_OFFICER, Role.ANALYST)
        ivan, petro = person(one, "7", "Ivan"), person(one, "8", "Petro")
        tip = taken_up(one, secrets)
        tip_finds.read(one, officer, tip)
    with db.begin() as one:
        made = video(one, Seen(0, 2000))
        published(one, tip, made.blob)
        his, waits = candidate(one, made.tracks[0], ivan), candidate(one, made.tracks[0], petro)
        assert one.execute(text("SELECT was_told(:u, :c)"), {"u": officer.id, "c": his}).scalar(), "it is about him"
        assert not one.execute(text("SELECT was_told(:u, :c)"), {"u": officer.id, "c": waits}).scalar()
        tip_finds.tell_readers(one, list(made.tracks))
        assert one.execute(text("SELECT was_told(:u, :c)"), {"u": officer.id, "c": waits}).scalar()
        other = account(one, "ada")
        assert not one.execute(text("SELECT was_told(:u, :c)"), {"u": other.id, "c": waits}).scalar()


def test_what_came_of_it_and_who_pointed_to_it(db: Engine, secrets: Secrets) -> None:
    with db.begin() as one:
        ivan, other = person(one, "7", "Ivan"), person(one, "8", "Petro")
        tip = taken_up(one, secrets)
        made = video(one, Seen(0, 2000), Seen(3000, 4000))
        published(one, tip, made.blob)
        his, strangers = candidate(one, made.tracks[0], ivan), candidate(one, made.tracks[1], other)
        conclude(one, his, 2, 3)
        finds = tip_finds.of_tip(one, tip)
        assert (finds.faces, finds.candidates, finds.sightings) == (2, {"sighting": 1}, [his])
        assert [pointed.id for pointed in tip_finds.pointing_to(one, his)] == [tip.id]
        assert tip_finds.pointing_to(one, strangers) == []
        tips.say_about(one, tip.id, "8", OFFICER)
        assert [pointed.id for pointed in tip_finds.pointing_to(one, strangers)] == [tip.id]
        assert tip_finds.pointing_to(one, his) == []


# --- floods ------------------------------------------------------------------------------------------------


def test_an_address_waits_for_an_hour_at_most_and_others_do_not(db: Engine, secrets: Secrets) -> None:
    limits = Limits(of_an_address=3, a_day=100)
    with db.begin() as one:
        assert [tip_limits.take(one, secrets, "192.0.2.7", limits) for _ in range(3)] == [None] * 3
        wait = tip_limits.take(one, secrets, "192.0.2.7", limits)
        assert wait is not None
        assert (wait.met, 0 < wait.seconds <= 3600) == (Met.ADDRESS, True)
        assert tip_limits.take(one, secrets, "192.0.2.8", limits) is None
        one.execute(text("UPDATE tip_counts SET since = since - interval '1 hour' WHERE what LIKE 'from %'"))
        assert tip_limits.take(one, secrets, "192.0.2.7", limits) is None
        assert "192.0.2" not in str(one.execute(text("SELECT what FROM tip_counts")).all())
        met = tip_limits.lately(one)
        assert (met[Met.RECEIVED], met[Met.ADDRESS]) == (5, 1)


def test_a_flood_is_turned_away_counted_and_told(db: Engine, secrets: Secrets) -> None:
    limits = Limits(of_an_address=3, a_day=10)
    with db.begin() as one:
        took = [tip_limits.take(one, secrets, f"192.0.2.{number}", limits) for number in range(15)]
        assert [wait.met for wait in took if wait] == [Met.DAY] * 5
        (alert,) = alerts.standing(one)
        assert (alert.kind, alert.subject) == (alerts.TIP_FLOOD, "tips")
        assert "10 tips came in today" in alert.said
        assert tip_limits.lately(one)[Met.RECEIVED] == 10


def test_hashes_of_addresses_are_forgotten(db: Engine, secrets: Secrets) -> None:
    limits = Limits(of_an_address=3, a_day=10)
    with db.begin() as one:
        tip_limits.take(one, secrets, "192.0.2.1", limits)
        one.execute(text("UPDATE tip_counts SET since = since - CAST(:much AS interval)"), {"much": timedelta(days=3)})
        tip_limits.take(one, secrets, "192.0.2.2", limits)
        assert one.execute(text("SELECT count(*) FROM tip_counts WHERE what LIKE 'from %'")).scalar() == 1
        assert tip_limits.lately(one)[Met.RECEIVED] == 2, "what came in that day is still counted"


def test_whoever_has_the_database_alone_finds_no_address_by_hashing_all(db: Engine, secrets: Secrets) -> None:
    limits = Limits(of_an_address=3, a_day=10)
    address = "192.0.2.1"
    with db.begin() as one:
        tip_limits.take(one, secrets, address, limits)
        (kept,) = one.execute(text("SELECT what FROM tip_counts WHERE what LIKE 'from %'")).scalars()
        tip_limits.take(one, Secrets(b"o" * 32), address, limits)
        assert len(one.execute(text("SELECT what FROM tip_counts WHERE what LIKE 'from %'")).all()) == 2, "by the key"
    guessed = [f"{before}{address}" for before in ("", "address\0", "from ")]
    assert kept.removeprefix("from ") not in [hashlib.sha256(guess.encode()).hexdigest() for guess in guessed]
