"""`lastseen candidates`, `reject` and `rejections`, as somebody at an office gives them."""

import pytest
from sqlalchemy import insert

from lastseen.roles import Role
from storage import accounts, custody, tables, tellings
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.review.seeding import Seeded, Story, seed
from tests.storage.judged import account, give


@pytest.fixture
def desk(office: Office, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """At an empty office."""
    return Desk(office, monkeypatch)


@pytest.fixture
def found(office: Office) -> Seeded:
    """One face with two candidates, who are declared to be kin."""
    one = seed(office.stores, Story(number="P-1"))
    other = seed(office.stores, Story(number="P-2", expected_false=None, distance=0.5), at_track=one)
    with office.stores.db.begin() as db:
        values = {"one_person_id": one.person, "other_person_id": other.person, "kind": "kin", "declared_by": "x"}
        db.execute(insert(tables.ties).values(**values))
    return one


def test_candidates_say_what_chance_does_and_who_is_kin(desk: Desk, found: Seeded) -> None:
    first, second = desk.ask("candidates")["candidates"]
    assert (first["person"], first["state"], first["at_seconds"]) == ("P-1", "open", 4.3)
    assert (first["expected_false"], second["expected_false"]) == (pytest.approx(1 / 4180), None)
    assert (first["kin"], first["kin_near"], first["named"]) == (["P-2"], ["P-2"], False)
    told = desk.run("candidates")
    assert "1 in 4,200" in told
    assert "not known" in told
    assert "0.43" not in told


def test_a_rejection_is_made_listed_and_taken_back_and_the_log_says_so(desk: Desk, found: Seeded) -> None:
    with desk.office.stores.db.begin() as db:
        accounts.add_user(db, "bert", "a long password", [Role.ANALYST])
    told = desk.run(
        "reject", str(found.candidate), "--reason", "another nose", "--as", "bert", said="a long password\n"
    )
    assert "1 candidate is closed" in told
    (one,) = desk.ask("rejections")["rejections"]
    assert (one["candidate"], one["person"], one["reason"]) == (found.candidate, "P-1", "another nose")
    assert (one["rejected_by"], one["revoked_at"]) == ("bert", None)
    assert "another nose" in desk.run("rejections", "list")
    again = desk.ask("rejections", "revoke", str(one["id"]), "--reason", "it was the light")
    assert again == {"rejection": one["id"], "reopened": [found.candidate]}
    with desk.office.stores.db.begin() as db:
        assert tellings.was_told(db, account(db, "bert"), found.candidate), "he is not asked about it after his order"
        log = [(event.action, event.subject, event.reason) for event in custody.events(db)]
    assert log[-2:] == [
        ("rejected", f"rejection:{one['id']}", "another nose"),
        ("rejection revoked", f"rejection:{one['id']}", "it was the light"),
    ]


def test_what_two_people_said_is_told_when_both_have_said_it(desk: Desk, found: Seeded) -> None:
    stores, which = desk.office.stores, str(found.candidate)
    with stores.db.begin() as db:
        give(db, account(db, "ada"), found.candidate, 3)
    first = desk.ask("judgements", which)
    assert (first["verdict"], first["due"], first["verdicts"]) == ("open", "second", [])
    assert first["judgements"][0]["reviewer"] == "ada"
    with stores.db.begin() as db:
        bert = accounts.add_user(db, "bert", "a long password", [Role.ANALYST])
    desk.run("judgements", which, "--as", "bert", said="a long password\n")
    with stores.db.begin() as db:
        assert tellings.was_told(db, bert, found.candidate)
    assert "answer" not in first["judgements"][0]
    assert "not told yet" in desk.run("judgements", which)
    assert "open, second" in desk.run("candidates")
    assert desk.ask("sightings") == {"sightings": []}
    with stores.db.begin() as db:
        give(db, account(db, "ben"), found.candidate, 2)
    both = desk.ask("judgements", which)
    assert (both["verdict"], both["due"]) == ("possible sighting", None)
    assert [(one["answer"], one["stands"]) for one in both["judgements"]] == [(3, True), (2, True)]
    (sighting,) = desk.ask("sightings")["sightings"]
    assert (sighting["candidate"], sighting["person"], sighting["handed_over_to"]) == (found.candidate, "P-1", [])
    assert "possible sighting" in desk.run("judgements", which)
    assert "P-1" in desk.run("sightings")
    states = {one["id"]: (one["state"], one["due"]) for one in desk.ask("candidates")["candidates"]}
    assert states[found.candidate] == ("sighting", None)
    assert "two people" in desk.run("reject", which, "--reason", "x", status=2)
    with stores.db.begin() as db:
        assert [event.subject for event in custody.events(db) if event.action == "viewed"] == [f"candidate:{which}"] * 5


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (("judgements", "1"), "there is no candidate 1"),
        (("reject", "1", "--reason", "  "), "--reason is empty"),
        (("reject", "1", "--reason", "x"), "there is no candidate 1"),
        (("rejections", "revoke", "1", "--reason", "x"), "there is no rejection 1"),
        (("reject", "one", "--reason", "x"), "valid integer"),
    ],
)
def test_what_cannot_be_done_is_said(desk: Desk, typed: tuple[str, ...], told: str) -> None:
    assert told in desk.run(*typed, status=2)
