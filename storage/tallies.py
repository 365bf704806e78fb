"""How many items of work there are, and where they stand: one statement for all who count them.

What is done is counted by an index that holds nothing else, and so is what is open: a million items of work are
counted without reading one of their rows (docs/performance.md).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

# Each part by an index of its own, which does not hold the state that it is for.  Whose lease has run out works on the
# item no more: it can be taken up.
TALLIES = text("""
    SELECT step, recipe, 'done' AS state, outcome, count(*) AS items, 0::bigint AS ready, 0::bigint AS in_work,
           NULL::timestamptz AS until, NULL::timestamptz AS oldest
      FROM work WHERE state = 'done' GROUP BY step, recipe, outcome
     UNION ALL
    SELECT step, recipe, state, outcome, count(*), 0, 0, NULL, NULL
      FROM work WHERE state NOT IN ('open', 'done') GROUP BY step, recipe, state, outcome
     UNION ALL
    SELECT step, recipe, 'open', outcome, count(*), count(*) FILTER (WHERE ready_at <= now()),
           count(*) FILTER (WHERE ready_at > now() AND lease IS NOT NULL),
           max(ready_at) FILTER (WHERE ready_at > now() AND lease IS NULL), min(created_at)
      FROM work WHERE state = 'open' GROUP BY step, recipe, outcome
     ORDER BY step, recipe, state, outcome""")

DONE, OPEN = "done", "open"


@dataclass(frozen=True, slots=True)
class Tally:
    """Items of one step and recipe that stand alike."""

    step: str
    recipe: str
    state: str
    outcome: str | None
    """class of the last fault"""
    items: int
    ready: int
    """of what is open: could be taken up now"""
    in_work: int
    until: datetime | None
    """when the last that rests is due"""
    oldest: datetime | None
    """of what is open: when the oldest was offered"""

    @property
    def resting(self) -> int:
        """Of what is open: wait for a moment."""
        return self.items - self.ready - self.in_work if self.state == OPEN else 0


@dataclass(frozen=True, slots=True)
class Stage:
    """What of one step is not through."""

    step: str
    ready: int
    """could be taken up now"""
    resting: int
    """wait for a moment"""
    in_work: int
    until: datetime | None
    """when the last that rests is due"""
    oldest: datetime
    """when the oldest of them was offered"""

    @property
    def items(self) -> int:
        """All of them."""
        return self.ready + self.resting + self.in_work


def read(db: Connection) -> Sequence[Tally]:
    """All items of work."""
    return [Tally(**row) for row in db.execute(TALLIES).mappings()]


def stages(found: Sequence[Tally]) -> list[Stage]:
    """Of each step that has anything open, in the order of their names."""
    waiting: dict[str, list[Tally]] = {}
    for one in found:
        if one.state == OPEN:
            waiting.setdefault(one.step, []).append(one)
    return [_stage(step, every) for step, every in waiting.items()]


def by_state(found: Sequence[Tally], step: str) -> Counter[str]:
    """State -> items of a step."""
    counted: Counter[str] = Counter()
    for one in found:
        if one.step == step:
            counted[one.state] += one.items
    return counted


def by_outcome(found: Sequence[Tally]) -> Counter[str]:
    """Class of the last fault -> items that have one, whatever became of them."""
    counted: Counter[str] = Counter()
    for one in found:
        if one.outcome:
            counted[one.outcome] += one.items
    return counted


def _stage(step: str, every: Sequence[Tally]) -> Stage:
    return Stage(
        step,
        sum(one.ready for one in every),
        sum(one.resting for one in every),
        sum(one.in_work for one in every),
        max((one.until for one in every if one.until), default=None),
        min(one.oldest for one in every if one.oldest),
    )
