"""Figures of a year, whatever the records are: people and not sightings, nothing that came later, parts that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies

from lastseen import yearly
from lastseen.errors import WrongUse
from lastseen.fates import Conflict
from lastseen.records import PersonStatus
from lastseen.yearly import (
    Case,
    Contradicting,
    Fact,
    Facts,
    Found,
    Period,
    Record,
    Sent,
    Stated,
    Tip,
)
from lastseen.yearly_words import BY_CONFLICT, BY_ORIGIN, BY_STATUS, FIGURES, Origin

YEAR = Period.named("2026")
AS_OF = datetime(2027, 3, 1, tzinfo=UTC)
FIRST = datetime(2025, 11, 1, tzinfo=UTC)
ENTRIES = range(1, 7)
SUMMED = (
    *("identified", "sightings", "packages", "captive", "returned", "deceased", "called_dead", "lists", "sent"),
    *("answered", "tips", "tips_taken", "tips_refused"),
)
"""figures of which each record has its one day: months add up to the year"""

moments = strategies.integers(0, 24 * 480 - 1).map(lambda hours: FIRST + timedelta(hours=hours))
"""from before the year until the moment of the records"""
days = moments.map(datetime.date)
entries = strategies.sampled_from(ENTRIES)
numbers = strategies.integers(1, 9)


def many(*kinds: strategies.SearchStrategy[object], most: int = 8) -> strategies.SearchStrategy[list[object]]:
    return strategies.lists(strategies.one_of(*kinds), max_size=most)


sightings = strategies.builds(
    Found,
    entry=entries,
    at=moments,
    origin=strategies.sampled_from([one for one in Origin if one is not Origin.LIST]),
    candidate=strategies.integers(1, 999),
    blob=numbers,
    judgements=strategies.lists(strategies.integers(1, 30), max_size=2).map(tuple),
)
lines = strategies.builds(
    Found,
    entry=entries,
    at=moments,
    origin=strategies.just(Origin.LIST),
    line=strategies.integers(1, 999),
    list=numbers,
)
said = strategies.builds(
    Stated,
    id=strategies.integers(1, 999),
    entry=entries,
    says=strategies.sampled_from(["dead", "captive", "alive"]),
    status=strategies.none() | strategies.sampled_from(PersonStatus),
    day=days,
)
letters = strategies.builds(
    lambda at, ago, **rest: Sent(at=at, day=at.date() - timedelta(days=ago), **rest),
    at=moments,
    ago=strategies.integers(0, 40),
    id=strategies.integers(1, 999),
    answer=strategies.none() | days,
    answered_at=strategies.none() | moments,
    given_up_at=strategies.none() | moments,
    due=strategies.none() | days,
)
cases = strategies.builds(
    Case,
    id=strategies.integers(1, 999),
    opened_at=moments,
    closed_at=strategies.none() | moments,
    shown=numbers,
    accounted=numbers,
)
tips = strategies.builds(
    Tip,
    id=strategies.integers(1, 999),
    at=moments,
    taken_up_at=strategies.none() | moments,
    refused_at=strategies.none() | moments,
)
contradicting = strategies.builds(
    Contradicting, entry=entries, kinds=strategies.dictionaries(strategies.sampled_from(Conflict), numbers, min_size=1)
)
offices = strategies.builds(
    Facts,
    as_of=strategies.just(AS_OF),
    same=strategies.lists(strategies.tuples(entries, entries), max_size=3),
    found=many(sightings, lines, most=20),
    stated=many(said),
    status=strategies.dictionaries(entries, strategies.sampled_from(PersonStatus)),
    contradicting=strategies.lists(contradicting, max_size=4, unique_by=lambda one: one.entry),
    letters=many(letters),
    cases=many(cases),
    tips=many(tips),
    lists=many(strategies.tuples(numbers, moments)),
    packages=many(strategies.tuples(numbers, moments, numbers)),
)
often = settings(max_examples=150, deadline=None, derandomize=True)


def counts(facts: Facts, period: Period = YEAR) -> Mapping[str, int]:
    return {name: yearly.number(counted) for name, counted in yearly.records(period, facts).items()}


def months(of: Period = YEAR) -> Sequence[Period]:
    return [Period.named(f"{first:%Y-%m}") for first, _ in of.parts]


def ids(counted: Sequence[Record]) -> set[int]:
    return {one.id for one in counted}


@often
@given(offices)
def test_people_count_and_not_sightings_nor_entries(facts: Facts) -> None:
    person = yearly.people(facts.same)
    found = yearly.records(YEAR, facts)
    everybody = {person(entry) for entry in ENTRIES}
    for name in ("identified", "added", "listed", "captive", "returned", "deceased", "called_dead", "contradicted"):
        assert ids(found[name]) <= everybody
        assert len(found[name]) == len(ids(found[name]))
    assert counts(facts)["sightings"] <= len([one for one in facts.found if one.candidate])


@often
@given(offices)
def test_whoever_is_identified_once_is_never_identified_again(facts: Facts) -> None:
    periods = [Period.named(year) for year in ("2025", "2026", "2027")]
    met = [one.id for period in periods for one in yearly.records(period, facts)["identified"]]
    person = yearly.people(facts.same)
    assert sorted(met) == sorted({person(one.entry) for one in facts.found})


@often
@given(offices)
def test_parts_add_up_to_their_whole(facts: Facts) -> None:
    told = counts(facts)
    for whole in ("identified", "added"):
        assert sum(told[f"{whole}.{origin}"] for origin in BY_ORIGIN) == told[whole]
        assert sum(told[f"{whole}.{status}"] for status in BY_STATUS) == told[whole]
    kinds = sum(told[f"contradicted.{kind.name.lower()}"] for kind in BY_CONFLICT)
    assert kinds == sum(sum(one.kinds.values()) for one in facts.contradicting)
    assert told["cases_open"] <= told["cases"]
    assert told["overdue"] <= told["awaited"]


@often
@given(offices)
def test_months_add_up_to_the_year_where_each_record_has_one_day(facts: Facts) -> None:
    found = yearly.records(YEAR, facts)
    each = [yearly.records(month, facts) for month in months()]
    for name in SUMMED:
        assert sum(yearly.number(one[name]) for one in each) == yearly.number(found[name]), name
    for name in ("added", "listed"):
        assert set().union(*(ids(one[name]) for one in each)) == ids(found[name]), name
    for name, told in yearly.series(YEAR, found).items():
        assert sum(told) == yearly.number(found[name]), name
        if name in SUMMED:
            assert told == [yearly.number(one[name]) for one in each], name


@often
@given(offices, strategies.lists(strategies.one_of(sightings, lines), max_size=6), strategies.integers(0, 400))
def test_what_was_found_after_the_period_changes_nothing_of_it(facts: Facts, more: list[Found], by: int) -> None:
    later = [replace(one, at=YEAR.ends + timedelta(days=by)) for one in more]
    after = replace(facts, found=[*facts.found, *later])
    assert yearly.records(YEAR, after) == yearly.records(YEAR, facts)


@often
@given(offices, moments)
def test_nothing_counts_on_a_day_after_the_moment_of_the_records(facts: Facts, as_of: datetime) -> None:
    earlier = replace(facts, as_of=as_of)
    for name, counted in yearly.records(YEAR, earlier).items():
        awaited = name in ("cases", "cases_open", "shown", "accounted")  # storage gives only cases that were opened
        assert awaited or all(one.day <= as_of.date() for one in counted), name


@often
@given(offices, strategies.sampled_from(sorted(FIGURES)))
def test_one_figure_is_made_of_what_it_needs_alone(facts: Facts, figure: str) -> None:
    needed = {fact.value: getattr(facts, fact.value) for fact in yearly.needs(figure)}
    assert needed
    alone = Facts(facts.as_of, facts.same, **needed)
    assert yearly.records(YEAR, alone)[figure] == yearly.records(YEAR, facts)[figure]


def test_every_fact_is_needed_by_some_figure() -> None:
    assert frozenset().union(*map(yearly.needs, FIGURES)) == frozenset(Fact)


@pytest.mark.parametrize("name", ["0", "0000", "20266", "99999", "2026-13", "2026-00", "2026-1", "", "x", "9999"])
def test_what_is_no_year_and_no_month_is_refused(name: str) -> None:
    with pytest.raises(WrongUse, match="is no year and no month"):
        Period.named(name)


def test_a_period_ends_where_the_next_begins() -> None:
    assert [month.first for month in months()] == [date(2026, number, 1) for number in range(1, 13)]
    assert months()[-1].after == YEAR.after == date(2027, 1, 1)
    assert len(Period.named("2024-02").parts) == 29
