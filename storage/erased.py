"""What erasures say that they did: so that what is gone or differs is believed to be an order's work only where it is.

The event `erased` about an erasure names, table by table, the rows that it took (`took`), and those out of whose words
it took a name (`reworded`): ids as ranges ("3-9,12"), which say nothing of anybody.  Events of erasures that were
carried out before it did so are believed to have done whatever is met, unless they stand in the log after one that
does.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import Connection, text

TOLD = text("""
    SELECT seq, detail FROM custody_events WHERE action = 'erased' AND subject LIKE 'erasure:%' ORDER BY seq""")
_RANGE = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")

Ranges = Sequence[range]
"""sorted"""


@dataclass(frozen=True, slots=True)
class Did:
    """What one erasure says that it did: table -> ids."""

    seq: int
    took: Mapping[str, Ranges]
    reworded: Mapping[str, Ranges]


@dataclass(frozen=True, slots=True)
class Erased:
    """What all of them say."""

    untold: int
    """number of the last event that does not say what was done; 0: each does"""
    did: tuple[Did, ...]

    def took(self, table: str, row: int, seq: int) -> bool:
        """Whether an erasure after this event may have taken the row."""
        return seq < self.untold or any(seq < one.seq and _among(row, one.took.get(table, ())) for one in self.did)

    def reworded(self, table: str, row: int, seq: int) -> bool:
        """Whether an erasure after this event may have taken a name out of the row's words."""
        return seq < self.untold or any(seq < one.seq and _among(row, one.reworded.get(table, ())) for one in self.did)


def read(db: Connection) -> Erased:
    """What the log says of erasures that were carried out."""
    untold, did = 0, list[Did]()
    for seq, detail in db.execute(TOLD):
        if "took" in detail:
            did.append(Did(seq, tables(detail["took"]), tables(detail.get("reworded"))))
        elif not did:
            untold = seq
    return Erased(untold, tuple(did))


def listed(rows: Mapping[str, Iterable[int]]) -> dict[str, str]:
    """Ids of each table's rows as an event holds them: `{"judgements": "3-9,12"}`, without tables that have none."""
    return {table: _written(sorted({*ids})) for table, ids in sorted(rows.items()) if ids}


def _written(ids: Sequence[int]) -> str:
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _runs(ids))


def _runs(ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of ids without a gap."""
    first = last = ids[0]
    for one in ids[1:]:
        if one != last + 1:
            yield first, last
            first = one
        last = one
    yield first, last


def tables(told: object) -> dict[str, Ranges]:
    """What `listed` made, read again.  What is no such listing tells of no row."""
    return {table: _ranges(str(ids)) for table, ids in told.items()} if isinstance(told, Mapping) else {}


def _ranges(written: str) -> Ranges:
    return [range(int(first), int(last or first) + 1) for first, last in _RANGE.findall(written)]


def _among(row: int, ranges: Ranges) -> bool:
    at = bisect_right(ranges, row, key=attrgetter("start")) - 1
    return at >= 0 and row in ranges[at]
