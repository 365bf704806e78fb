"""What somebody with the password of the database's owner makes of who answered what, and whether it is found."""

import pytest

from lastseen.judging import Compared, Comparison, Feature
from storage import answered, custody, erased, judgements, rejections
from storage.accounts import User
from storage.custody import Action, Incident
from storage.stores import Stores
from storage.verification import verify
from tests.storage.casting import Seen, candidate, person, video
from tests.storage.judged import LIMIT, account, give
from tests.storage.owning import change_as_owner

ATTACKED = ("judgements", "judgement_undos", "verdicts", "reviews", "rejections")
EYES = Compared(Feature.EYES, Comparison.SIMILAR, "the left one")


@pytest.fixture
def office(stores: Stores) -> Stores:
    """Ada said yes, Ben no; Carol has an account, and said nothing.  Of another face Ada took her answer back."""
    with stores.db.begin() as db:
        faces = [video(db, Seen(0, 2000)).tracks[0] for _ in range(2)]
        one, other = (candidate(db, face, person(db, number)) for face, number in zip(faces, "AB", strict=True))
        ada, ben = account(db, "ada"), account(db, "ben")
        account(db, "carol")
    for who, answer in ((ada, 3), (ben, -2)):
        said(stores, who, one, answer)
    given = said(stores, ada, other, 2)
    with stores.db.begin() as db:
        custody.append_all(db, "ada", judgements.undo(db, given, ada, LIMIT).entries)
    return stores


def said(stores: Stores, who: User, about: int, answer: int) -> int:
    """Somebody answers, as on the pages; the judgement's row id."""
    with stores.db.begin() as db:
        given = give(db, who, about, answer, [EYES])
        custody.append_all(db, who.name, given.entries)
    return given.id


def found(stores: Stores, *statements: str) -> list[Incident]:
    """Do as an owner of the database could, then look."""
    change_as_owner(stores.owner, ATTACKED, statements)
    with stores.db.begin() as db:
        return list(answered.check(db, erased.read(db)))


def test_what_was_answered_stands(office: Stores) -> None:
    assert found(office) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("answer = 2", ["answer", "content"]),
        ("stage = 'triage'", ["stage"]),
        ("candidate_id = 2", ["candidate"]),
        ("reviewer = 'carol'", ["account"]),
        ("reviewer_id = (SELECT id FROM users WHERE name = 'carol')", ["account"]),
        ("judged_at = judged_at - interval '2 hours'", ["time"]),
        ("reason = 'the same scar'", ["content"]),
        ("features = '{}'", ["content"]),
        ("shown = jsonb_set(shown, '{photos}', '[\"another\"]')", ["content"]),
        ("supersedes = 1", ["supersedes"]),
    ],
)
def test_an_answer_that_was_changed_is_named(office: Stores, change: str, what: list[str]) -> None:
    told = found(office, f"UPDATE judgements SET {change} WHERE id = 2")  # noqa: S608  our own words
    of_this = [one.what for one in told if one.where == "judgement 2"]
    assert of_this == [f"its row says another {name} than custody event 2" for name in what]


def test_a_no_made_a_yes_is_found_with_what_it_would_come_to(office: Stores) -> None:
    incidents = found(office, "UPDATE judgements SET answer = 2 WHERE id = 2")
    assert Incident("its newest verdict is open, and its judgements come to sighting", "candidate 1") in incidents
    report = verify(office.db, office.objects)
    assert set(incidents) <= set(report.incidents)


def test_an_answer_that_nobody_gave_is_found(office: Stores) -> None:
    names = "candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown"
    hers = "candidate_id, review_id, users.id, users.name, 'senior', 3, features, shown"
    where = "judgements, users WHERE judgements.id = 1 AND users.name = 'carol'"
    copied = f"INSERT INTO judgements ({names}) SELECT {hers} FROM {where}"  # noqa: S608  our own words
    incidents = found(office, copied)
    assert Incident("the custody log does not say that it was given", "judgement 4") in incidents


def test_an_answer_that_was_taken_away_is_found_unless_an_order_may_have_taken_it(office: Stores) -> None:
    gone = Incident("it was given, says custody event 2, and its row is gone", "judgement 2")
    assert gone in found(office, "DELETE FROM judgements WHERE id = 2")
    with office.db.begin() as db:
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"erasure": 1})
    assert gone not in found(office)


def test_an_order_that_takes_a_name_out_of_a_reason_hides_no_other_change(office: Stores) -> None:
    with office.db.begin() as db:
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"erasure": 1})
    assert found(office, "UPDATE judgements SET reason = '[erased]' WHERE id = 2") == []
    told = found(office, "UPDATE judgements SET answer = -3 WHERE id = 2")
    assert told == [Incident("its row says another answer than custody event 2", "judgement 2")]


