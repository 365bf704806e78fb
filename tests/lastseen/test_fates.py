"""What contradicts what: told from both sides, whatever the order, and nothing that does not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings, strategies

from lastseen.fates import DEATHS, Basis, Claim, Conflict, Contradiction, Side, Sight, contradictions, tally
from lastseen.records import Says

FIRST = date(2026, 2, 1)
SIDE_A, SIDE_B = "side A", "Side  a"
"""one body, written in two ways"""


def day(number: int) -> date:
    return FIRST + timedelta(number)


def claim(says: Says, spoken: int | None, dated: int = 20, body: str = SIDE_A, id_: int = 0) -> Claim:
    return Claim(id_, says, body, day(dated), None if spoken is None else day(spoken))


def kinds(claims: Sequence[Claim], sights: Sequence[Sight] = ()) -> list[Conflict]:
    numbered = [replace(one, id=number) for number, one in enumerate(claims, 1)]
    return [one.kind for one in contradictions(numbered, sights)]


PUBLISHED = Sight(7, day(11), day(14))
UNDATED = Sight(7, None, day(14))
NOWHERE = Sight(7, None, None)

TABLE = [
    ([claim(Says.DEAD, 10)], [PUBLISHED], [Conflict.SEEN_AFTER_DEATH]),
    ([claim(Says.DNA, 10)], [PUBLISHED], [Conflict.SEEN_AFTER_DEATH]),
    ([claim(Says.DEAD, 11)], [PUBLISHED], []),
    ([claim(Says.DEAD, 11)], [UNDATED], [Conflict.SEEN_AFTER_DEATH]),
    ([claim(Says.DEAD, 1)], [NOWHERE], []),
    ([claim(Says.DEAD, None, dated=10)], [PUBLISHED], [Conflict.SEEN_AFTER_DEATH]),
    ([claim(Says.DEAD, None, dated=12)], [PUBLISHED], []),
    ([claim(Says.DEAD, 10), claim(Says.ALIVE, 11)], [], [Conflict.LIVES_AFTER_DEATH]),
    ([claim(Says.DEAD, 10), claim(Says.CAPTIVE, 11)], [], [Conflict.LIVES_AFTER_DEATH]),
    ([claim(Says.DEAD, 10), claim(Says.RETURNED, 11)], [], [Conflict.LIVES_AFTER_DEATH]),
    ([claim(Says.DEAD, 10), claim(Says.CAPTIVE, 9)], [], []),
    ([claim(Says.DEAD, 10), claim(Says.FOUND, 11)], [], []),
    ([claim(Says.CAPTIVE, 5), claim(Says.NOT_HELD, 6, body="side B")], [], [Conflict.HELD_AND_NOT_HELD]),
    ([claim(Says.CAPTIVE, 6), claim(Says.NOT_HELD, 5, body="side B")], [], [Conflict.HELD_AND_NOT_HELD]),
    ([claim(Says.CAPTIVE, 5), claim(Says.NOT_HELD, 6, body=SIDE_B)], [], []),
    (
        [claim(Says.CAPTIVE, 5), claim(Says.NOT_HELD, 9, body="side B"), claim(Says.RETURNED, 7, body="side C")],
        [],
        [],
    ),
    ([claim(Says.NOT_HELD, 10)], [PUBLISHED], [Conflict.SEEN_AFTER_DENIAL]),
    ([claim(Says.NOT_HELD, None, dated=10)], [PUBLISHED, UNDATED], [Conflict.SEEN_AFTER_DENIAL] * 2),
    ([claim(Says.NOT_HELD, 11)], [PUBLISHED, NOWHERE], []),
    ([claim(Says.NOT_HELD, 10), claim(Says.RETURNED, 11)], [PUBLISHED], [Conflict.SEEN_AFTER_DENIAL]),
    ([claim(Says.NOT_HELD, 9), claim(Says.RETURNED, 10)], [PUBLISHED], [Conflict.HELD_AFTER_RETURN]),
    ([claim(Says.RETURNED, 10)], [PUBLISHED], [Conflict.HELD_AFTER_RETURN]),
    ([claim(Says.RETURNED, 11)], [PUBLISHED], []),
    ([claim(Says.RETURNED, 10), claim(Says.CAPTIVE, 11)], [], [Conflict.HELD_AFTER_RETURN]),
    ([claim(Says.RETURNED, 10), claim(Says.CAPTIVE, 10)], [], []),
    ([claim(Says.DEAD, 10), claim(Says.DEAD, 11, body="side B")], [], [Conflict.TWO_DEATHS]),
    ([claim(Says.DEAD, 10), claim(Says.DNA, 11)], [], [Conflict.TWO_DEATHS]),
    ([claim(Says.DEAD, 10), claim(Says.DNA, None)], [], []),
    ([claim(Says.RETURNED, 10), claim(Says.DEAD, None)], [], [Conflict.HOME_AND_DEAD]),
    ([claim(Says.RETURNED, 10), claim(Says.DEAD, 10)], [], [Conflict.HOME_AND_DEAD]),
    ([claim(Says.RETURNED, 10), claim(Says.DEAD, 12)], [], []),
]


@pytest.mark.parametrize(("claims", "sights", "told"), TABLE)
def test_what_contradicts_what(claims: list[Claim], sights: list[Sight], told: list[Conflict]) -> None:
    assert kinds(claims, sights) == told


def test_each_side_says_where_it_stands_and_what_its_day_is() -> None:
    death = claim(Says.DEAD, None, dated=10, id_=3)
    assert contradictions([death], [PUBLISHED, replace(UNDATED, candidate=8)]) == (
        Contradiction(
            Conflict.SEEN_AFTER_DEATH,
            Side(day(10), Basis.DATED, statement=3),
            Side(day(11), Basis.PUBLISHED, candidate=7),
        ),
        Contradiction(
            Conflict.SEEN_AFTER_DEATH,
            Side(day(10), Basis.DATED, statement=3),
            Side(day(14), Basis.FIRST_SEEN, candidate=8),
        ),
    )


# --- whatever is said --------------------------------------------------------------------------------------

days = strategies.integers(0, 12).map(day)
claimed = strategies.lists(
    strategies.builds(
        Claim,
        strategies.integers(1, 10_000),
        strategies.sampled_from(Says),
        strategies.sampled_from([SIDE_A, SIDE_B, "side B", "ministry"]),
        days,
        strategies.none() | days,
    ),
    max_size=8,
    unique_by=lambda one: one.id,
)
sighted = strategies.lists(
    strategies.builds(Sight, strategies.integers(1, 10_000), strategies.none() | days, strategies.none() | days),
    max_size=5,
    unique_by=lambda one: one.candidate,
)
often = settings(max_examples=200, deadline=None, derandomize=True)


@often
@given(claimed, sighted, strategies.randoms())
def test_the_order_in_which_it_was_written_down_says_nothing(claims, sights, shuffled) -> None:  # type: ignore[no-untyped-def]
    told = contradictions(claims, sights)
    shuffled.shuffle(claims)
    shuffled.shuffle(sights)
    assert contradictions(claims, sights) == told
    assert len(set(told)) == len(told)


@often
@given(claimed, sighted)
def test_both_sides_are_what_was_given_and_differ(claims: list[Claim], sights: list[Sight]) -> None:
    given_ = {one.side for one in claims} | {one.side for one in sights}
    for one in contradictions(claims, sights):
        assert {one.one, one.other} <= given_
        assert one.one != one.other


@often
@given(claimed, sighted, strategies.integers(-300, 300))
def test_only_the_order_of_days_counts(claims: list[Claim], sights: list[Sight], by: int) -> None:
    moved = contradictions([_moved(one, by) for one in claims], [_shown(one, by) for one in sights])
    assert list(map(_named, moved)) == list(map(_named, contradictions(claims, sights)))


@often
@given(claimed, sighted, strategies.data())
def test_what_is_withdrawn_takes_with_it_what_names_it_and_nothing_else(claims, sights, data) -> None:  # type: ignore[no-untyped-def]
    told = contradictions(claims, sights)
    gone = data.draw(strategies.sampled_from(claims)) if claims else None
    left = contradictions([one for one in claims if one is not gone], sights)
    named = {one for one in told if gone is not None and gone.id in (one.one.statement, one.other.statement)}
    fresh = set(left) - set(told)  # a return may have explained why somebody is held no more
    assert set(told) - named <= set(left)
    assert not named & set(left)
    assert all(one.kind in (Conflict.HELD_AND_NOT_HELD, Conflict.SEEN_AFTER_DENIAL) for one in fresh)
    assert not fresh or (gone is not None and gone.says is Says.RETURNED)


@often
@given(claimed, sighted)
def test_the_living_of_whom_nobody_says_otherwise_contradict_nothing(claims: list[Claim], sights: list[Sight]) -> None:
    quiet = [one for one in claims if one.says not in {*DEATHS, Says.RETURNED, Says.NOT_HELD}]
    assert contradictions(quiet, sights) == ()


@often
@given(claimed, sighted)
def test_who_is_seen_or_said_to_live_after_a_death_is_always_told(claims: list[Claim], sights: list[Sight]) -> None:
    told = {(one.one.statement, one.other.statement, one.other.candidate) for one in contradictions(claims, sights)}
    for death in (one for one in claims if one.says in DEATHS):
        for sight in sights:
            shown = sight.published or sight.first_seen
            assert ((death.id, 0, sight.candidate) in told) == (shown is not None and shown > death.day)
        for other in (one for one in claims if one.says in (Says.ALIVE, Says.CAPTIVE, Says.RETURNED)):
            assert other.day <= death.day or (death.id, other.id, 0) in told


@often
@given(claimed, sighted)
def test_who_is_seen_after_a_denial_or_a_return_is_always_told(claims: list[Claim], sights: list[Sight]) -> None:
    told = [one for one in contradictions(claims, sights) if one.other.candidate]
    for denial in (one for one in claims if one.says is Says.NOT_HELD):
        for sight in sights:
            shown = sight.published or sight.first_seen
            against = {one.kind for one in told if one.other.candidate == sight.candidate}
            later = shown is not None and shown > denial.day
            assert not later or against & {Conflict.SEEN_AFTER_DENIAL, Conflict.HELD_AFTER_RETURN}


def _named(one: Contradiction) -> tuple[Conflict, int, int, int]:
    return one.kind, one.one.statement, one.other.statement, one.other.candidate


def _moved(one: Claim, by: int) -> Claim:
    shift = timedelta(by)
    return replace(one, dated=one.dated + shift, since=one.since + shift if one.since else None)


def _shown(one: Sight, by: int) -> Sight:
    shift = timedelta(by)
    return replace(
        one,
        published=one.published + shift if one.published else None,
        first_seen=one.first_seen + shift if one.first_seen else None,
    )


@often
@given(claimed, sighted)
def test_counting_them_comes_to_as_many_as_naming_them(claims: list[Claim], sights: list[Sight]) -> None:
    assert tally(claims, sights) == Counter(one.kind for one in contradictions(claims, sights))


@pytest.mark.parametrize(("claims", "sights", "told"), TABLE)
def test_how_many_contradict(claims: list[Claim], sights: list[Sight], told: list[Conflict]) -> None:
    assert tally(claims, sights) == Counter(told)
