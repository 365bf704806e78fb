"""The figures of the office for monitoring: counts, ages, ids of sources; no name, address, face or register number.

All come from the database, so that they are the same whichever of many processes is asked.  What there is by the
million is counted by indexes (`storage.tallies`), or read from their ends; a figure that would need more is not here.
Whoever keeps them for a while keeps their moment with them (`read_timestamp_seconds`).  How many wait for a
second person is told to nobody, as on the pages (`storage.status.for_reviewers`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, SupportsFloat

from sqlalchemy import Connection, text

from lastseen.clock import utcnow
from lastseen.exposition import Figure
from storage import tallies

HOUR: Final = 3600.0
"""seconds over which what is done a second is told"""
NEWEST_RUNS: Final = 2000
"""rows of the journal that are looked at: some hours of a busy office"""

# When a source was read, and when it was last known to be read whole: a channel without a hole, a list to its end.
SOURCES = """
    SELECT sources.id,
           extract(epoch FROM now() - greatest(read_at, newest_at, covered.read)) AS read,
           extract(epoch FROM now() - greatest(whole_at, covered.whole,
                                               CASE WHEN without_hole THEN read_at END)) AS whole,
           extract(epoch FROM now() - added_at) AS known
      FROM sources
      LEFT JOIN LATERAL (SELECT min(read_at) AS read_at,
                                bool_and(held <> '{}' AND int8multirange(range_merge(held)) = held) AS without_hole
                           FROM telegram_chats WHERE source_id = sources.id AND role = 'channel') AS chats ON true
      LEFT JOIN site_lists ON site_lists.source_id = sources.id
      LEFT JOIN LATERAL (SELECT max(last_read_at) AS read, max(last_read_at) FILTER (WHERE complete) AS whole
                           FROM coverage WHERE source_id = sources.id) AS covered ON true
     ORDER BY sources.id"""

LATE_FILMS = """
    SELECT count(*) AS files, coalesce(sum(duration_ms), 0) / 1000.0 AS seconds, coalesce(sum(searched), 0) AS faces
      FROM analyses WHERE analyzed_at > now() - interval '1 hour'"""

RUNS = """
    WITH newest AS MATERIALIZED (SELECT * FROM runs ORDER BY id DESC LIMIT :runs)
    SELECT command, extract(epoch FROM max(started_at)) AS started, extract(epoch FROM max(ended_at)) AS ended,
           count(*) FILTER (WHERE ended_at IS NULL) AS open,
           coalesce(extract(epoch FROM sum(ended_at - started_at)
                                         FILTER (WHERE ended_at > now() - interval '1 hour')), 0) AS busy
      FROM newest GROUP BY command ORDER BY command"""
DONE_LATELY = """
    WITH newest AS MATERIALIZED (SELECT * FROM runs ORDER BY id DESC LIMIT :runs)
    SELECT step, sum(coalesce(CASE WHEN jsonb_typeof(did -> 'done') = 'number' THEN (did ->> 'done')::bigint END, 0))
      FROM newest, jsonb_each(counts) AS said (step, did)
     WHERE ended_at > now() - interval '1 hour' AND jsonb_typeof(did) = 'object' AND did ? 'done'
     GROUP BY step ORDER BY step"""

CANDIDATES = "SELECT state, count(*) FROM candidates GROUP BY state ORDER BY state"
ALERTS = """
    SELECT kind, count(*) FROM alerts WHERE ended_at IS NULL OR ended_at > now() GROUP BY kind ORDER BY kind"""
NOTICES = "SELECT channel, count(*) FROM alert_notices WHERE sent_at IS NULL GROUP BY channel ORDER BY channel"

QUEUE = """
    SELECT count(*) AS due, coalesce(extract(epoch FROM now() - min(since)), 0) AS age FROM review_queue"""
WAITS = """
    SELECT (SELECT count(DISTINCT account_id) FROM telegram_waits WHERE until > now()) AS accounts,
           (SELECT extract(epoch FROM max(until)) FROM telegram_waits WHERE until > now()) AS accounts_until,
           (SELECT count(*) FROM telegram_accounts WHERE refusal <> '') AS lost,
           (SELECT count(*) FROM sites WHERE closed_until > now()) AS sites,
           (SELECT extract(epoch FROM max(closed_until)) FROM sites WHERE closed_until > now()) AS sites_until"""
EVIDENCE = """
    SELECT (SELECT extract(epoch FROM now() - max(signed_at)) FROM checkpoints) AS head,
           (SELECT extract(epoch FROM now() - max(checked_at)) FROM fixity_checks) AS fixity,
           (SELECT extract(epoch FROM now() - min(checked_at)) FROM fixity_checks) AS oldest,
           (SELECT count(*) FROM incidents WHERE NOT EXISTS (
                   SELECT FROM incident_explanations WHERE incident_id = incidents.id)) AS incidents,
           (SELECT coalesce(sum(size), 0) FROM blobs) AS evidence_bytes,
           pg_database_size(current_database()) AS database_bytes"""


@dataclass(frozen=True, slots=True)
class Lag:
    """How long ago one source was read."""

    source: int
    read_seconds: float | None
    """None: never"""
    whole_seconds: float | None
    """since it was last known to be read whole: a channel without a hole, a list to its end; None: never"""
    known_seconds: float
    """since it was added"""

    @property
    def seconds(self) -> float:
        """Since it was read; of one that never was, since it was added."""
        return self.known_seconds if self.read_seconds is None else self.read_seconds


def figures(db: Connection) -> list[Figure]:
    """Everything, by a dozen statements."""
    return [
        _one("read_timestamp_seconds", "When these figures were read from the database.", utcnow().timestamp()),
        *_work(db),
        *_sources(db),
        *_lately(db),
        *_waits(db),
        *_review(db),
        _by(db, "alerts_open", "Alerts that stand.", "kind", ALERTS),
        _by(db, "alert_notices_waiting", "Messages about alerts that did not go out yet.", "channel", NOTICES),
        *_evidence(db),
    ]


def lags(db: Connection) -> list[Lag]:
    """Of each source, in the order of their ids."""
    rows = db.execute(text(SOURCES))
    return [Lag(row.id, _number(row.read), _number(row.whole), float(row.known)) for row in rows]


def _work(db: Connection) -> Iterator[Figure]:
    found, now = tallies.read(db), utcnow()
    waiting = tallies.stages(found)
    items: Counter[tuple[str, ...]] = Counter()
    for one in found:
        if one.state != tallies.OPEN:
            items[one.step, one.state] += one.items
    for step in waiting:
        stands = {"ready": step.ready, "resting": step.resting, "in work": step.in_work}
        items.update({(step.step, state): count for state, count in stands.items()})
    said = "Items of each step by state; open ones are ready, resting or in work."
    yield Figure("work_items", said, ("step", "state"), dict(items))
    ages = {one.step: max(0.0, (now - one.oldest).total_seconds()) for one in waiting}
    yield _each("work_oldest_seconds", "Age of the oldest item of a step that is not through.", "step", ages)
    until = {one.step: one.until.timestamp() for one in waiting if one.until}
    yield _each("work_resting_until_timestamp_seconds", "When the last resting item of a step is due.", "step", until)
    said = "Items by the class of their last fault, also those tried again."
    yield _each("outcomes", said, "outcome", tallies.by_outcome(found))


def _sources(db: Connection) -> Iterator[Figure]:
    found = lags(db)
    read = {str(one.source): one.seconds for one in found}
    whole = {str(one.source): one.whole_seconds for one in found if one.whole_seconds is not None}
    said = "Since a source was read; of one that never was, since it was added."
    yield _each("source_lag_seconds", said, "source", read)
    yield _each("source_whole_lag_seconds", "Since a source was last known to be read whole.", "source", whole)


def _lately(db: Connection) -> Iterator[Figure]:
    films = db.execute(text(LATE_FILMS)).one()
    seconds = float(films.seconds) / HOUR
    yield _one("analyses_per_second", "Files analysed, over the last hour.", films.files / HOUR)
    yield _one("film_seconds_per_second", "Seconds of film analysed each second, over the last hour.", seconds)
    yield _one("faces_per_second", "Faces to be searched, found each second, over the last hour.", films.faces / HOUR)
    rows = db.execute(text(RUNS), {"runs": NEWEST_RUNS}).all()
    started = {row.command: row.started for row in rows}
    ended = {row.command: row.ended for row in rows if row.ended is not None}
    busy = {row.command: row.busy for row in rows}
    yield _each("run_started_timestamp_seconds", "When work of a kind last began, by the journal.", "command", started)
    yield _each("run_ended_timestamp_seconds", "When work of a kind last ended.", "command", ended)
    yield _each("run_busy_seconds", "Seconds of work of all workers that ended in the last hour.", "command", busy)
    done = {step: count for step, count in db.execute(text(DONE_LATELY), {"runs": NEWEST_RUNS})}  # noqa: C416  rows
    yield _each("run_items_done", "Items that runs of the last hour got through.", "step", done)


def _waits(db: Connection) -> Iterator[Figure]:
    row = db.execute(text(WAITS)).one()
    yield _one("telegram_accounts_waiting", "Accounts that Telegram has told to wait.", row.accounts)
    yield _one("telegram_accounts_wait_until_timestamp_seconds", "Until when; 0: none waits.", row.accounts_until)
    yield _one("telegram_accounts_lost", "Accounts that Telegram lets in no more.", row.lost)
    yield _one("sites_closed", "Video sites that nobody asks now.", row.sites)
    yield _one("sites_closed_until_timestamp_seconds", "Until when; 0: none is closed.", row.sites_until)


def _review(db: Connection) -> Iterator[Figure]:
    queue = db.execute(text(QUEUE)).one()
    yield _one("judgements_due", "Candidates that wait for somebody.", queue.due)
    yield _one("judgements_oldest_seconds", "Age of the oldest of them.", queue.age)
    candidates = _by(db, "candidates", "Candidates by state.", "state", CANDIDATES)
    yield candidates
    yield _one("sightings", "Candidates that two people have confirmed.", candidates.values.get(("sighting",), 0))


def _evidence(db: Connection) -> Iterator[Figure]:
    row = db.execute(text(EVIDENCE)).one()
    yield _once("custody_head_age_seconds", "Since the head of the custody log was last signed.", row.head)
    yield _once("fixity_age_seconds", "Since evidence was last read again.", row.fixity)
    yield _once("fixity_oldest_seconds", "Since what waits longest for it was read again.", row.oldest)
    yield _one("incidents_open", "Incidents that nobody has explained.", row.incidents)
    yield _one("evidence_bytes", "Size of the originals.", row.evidence_bytes)
    yield _one("database_bytes", "Size of the database.", row.database_bytes)


def _by(db: Connection, name: str, said: str, label: str, sql: str) -> Figure:
    return _each(name, said, label, {str(what): count for what, count in db.execute(text(sql))})


def _each(name: str, said: str, label: str, values: Mapping[str, SupportsFloat]) -> Figure:
    return Figure(name, said, (label,), {(one,): float(value) for one, value in values.items()})


def _one(name: str, said: str, value: SupportsFloat | None) -> Figure:
    return Figure(name, said, (), {(): float(value or 0)})


def _once(name: str, said: str, value: SupportsFloat | None) -> Figure:
    """One that is not there where nothing was done yet: its age would be a guess."""
    return Figure(name, said, (), {} if value is None else {(): float(value)})


def _number(value: SupportsFloat | None) -> float | None:
    return None if value is None else float(value)
