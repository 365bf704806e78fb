"""What erasures say that they did: so that what is gone or differs is believed to be an order's work only where it is.

The event `erased` about an erasure names, table by table, the rows that it took (`took`: ids as ranges, "3-9,12") and
those out of whose words it took a name (`reworded`: id -> what `content` would be since).  Neither says anything of
anybody.  Events of erasures that were carried out before it did so are believed to have done whatever is met, unless
they stand in the log after one that does.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, TextClause, text

from storage import judgements, statements

TOLD = text("""
    SELECT seq, detail FROM custody_events WHERE action = 'erased' AND subject LIKE 'erasure:%' ORDER BY seq""")
_RANGE = re.compile(r"([0-9]{1,19})(?:-([0-9]{1,19}))?")

Ranges = Sequence[range]
"""sorted"""


@dataclass(frozen=True, slots=True)
class Did:
    """What one erasure says that it did, by table."""

    seq: int
    took: Mapping[str, Ranges]
    reworded: Mapping[str, Mapping[int, str]]
    """id -> the hash that other events call `content`, since then"""


@dataclass(frozen=True, slots=True)
class Erased:
    """What all of them say."""

    untold: int
    """number of the last event that does not say what was done; 0: each does"""
    did: tuple[Did, ...]

    def took(self, table: str, row: int, seq: int) -> bool:
        """Whether an erasure after this event may have taken the row."""
        return seq < self.untold or any(seq < one.seq and _among(row, one.took.get(table, ())) for one in self.did)

    def reworded(self, table: str, row: int, seq: int, content: str) -> bool:
        """Whether the row has this content because erasures after this event took names out of its words."""
        since = [one.reworded[table][row] for one in self.did if seq < one.seq and row in one.reworded.get(table, {})]
        return since[-1] == content if since else seq < self.untold


def read(db: Connection) -> Erased:
    """What the log says of erasures that were carried out."""
    untold, did = 0, list[Did]()
    for seq, detail in db.execute(TOLD):
        if "took" in detail:
            did.append(Did(seq, tables(detail["took"]), _contents(detail.get("reworded"))))
        elif not did:
            untold = seq
    return Erased(untold, tuple(did))


def listed(rows: Mapping[str, Iterable[int]]) -> dict[str, str]:
    """Ids of each table's rows as an event holds them: `{"judgements": "3-9,12"}`, without tables that have none."""
    return {table: _written(sorted({*ids})) for table, ids in sorted(rows.items()) if ids}


CONTENT: Mapping[str, tuple[TextClause, Callable[[Row[Any]], str]]] = {
    "judgements": (
        text("SELECT id, answer, reason, features, shown FROM judgements WHERE id = ANY(:ids) ORDER BY id"),
        lambda row: judgements.digest(row._asdict()),
    ),
    "statements": (
        text("""SELECT id, says, body, source, reference, dated, since FROM statements
                 WHERE id = ANY(:ids) ORDER BY id"""),
        lambda row: said(row),
    ),
    **{
        table: (
            text(f"SELECT {key} AS id, reason FROM {table} WHERE {key} = ANY(:ids) ORDER BY 1"),  # noqa: S608  our own
            lambda row: statements.digest(row.reason),
        )
        for table, key in (
            ("rejections", "id"), ("statement_withdrawals", "statement_id"), ("list_decisions", "id"),
            ("list_undos", "list_id"),
        )
    },
}  # fmt: skip
"""table -> its rows, and the hash that an event holds, or could hold, over what one says"""


def said(row: Row[Any]) -> str:
    """The hash over what a statement says, who says so, where and when."""
    return statements.digest(row.says, row.body, row.source, row.reference, str(row.dated), str(row.since))


def contents(db: Connection, rows: Mapping[str, Iterable[int]]) -> dict[str, dict[str, str]]:
    """What these rows of tables say now, as an event holds it: `{"judgements": {"12": <sha256>}}`."""
    return {
        table: {str(row.id): digest(row) for row in db.execute(statement, {"ids": sorted({*rows[table]})})}
        for table, (statement, digest) in CONTENT.items()
        if rows.get(table)
    }


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


def _contents(told: object) -> dict[str, dict[int, str]]:
    rows = told if isinstance(told, Mapping) else {}
    return {table: _by_id(contents) for table, contents in rows.items() if isinstance(contents, Mapping)}


def _by_id(contents: Mapping[str, object]) -> dict[int, str]:
    return {int(row): str(content) for row, content in contents.items() if _RANGE.fullmatch(row) and "-" not in row}


def _ranges(written: str) -> Ranges:
    return [range(int(first), int(last or first) + 1) for first, last in _RANGE.findall(written)]


def _among(row: int, ranges: Ranges) -> bool:
    at = bisect_right(ranges, row, key=attrgetter("start")) - 1
    return at >= 0 and row in ranges[at]
