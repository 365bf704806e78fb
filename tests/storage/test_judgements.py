"""Who may judge what and when, and what it comes to: the rules that the database enforces."""

import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from lastseen.judging import Compared, Comparison, Feature, Said, Stage, Verdict, weigh
from lastseen.roles import Role
from storage import candidates, erasures, judgements, rejections, retention, subjects
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection, Engine
from storage.erasures import Text
from storage.judgements import WORDS, NotAsked
from storage.reviews import Review
from tests.storage.casting import Seen, Video, candidate, person, repost, video
from tests.storage.judged import LIMIT, account, conclude, give, review, standing

FACE = Seen(0, 9000)


@pytest.fixture
def one(db: Engine) -> Iterator[Connection]:
    with db.begin() as connection:
        yield connection


def asked(db: Connection) -> int:
    """A candidate that waits."""
    return candidate(db, video(db, FACE).tracks[0], person(db, "P-1"))


def copied(db: Connection) -> tuple[int, int, tuple[Video, Video]]:
    """Two candidates for one person, in two files of which nobody knows yet that they show one footage."""
    who = person(db, "P-1")
    first, second = video(db, FACE), video(db, FACE)
    return candidate(db, first.tracks[0], who), candidate(db, second.tracks[0], who), (first, second)


def join(db: Connection, videos: tuple[Video, Video]) -> int:
    """Find that two files show one footage."""
    link = repost(db, *videos, (0, 9000), (0, 9000))
    candidates.arrange(db, [videos[0].blob], LIMIT)
    return link


def part(db: Connection, link: int, videos: tuple[Video, Video]) -> None:
    """Find that they do not."""
    db.execute(text("UPDATE repost_links SET withdrawn_at = now(), withdrawn_by = 'x' WHERE id = :id"), {"id": link})
    candidates.arrange(db, [one.blob for one in videos], LIMIT)


def state(db: Connection, candidate: int) -> tuple[str, str | None]:
    """The state, and whose turn it is."""
    found = db.execute(text("SELECT state, due FROM candidates WHERE id = :id"), {"id": candidate}).one()
    return found.state, found.due


def people(db: Connection) -> tuple[User, User, User]:
    """Two analysts and a senior."""
    return account(db, "ada"), account(db, "ben"), account(db, "carol", Role.SENIOR)


def test_the_database_weighs_as_the_code_does(one: Connection) -> None:
    answers = (None, -3, -2, -1, 0, 1, 2, 3)
    stages = {Stage.TRIAGE: 0, Stage.SENIOR: 1}
    given = [
        [Said(who, stage, answer) for who, stage, answer in zip(whose, kinds, said, strict=True)]
        for length, pick in ((0, answers), (1, answers), (2, answers), (3, (None, -2, 0, 2)), (4, (-2, 0, 2)))
        for said in itertools.product(pick, repeat=length)
        for kinds in itertools.product(stages, repeat=length)
        for whose in {(1, 2, 3, 4)[:length], (1, 2, 1, 3)[:length], (1, 1, 2, 2)[:length]}
    ]
    statement = text("SELECT * FROM weighed(CAST(:who AS bigint[]), CAST(:stages AS text[]), CAST(:answers AS int2[]))")
    for said in given:
        values = {"who": [s.reviewer for s in said], "stages": [str(s.stage) for s in said]}
        found = one.execute(statement, {**values, "answers": [s.answer for s in said]}).one()
        assert (found.verdict, found.due) == weigh(said), said
    assert len(given) > 3000


@pytest.mark.parametrize(
    ("answers", "verdict", "ends"),
    [
        ([-2], Verdict.REJECTED, ("rejected", None)),
        ([2], Verdict.OPEN, ("open", "second")),
        ([2, 3], Verdict.SIGHTING, ("sighting", None)),
        ([2, 1], Verdict.OPEN, ("open", "senior")),
        ([None, 0], Verdict.UNDECIDED, ("undecided", None)),
        ([3, -3, 3], Verdict.SIGHTING, ("sighting", None)),
        ([3, -3, 0], Verdict.UNDECIDED, ("undecided", None)),
        ([3, -3, -2], Verdict.REJECTED, ("rejected", None)),
    ],
)
def test_from_the_first_answer_to_the_verdict(
    one: Connection, answers: Sequence[int | None], verdict: Verdict, ends: tuple[str, str | None]
) -> None:
    asks = asked(one)
    for who, answer in zip(people(one), answers, strict=False):
        done = give(one, who, asks, answer)
    assert (done.verdict, done.due) == (verdict, ends[1])
    assert state(one, asks) == ends
    assert [said.answer for said in standing(one, asks)] == answers
    assert judgements.verdicts_of(one, asks)[-1].verdict is verdict
    rejected = [made for made in rejections.listed(one) if made.revoked_at is None]
    assert len(rejected) == (verdict is Verdict.REJECTED)
    told = [entry.action for entry in done.entries]
    assert told == [Action.JUDGED, *[Action.REJECTED] * len(rejected)]