def test_an_order_is_believed_to_have_done_what_its_event_says_and_nothing_else(office: Stores) -> None:
    found(office, "UPDATE judgements SET reason = '[erased]' WHERE id = 2")
    did = {"took": {"judgements": "1", "judgement_undos": "3"}}
    with office.db.begin() as db:
        reworded = erased.contents(db, {"judgements": [2]})
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"erasure": 1, **did, "reworded": reworded})
    told = found(office, "DELETE FROM judgements WHERE id = 1", "DELETE FROM judgement_undos")
    assert [one for one in told if not one.where.startswith("candidate")] == []
    told = found(office, "UPDATE judgements SET reason = '[erased], and more' WHERE id IN (2, 3)")
    assert Incident("its row says another content than custody event 2", "judgement 2") in told
    assert Incident("its row says another content than custody event 3", "judgement 3") in told
    told = found(office, "DELETE FROM judgements WHERE id IN (2, 3)")
    assert [one.where for one in told if one.what.endswith("its row is gone")] == ["judgement 2", "judgement 3"]


def test_taking_back_is_bound_as_well(office: Stores) -> None:
    assert Incident("it was taken back, says custody event 4, and its row is gone", "judgement 3") in found(
        office, "DELETE FROM judgement_undos"
    )
    back = "INSERT INTO judgement_undos (judgement_id, reviewer_id) SELECT id, reviewer_id FROM judgements WHERE id IN"
    assert Incident("the custody log does not say that it was taken back", "judgement 2") in found(
        office, f"{back} (2, 3)"
    )
    carol = "UPDATE judgement_undos SET reviewer_id = (SELECT id FROM users WHERE name = 'carol')"
    told = "its row says another account than custody event 4"
    assert Incident(told, "judgement 3") in found(office, carol)


def test_a_verdict_that_nobody_reached_is_found(office: Stores) -> None:
    reached = "INSERT INTO verdicts (candidate_id, verdict, judgements) VALUES (2, 'sighting', '{1,2}')"
    told = "its newest verdict is sighting, and its judgements come to open"
    assert found(office, reached) == [Incident(told, "candidate 2")]


@pytest.fixture
def refused(office: Stores) -> Stores:
    """Somebody gave the order that a third face is not its person; of a fourth it was judged."""
    with office.db.begin() as db:
        faces = [video(db, Seen(0, 2000)).tracks[0] for _ in range(2)]
        one, other = (candidate(db, face, person(db, number)) for face, number in zip(faces, "CD", strict=True))
        custody.append_all(db, "senior", rejections.reject(db, one, "another nose", "senior", LIMIT).entries)
        ada = account(db, "ada")
    said(office, ada, other, -3)
    return office


def test_rejections_stand(refused: Stores) -> None:
    assert found(refused) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("rejected_by = 'carol'", "another account"),
        ("person_id = 1", "another person"),
        ("track_id = 1", "another face"),
        ("blob_id = 1", "another face"),
        ("reason = 'another ear'", "another reason"),
    ],
)
def test_a_rejection_that_was_changed_is_named(refused: Stores, change: str, what: str) -> None:
    told = found(refused, f"UPDATE rejections SET {change} WHERE id = 1")  # noqa: S608  our own words
    assert [one.what.partition(" than ")[0] for one in told if one.where == "rejection 1"] == [f"its row says {what}"]


def test_a_rejection_that_hides_a_face_and_nobody_gave_is_found(refused: Stores) -> None:
    columns = "person_id, blob_id, track_id, reason, rejected_by"
    one = "SELECT person_id, blob_id, track_id, '', 'ada' FROM candidates, tracks, analyses"
    joined = "candidates.id = 1 AND tracks.id = track_id AND analyses.id = analysis_id"
    told = found(refused, f"INSERT INTO rejections ({columns}) {one} WHERE {joined}")
    assert told == [Incident("the custody log does not say that it was given", "rejection 3")]
    told = found(refused, "UPDATE rejections SET verdict_id = 1 WHERE id = 3")
    assert told == [Incident("the verdict that it is said to follow from does not say so", "rejection 3")]
    assert [one.where for one in found(refused, "DELETE FROM rejections WHERE id IN (1, 3)")] == ["rejection 1"]


def test_of_rejections_an_order_took_those_that_its_event_names(refused: Stores) -> None:
    with refused.db.begin() as db:
        custody.append(db, "carol", Action.ERASED, "erasure:1", {"took": {"rejections": "7"}, "reworded": {}})
    (one,) = found(refused, "UPDATE rejections SET reason = '[erased]' WHERE id = 1")
    assert (one.what.partition(" than ")[0], one.where) == ("its row says another reason", "rejection 1")
    assert [one.where for one in found(refused, "DELETE FROM rejections WHERE id = 1")] == ["rejection 1"]
