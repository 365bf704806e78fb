"""What contradicts what, among all that stands of one person: found and shown, never resolved.

A day is that of which a statement speaks; where it names none, the day of its document, which is the last that it can
speak of.  A recording has the day of its first publication, or else on which this office saw it first: it was filmed
then, or any time before.  So "seen after" never proves that somebody lived; it says which two things people have to
hold against each other.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import combinations, product
from typing import Final

from lastseen.records import Says

DEATHS: Final = frozenset({Says.DEAD, Says.DNA})
LIVES: Final = frozenset({Says.ALIVE, Says.CAPTIVE, Says.RETURNED})
"""what is only said of the living"""


class Conflict(StrEnum):
    """How two sides contradict each other."""

    SEEN_AFTER_DEATH = "seen after a claimed death"
    LIVES_AFTER_DEATH = "said to live after a claimed death"
    HELD_AND_NOT_HELD = "held by one account, not held by another"
    SEEN_AFTER_DENIAL = "seen after it was denied that they are held"
    HELD_AFTER_RETURN = "held or seen after a return"
    TWO_DEATHS = "two days of death"
    HOME_AND_DEAD = "home and dead"


class Basis(StrEnum):
    """What the day of a side is."""

    SPOKEN_OF = "spoken of"
    """the statement says so"""
    DATED = "dated"
    """of the document: it speaks of that day, or of an earlier one"""
    PUBLISHED = "published"
    """filmed on that day, or any time before"""
    FIRST_SEEN = "first seen"
    """no site says when it was published: filmed on that day, or any time before"""


@dataclass(frozen=True, slots=True, order=True)
class Side:
    """One of two that contradict each other."""

    day: date
    basis: Basis
    statement: int = 0
    """row id; 0: it is a possible sighting"""
    candidate: int = 0
    """row id of the possible sighting; 0: it is a statement"""


@dataclass(frozen=True, slots=True, order=True)
class Contradiction:
    """Two things that cannot both be so, or that people have at least to hold against each other."""

    kind: Conflict
    one: Side
    """the death, the return, who says that somebody is held, or denied it before; of two alike the earlier"""
    other: Side


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that stands, as far as it can contradict anything."""

    id: int
    says: Says
    body: str
    """who says so"""
    dated: date
    since: date | None
    """the day that it speaks of; None: it names none"""

    @property
    def side(self) -> Side:
        """Where it stands in time."""
        if self.since is None:
            return Side(self.dated, Basis.DATED, statement=self.id)
        return Side(self.since, Basis.SPOKEN_OF, statement=self.id)

    @property
    def day(self) -> date:
        """Of which it speaks, at the latest."""
        return self.since or self.dated


@dataclass(frozen=True, slots=True)
class Sight:
    """A possible sighting that stands."""

    candidate: int
    published: date | None
    """the earliest day that a platform says"""
    first_seen: date | None
    """on which this office saw it first; None: no post is known"""

    @property
    def side(self) -> Side | None:
        """Where it stands in time; None: nobody knows when it was published, or seen first."""
        if self.published is not None:
            return Side(self.published, Basis.PUBLISHED, candidate=self.candidate)
        return Side(self.first_seen, Basis.FIRST_SEEN, candidate=self.candidate) if self.first_seen else None


def contradictions(claims: Sequence[Claim], sights: Iterable[Sight]) -> tuple[Contradiction, ...]:
    """Everything in which one person's statements and possible sightings contradict each other, in a fixed order.

    Give only what stands.  Each pair is told once of each kind.
    """
    seen = [side for sight in sights if (side := sight.side) is not None]
    deaths = [claim for claim in claims if claim.says in DEATHS]
    returns = [claim for claim in claims if claim.says is Says.RETURNED]
    found = [
        *_seen_after(Conflict.SEEN_AFTER_DEATH, deaths, seen),
        *_said_after(Conflict.LIVES_AFTER_DEATH, deaths, [claim for claim in claims if claim.says in LIVES]),
        *_held_and_not(claims, returns),
        *_seen_after_denial(claims, seen, returns),
        *_seen_after(Conflict.HELD_AFTER_RETURN, returns, seen),
        *_said_after(Conflict.HELD_AFTER_RETURN, returns, [one for one in claims if one.says is Says.CAPTIVE]),
        *_two_deaths(deaths),
        *_home_and_dead(returns, deaths),
    ]
    return tuple(sorted(found))


def _seen_after(kind: Conflict, ends: Iterable[Claim], seen: Sequence[Side]) -> Iterator[Contradiction]:
    return (Contradiction(kind, end.side, side) for end, side in product(ends, seen) if side.day > end.day)


def _said_after(kind: Conflict, ends: Iterable[Claim], said: Sequence[Claim]) -> Iterator[Contradiction]:
    return (Contradiction(kind, end.side, one.side) for end, one in product(ends, said) if one.day > end.day)