def test_nobody_judges_twice_and_a_disagreement_is_a_seniors(one: Connection) -> None:
    ada, ben, carol = people(one)
    asks = asked(one)
    give(one, ada, asks, 3)
    refused(one, "nobody_judges_twice", ada, asks, 3)
    give(one, ben, asks, 0)
    refused(one, "judged_by_whom_it_takes", account(one, "dora"), asks, 3)
    give(one, carol, asks, -3)
    refused(one, "judged_while_it_is_open", account(one, "dora"), asks, 3)


def refused(
    db: Connection, rule: str, who: User, candidate: int, answer: int, *, supersedes: int | None = None
) -> None:
    """Judging so breaks this rule, and leaves nothing behind."""
    with db.begin_nested() as attempt:
        with pytest.raises(NotAsked, match=WORDS[rule][:20]) as told:
            give(db, who, candidate, answer, supersedes=supersedes)
        assert told.value.rule == rule
        attempt.rollback()


def test_who_is_neither_analyst_nor_senior_does_not_judge(one: Connection) -> None:
    asks = asked(one)
    for role in set(Role) - {Role.ANALYST, Role.SENIOR}:
        refused(one, "judged_by_whom_it_takes", account(one, role, role), asks, -3)


def test_a_difference_that_nothing_explains_excludes(one: Connection) -> None:
    asks, (ada, *_) = asked(one), people(one)
    differs = Compared(Feature.EARS, Comparison.DIFFERENT, "a notch")
    taken = review(one, ada, asks)
    with pytest.raises(NotAsked, match="ear, scar or mark"):
        judgements.judge(one, taken, 1, [differs], "", LIMIT)
    with pytest.raises(NotAsked, match="Why can the two"):
        judgements.judge(one, taken, None, [], "  ", LIMIT)
    with pytest.raises(NotAsked, match="whole number"):
        judgements.judge(one, taken, 4, [], "", LIMIT)
    done = judgements.judge(one, taken, -3, [differs], "", LIMIT)
    kept = judgements.of_candidate(one, asks)[0]
    assert kept.features == {"ears": {"comparison": "different", "note": "a notch", "explained": ""}}
    assert (kept.id, kept.reviewer, kept.stage) == (done.id, "ada", Stage.TRIAGE)
    assert kept.shown["shots"]


def test_who_does_not_look_at_it_does_not_judge_it(one: Connection) -> None:
    asks, other, (ada, *_) = asked(one), candidate(one, video(one, FACE).tracks[0], person(one, "P-2")), people(one)
    elsewhere = review(one, ada, other)
    values = {"review": elsewhere.id, "candidate": asks, "who": ada.id}
    with pytest.raises(IntegrityError, match="judged in a review"), one.begin_nested():
        one.execute(SLIP, values)
    one.execute(text("UPDATE reviews SET ends_at = now()"))
    with pytest.raises(IntegrityError, match="judged in a review"), one.begin_nested():
        one.execute(SLIP, {**values, "candidate": other})


SLIP = text("""
    INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown)
    SELECT :candidate, :review, :who, name, 'triage', 3, '{}', '{}' FROM users WHERE id = :who""")


def test_a_disabled_account_judges_no_more(one: Connection) -> None:
    asks, (ada, *_) = asked(one), people(one)
    taken = review(one, ada, asks)
    one.execute(text("UPDATE users SET disabled_at = now()"))
    with pytest.raises(IntegrityError, match="judged by whom it takes"):
        one.execute(SLIP, {"review": taken.id, "candidate": asks, "who": ada.id})


