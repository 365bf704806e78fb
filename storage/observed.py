"""How the custody log binds observations: each event `collected` holds a hash over the rows that it stands for.

What is hashed is `lastseen.observations.v1`, a line feed, and a line for each row, in the order of their ids: the
source's id, the platform's id of the post, observed_at, method, seen, content_hash, title, text, facts, audience, with
tabs between them and a line feed behind.  In a field a backslash, a tab, a line feed and a carriage return are written
as COPY writes them (`storage.copying`): a backslash and `\\`, `t`, `n`, `r`.  Facts and audience are canonical JSON:
sorted keys, no spaces, UTF-8; `\\N` where there is no audience.  Times are as in the log.

A raw record may have several events (an export is kept batch by batch): each stands for so many rows as it says, in the
order of both.  An event that bears an erasure's id begins anew: it stands for what that has left.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Connection, Row, text

from lastseen.clock import iso
from lastseen.records import PostSeen
from storage.copying import NULL, field, fields
from storage.custody import STREAMED, Incident

DOMAIN = b"lastseen.observations.v1\n"

_BEHIND_ALL = "\U0010ffff"
"""no key comes after it"""

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode

_ROWS = """
    SELECT raw_key COLLATE "C" AS key, source_id, platform_post_id, observed_at, method, observations.seen,
           content_hash, title, text, facts, audience
      FROM observations JOIN posts ON posts.id = post_id"""
IN_ORDER = text(f"{_ROWS} ORDER BY key, observations.id")
OF_RECORD = text(f"{_ROWS} WHERE raw_key = :key ORDER BY observations.id")

EVENTS = text("""
    SELECT detail->>'key' COLLATE "C" AS key, seq, detail->>'rows' AS digest, detail ? 'erasure' AS anew,
           CASE WHEN jsonb_typeof(detail->'observations') = 'number' THEN CAST(detail->>'observations' AS bigint)
                ELSE 1 END AS expected
      FROM custody_events WHERE action = 'collected' AND detail ? 'key' ORDER BY key, seq""")


def digest(lines: Iterable[str]) -> str:
    """What an event `collected` says of the rows that these are the lines of."""
    return hashlib.sha256(DOMAIN + "\n".join((*lines, "")).encode()).hexdigest()


def line(source: int, post: str, looked: str) -> str:
    """The line of a row: which post, and what `look` spells."""
    return f"{source}\t{field(post)}\t{looked}"


def begin(observed_at: datetime, method: str) -> str:
    """The first fields of all rows that one reading brings."""
    return fields(iso(observed_at), method)


def end(facts: Mapping[str, object] | None, audience: Mapping[str, object] | None) -> str:
    """The last fields of a row, as the database is given them, too."""
    spelled = field(canonical(facts)) if facts else "{}"
    return f"{spelled}\t{field(canonical(audience)) if audience else NULL}"


def digest_of(source: int, seen: PostSeen) -> str:
    """Of the one row that a page of a video site makes."""
    looked = fields(seen.seen, seen.content_hash, seen.title, seen.text)
    spelled = f"{begin(seen.observed_at, seen.method)}\t{looked}\t{end({}, seen.audience)}"
    return digest([line(source, seen.platform_post_id, spelled)])


def digest_of_record(db: Connection, key: str) -> tuple[str, int]:
    """Of all rows that name a raw record, as they stand; and how many they are."""
    lines = [_line(row) for row in db.execute(OF_RECORD, {"key": key})]
    return digest(lines), len(lines)


def _line(row: Row[Any]) -> str:
    looked = fields(row.seen, row.content_hash, row.title, row.text)
    spelled = f"{begin(row.observed_at, row.method)}\t{looked}\t{end(row.facts, row.audience)}"
    return line(row.source_id, row.platform_post_id, spelled)


# --- verifying ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What an event says of rows."""

    seq: int
    count: int
    digest: str | None
    """None: it is from before rows were bound"""


def check(db: Connection) -> Iterator[Incident]:
    """The rows of each raw record are those that its events stand for.  Streamed, within a transaction.

    A record without any row, or without any event, is told of by whoever compares these.
    """
    with (
        db.execute(EVENTS, execution_options=STREAMED) as events,
        db.execute(IN_ORDER, execution_options=STREAMED) as rows,
    ):
        told = ((key, _standing(list(same))) for key, same in groupby(events, key=_key))
        key, standing = next(told, ("", []))
        for record, same in groupby(rows, key=_key):
            while key < record:
                key, standing = next(told, (_BEHIND_ALL, []))
            if key == record:
                yield from _compare(record, standing, same)


def _key(row: Row[Any]) -> str:
    return str(row.key)


def _standing(events: Sequence[Row[Any]]) -> list[_Told]:
    """The events about a record that still stand for its rows."""
    first = max((place for place, event in enumerate(events) if event.anew), default=0)
    return [_Told(event.seq, event.expected, event.digest) for event in events[first:]]


def _compare(key: str, told: Sequence[_Told], rows: Iterator[Row[Any]]) -> Iterator[Incident]:
    where = f"observations of {key}"
    for one in told:
        lines = [_line(row) for row in islice(rows, one.count)]
        if len(lines) < one.count:
            yield Incident(f"custody event {one.seq} stands for {one.count}, and there are {len(lines)}", where)
        elif one.digest is not None and digest(lines) != one.digest:
            yield Incident(f"they are not what custody event {one.seq} says was observed", where)
    more = sum(1 for _ in rows)
    if more:
        yield Incident(f"{more} are there that the custody log does not know of", where)