def _held_and_not(claims: Iterable[Claim], returns: Sequence[Claim]) -> Iterator[Contradiction]:
    """One body says that somebody is held, another denies it; not if they came home between the two days."""
    held = [claim for claim in claims if claim.says is Says.CAPTIVE]
    denied = [claim for claim in claims if claim.says is Says.NOT_HELD]
    for one, other in product(held, denied):
        home = any(one.day <= back.day <= other.day for back in returns)
        if _who(one) != _who(other) and not home:
            yield Contradiction(Conflict.HELD_AND_NOT_HELD, one.side, other.side)


def _seen_after_denial(
    claims: Iterable[Claim], seen: Sequence[Side], returns: Sequence[Claim]
) -> Iterator[Contradiction]:
    """A body denies that somebody is held, and they are seen later; what is seen after a return is told as that."""
    denied = [claim for claim in claims if claim.says is Says.NOT_HELD]
    before = [side for side in seen if not any(back.day < side.day for back in returns)]
    return _seen_after(Conflict.SEEN_AFTER_DENIAL, denied, before)


def _two_deaths(deaths: Iterable[Claim]) -> Iterator[Contradiction]:
    """Only of days that are spoken of: the date of a document is no day of death."""
    dated = [claim for claim in deaths if claim.since is not None]
    for one, other in combinations(dated, 2):
        if one.since != other.since:
            yield Contradiction(Conflict.TWO_DEATHS, *sorted((one.side, other.side)))


def _home_and_dead(returns: Iterable[Claim], deaths: Sequence[Claim]) -> Iterator[Contradiction]:
    """Not a death before the return, which is told as such; nor one of which is said that it was later."""
    for back, death in product(returns, deaths):
        if back.day <= death.day and (death.since is None or death.since == back.day):
            yield Contradiction(Conflict.HOME_AND_DEAD, back.side, death.side)


def _who(claim: Claim) -> str:
    """A body, whatever its capitals and blanks."""
    return " ".join(claim.body.split()).casefold()


# --- how many ----------------------------------------------------------------------------------------------


def tally(claims: Sequence[Claim], sights: Iterable[Sight]) -> Counter[Conflict]:
    """How many of each kind `contradictions` finds, without naming them: of n by sorting, not of n times n.

    Somebody of whom a hundred papers speak has thousands of pairs.
    """
    seen = sorted(side.day for sight in sights if (side := sight.side) is not None)
    deaths = [claim for claim in claims if claim.says in DEATHS]
    returns = sorted(claim.day for claim in claims if claim.says is Says.RETURNED)
    held = [claim for claim in claims if claim.says is Says.CAPTIVE]
    denied = [claim for claim in claims if claim.says is Says.NOT_HELD]
    still = [day for day in seen if not returns or day <= returns[0]]
    ends = [claim.day for claim in deaths]
    found = Counter(
        {
            Conflict.SEEN_AFTER_DEATH: _later(ends, seen),
            Conflict.LIVES_AFTER_DEATH: _later(ends, sorted(one.day for one in claims if one.says in LIVES)),
            Conflict.HELD_AND_NOT_HELD: _denied(held, denied, returns),
            Conflict.SEEN_AFTER_DENIAL: _later([one.day for one in denied], still),
            Conflict.HELD_AFTER_RETURN: _later(returns, seen) + _later(returns, sorted(one.day for one in held)),
            Conflict.TWO_DEATHS: _differing([one.since for one in deaths if one.since is not None]),
            Conflict.HOME_AND_DEAD: sum(_at_home(one, returns) for one in deaths),
        }
    )
    return +found


def _later(ends: Iterable[date], days: Sequence[date]) -> int:
    """Pairs of an end and a later day; `days` in order."""
    return sum(len(days) - bisect_right(days, end) for end in ends)


def _denied(held: Sequence[Claim], denied: Sequence[Claim], returns: Sequence[date]) -> int:
    """Pairs of two bodies without a return from the day of the one to the day of the other; `returns` in order."""
    by_whom: Mapping[str, list[date]] = defaultdict(list)
    for claim in denied:
        by_whom[_who(claim)].append(claim.day)
    every, own = sorted(claim.day for claim in denied), {who: sorted(days) for who, days in by_whom.items()}
    return sum(_before(one, every, returns) - _before(one, own.get(_who(one), ()), returns) for one in held)


def _before(held: Claim, days: Sequence[date], returns: Sequence[date]) -> int:
    """Days before the first return that is not before somebody was held."""
    place = bisect_left(returns, held.day)
    return len(days) if place == len(returns) else bisect_left(days, returns[place])


def _differing(days: Sequence[date]) -> int:
    """Pairs of two days."""
    return (len(days) ** 2 - sum(times**2 for times in Counter(days).values())) // 2


def _at_home(death: Claim, returns: Sequence[date]) -> int:
    """Returns up to the day of a paper that names no day of death, or on the day of death."""
    upto = bisect_right(returns, death.day)
    return upto if death.since is None else upto - bisect_left(returns, death.since)