def test_temporary_tables_that_are_called_like_ours_do_not_get_round_a_rule(one: Connection) -> None:
    asks, dora = asked(one), account(one, "dora", Role.COLLECTOR)
    taken = review(one, dora, asks)
    for statement in (
        "CREATE TEMPORARY TABLE users ON COMMIT DROP AS SELECT * FROM public.users",
        "UPDATE users SET roles = '{analyst}'",
    ):
        one.execute(text(statement))
    with pytest.raises(IntegrityError, match="judged by whom it takes"):
        one.execute(SLIP, {"review": taken.id, "candidate": asks, "who": dora.id})


def test_within_a_minute_a_judgement_is_undone_by_who_gave_it(one: Connection) -> None:
    asks, (ada, ben, _) = asked(one), people(one)
    done = give(one, ada, asks, -3)
    with pytest.raises(NotAsked, match="Only who gave"):
        judgements.undo(one, done.id, ben, LIMIT)
    undone = judgements.undo(one, done.id, ada, LIMIT)
    assert (undone.verdict, undone.due, state(one, asks)) == (Verdict.OPEN, Stage.TRIAGE, ("open", "triage"))
    assert [entry.action for entry in undone.entries] == [Action.JUDGEMENT_UNDONE, Action.REJECTION_REVOKED]
    assert [concluded.verdict for concluded in judgements.verdicts_of(one, asks)] == ["rejected", "open"]
    with pytest.raises(NotAsked, match="nothing to undo"):
        judgements.undo(one, done.id, ada, LIMIT)
    with pytest.raises(NotAsked, match="nothing to undo"):
        judgements.undo(one, 999, ada, LIMIT)
    assert give(one, ada, asks, 3).due is Stage.SECOND, "as if it had never been given"


def test_after_a_minute_it_is_judged_anew(owner: Engine) -> None:
    with owner.begin() as db:
        asks, (ada, *_) = asked(db), people(db)
        first = give(db, ada, asks, -3)
        db.execute(text("ALTER TABLE judgements DISABLE TRIGGER USER"))
        db.execute(text("UPDATE judgements SET judged_at = now() - interval '61 seconds'"))
        with pytest.raises(NotAsked, match="The minute is over"):
            judgements.undo(db, first.id, ada, LIMIT)


def test_a_new_judgement_supersedes_ones_own_and_nobody_elses(one: Connection) -> None:
    asks, (ada, ben, _) = asked(one), people(one)
    first = give(one, ada, asks, -3)
    refused(one, "supersedes_their_own", ben, asks, 3, supersedes=first.id)
    second = give(one, ada, asks, 3, supersedes=first.id)
    assert (second.stage, second.due, state(one, asks)) == (Stage.TRIAGE, Stage.SECOND, ("open", "second"))
    assert [entry.action for entry in second.entries] == [Action.JUDGED, Action.REJECTION_REVOKED]
    refused(one, "supersedes_their_own", ada, asks, 2, supersedes=first.id)
    assert give(one, ben, asks, 3).verdict is Verdict.SIGHTING
    third = give(one, ada, asks, 0, supersedes=second.id)
    assert (third.verdict, third.due, state(one, asks)) == (Verdict.OPEN, Stage.SENIOR, ("open", "senior"))
    judgements.undo(one, third.id, ada, LIMIT)
    assert state(one, asks) == ("sighting", None), "what it replaced stands again"
    assert [said.stands for said in judgements.of_candidate(one, asks)] == [False, True, True, False]


@pytest.mark.parametrize(
    "slip",
    [
        "UPDATE candidates SET state = 'sighting'",
        "UPDATE candidates SET state = 'undecided'",
        "INSERT INTO verdicts (candidate_id, verdict, judgements) SELECT id, 'sighting', '{}' FROM candidates",
        """INSERT INTO verdicts (candidate_id, verdict, judgements)
           SELECT candidate_id, 'sighting', array_agg(id) FROM judgements GROUP BY candidate_id""",
        """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state)
           SELECT track_id, person_id, photo_id, 'other', 0.1, 'sighting' FROM candidates""",
        """INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown)
           SELECT candidate_id, review_id, reviewer_id, reviewer, 'second', 3, '{}', '{}' FROM judgements""",
        """INSERT INTO judgement_undos (judgement_id, reviewer_id, undone_at)
           SELECT judgements.id, users.id, judged_at FROM judgements, users WHERE name = 'ben'""",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_sql_by_hand_cannot_do_otherwise(owner: Engine, slip: str, role: str) -> None:
    with owner.begin() as db:
        asks, (ada, *_) = asked(db), people(db)
        give(db, ada, asks, 3)
        db.execute(text(f"SET session_replication_role = {role}"))
        with pytest.raises(IntegrityError, match="this breaks a rule of judging"), db.begin_nested():
            db.execute(text(slip))
        assert state(db, asks) == ("open", "second")


def test_a_judgement_does_not_count_for_somebody_else(one: Connection) -> None:
    asks, other, (ada, *_) = asked(one), candidate(one, video(one, FACE).tracks[0], person(one, "P-2")), people(one)
    values = {"judgement": give(one, ada, asks, 3).id, "candidate": other}
    with pytest.raises(IntegrityError, match="also judged of one person"):
        one.execute(text("INSERT INTO also_judged VALUES (:judgement, :candidate)"), values)


def test_judgements_count_for_the_question_in_whichever_file_it_is_asked(one: Connection) -> None:
    first, second, videos = copied(one)
    ada, *_ = people(one)
    link = join(one, videos)
    assert (state(one, first), state(one, second)) == (("open", "triage"), ("joined", None))
    give(one, ada, first, 3)
    assert judgements.has_judged(one, ada, second)
    part(one, link, videos)
    assert (state(one, first), state(one, second)) == (("open", "second"), ("open", "triage"))
    assert not judgements.has_judged(one, ada, second)


def test_who_took_it_up_finishes_although_another_copy_has_come_to_ask(one: Connection) -> None:
    first, second, videos = copied(one)
    ada, ben, _ = people(one)
    taken = review(one, ada, second)
    join(one, videos)
    assert state(one, second) == ("joined", None)
    judgements.judge(one, taken, 3, [], "", LIMIT)
    assert (state(one, first), state(one, second)) == (("joined", None), ("open", "second"))
    assert give(one, ben, second, 2).verdict is Verdict.SIGHTING


def test_two_that_were_judged_apart_are_weighed_together_when_they_turn_out_to_be_one(one: Connection) -> None:
    first, second, videos = copied(one)
    ada, ben, _ = people(one)
    give(one, ada, second, 3)
    give(one, ben, first, 3)
    link = join(one, videos)
    assert (state(one, first), state(one, second)) == (("joined", None), ("sighting", None))
    assert [said.reviewer for said in standing(one, second)] == ["ada", "ben"]
    part(one, link, videos)
    assert (state(one, first), state(one, second)) == (("open", "second"), ("open", "second"))


def test_what_one_rejected_and_another_confirmed_elsewhere_is_a_disagreement(one: Connection) -> None:
    first, second, videos = copied(one)
    ada, ben, _ = people(one)
    give(one, ada, first, -3)
    give(one, ben, second, 3)
    assert state(one, first) == ("rejected", None)
    join(one, videos)
    assert (state(one, first), state(one, second)) == (("open", "senior"), ("joined", None))
    assert [made.why for made in rejections.listed(one)] == ["judged anew: judgements 1, 2"]


def test_an_order_sets_the_judgements_aside_that_a_rejection_followed_from(one: Connection) -> None:
    asks, (ada, ben, _) = asked(one), people(one)
    said = give(one, ada, asks, -3)
    (made,) = rejections.listed(one)
    assert (made.rejected_by, made.judgements) == ("ada", [said.id])
    done = rejections.revoke(one, made.id, "a twin", "operator", LIMIT)
    assert done.entries[0].detail == {"reopened": [asks], "set_aside": [said.id]}
    assert state(one, asks) == ("open", "triage")
    assert not standing(one, asks)
    refused(one, "nobody_judges_twice", ada, asks, 3)
    assert give(one, ben, asks, 3).due is Stage.SECOND


def test_an_order_closes_what_waits_for_a_second_person_and_opens_it_as_it_was(one: Connection) -> None:
    asks, (ada, ben, _) = asked(one), people(one)
    give(one, ada, asks, 3)
    ordered = rejections.reject(one, asks, "a known impostor", "operator", LIMIT)
    assert state(one, asks) == ("rejected", None)
    refused(one, "judged_while_it_is_open", ben, asks, 3)
    rejections.revoke(one, ordered.id, "mistaken", "operator", LIMIT)
    assert state(one, asks) == ("open", "second")


def test_a_possible_sighting_stays_when_its_person_is_found_and_what_is_undecided_closes(one: Connection) -> None:
    who = person(one, "P-1")
    sighting, undecided = (candidate(one, video(one, FACE).tracks[0], who) for _ in range(2))
    conclude(one, sighting, 3, 3)
    conclude(one, undecided, 0, 0)
    candidates.withdraw(one, who[0], LIMIT)
    assert (state(one, sighting)[0], state(one, undecided)[0]) == ("sighting", "withdrawn")


def _as_it_is(_: object, kept: Text) -> str:
    return kept.said


def test_what_was_said_goes_with_an_erased_candidate_and_counts_nowhere_any_more(owner: Engine) -> None:
    with owner.begin() as db:
        first, second, videos = copied(db)
        join(db, videos)
        ada, ben, _ = people(db)
        give(db, ada, first, 3)
        give(db, ben, first, 3)
        rejected, elsewhere = (candidate(db, videos[n].tracks[0], person(db, f"R-{n}")) for n in (0, 1))
        for each in (rejected, elsewhere):
            give(db, ada, each, -3)
        number, _ = erasures.ask(db, subjects.parse(f"blob:{videos[0].sha256}"), "r", "o", "anna")
        erasures.confirm(db, number, "bert")
        erasure = erasures.get(db, number)
        assert erasures.take(db, erasure, erasures.plan(db, subjects.parse(erasure.subject)), [], "x", LIMIT, _as_it_is)
        assert state(db, second) == ("open", "triage")
        assert judgements.of_candidate(db, second) == []
        assert [said.candidate for said in rejections.listed(db)] == [elsewhere]
        assert state(db, elsewhere) == ("rejected", None)


@pytest.mark.parametrize(
    ("ends", "goes"),
    [
        *[(ends, False) for ends in ("open", "joined", "undecided", "sighting")],
        *[(ends, True) for ends in ("rejected", "withdrawn", "superseded", "displaced")],
    ],
)
def test_a_face_goes_when_all_its_candidates_are_closed(one: Connection, ends: str, goes: bool) -> None:
    (track,) = video(one, FACE).tracks
    candidate(one, track, person(one, "P-1"), ends)
    candidate(one, track, person(one, "P-2"), "rejected")
    assert retention.forget(one, 0)[0] == ([track] if goes else [])


def test_of_two_second_reviewers_who_answer_at_once_one_is_told(db: Engine) -> None:
    with db.begin() as one:
        asks, (ada, *_) = asked(one), people(one)
        give(one, ada, asks, 3)
        taken = [review_beside(one, account(one, name), asks) for name in ("ben", "dora")]
    start = threading.Barrier(2)

    def answer(mine: int) -> str:
        start.wait()
        try:
            with db.begin() as one:
                return judgements.judge(one, taken[mine], 3, [], "", LIMIT).verdict
        except NotAsked as told:
            return told.rule

    with ThreadPoolExecutor(2) as both:
        assert sorted(both.map(answer, range(2))) == ["judged_while_it_is_open", "sighting"]


def review_beside(db: Connection, who: User, candidate: int) -> Review:
    """A review that somebody has although another goes on: what claims are there to prevent."""
    mine = review(db, who, candidate)
    db.execute(text("UPDATE work SET lease = NULL, ready_at = now()"))
    return mine


def test_who_undoes_while_another_judges_leaves_the_other_standing(db: Engine) -> None:
    with db.begin() as one:
        asks, (ada, ben, _) = asked(one), people(one)
        first = give(one, ada, asks, 3)
        taken = review(one, ben, asks)
    start = threading.Barrier(2)

    def act(who: int) -> None:
        start.wait()
        with db.begin() as one:
            if who:
                judgements.judge(one, taken, 3, [], "", LIMIT)
            else:
                judgements.undo(one, first.id, ada, LIMIT)

    with ThreadPoolExecutor(2) as both:
        list(both.map(act, range(2)))
    with db.begin() as one:
        assert [said.reviewer for said in standing(one, asks)] == ["ben"]
        assert state(one, asks) == ("open", "second")
