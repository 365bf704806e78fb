"""What happened on a day (UTC) that is over, and how things stood when that was asked: the figures of the daily report.

Two kinds, kept apart.  *Facts* are counted from rows that nobody changes, each by its own moment, so the same day says
the same whenever it is asked; only a lawful erasure, or what comes in late and bears an earlier moment, makes it say
something else.  How things *stand* (what waits, what did not get through) changes all the time, and no past moment of
it can be had again: it is read once, when a day is reported first, and carries the moment at which it was read.

Answers on known pairs count among the first ones: whoever could tell them apart by a difference of two figures would
learn which of their own were such.  How many wait for a second person is told to nobody, as on the pages.  No names, no
register numbers, no faces; addresses of sources, as the office wrote them, and what their channels call themselves.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

from lastseen.clock import iso
from storage import roll_calls, tallies
from storage.tallies import Tally

DAYS: Final = 90
"""that are told one by one, the reported day the last of them"""
MONTH: Final = 30
MOST_SOURCES: Final = 25
"""of them with a line of their own; the others are one line together"""
OF_SOURCES: Final = ("posts", "posts_month", "files", "files_month", "bytes", "bytes_month")
LONGEST_TITLE: Final = 120
"""characters of what a channel calls itself"""
BEHIND: Final = timedelta(days=1)
"""a source that was not read for so long is behind: hourly runs have missed it two dozen times"""

_DAY = "(({at}) AT TIME ZONE 'UTC')::date"


def _daily(table: str, at: str, what: str, count: str = "count(*)", where: str = "true") -> TextClause:
    """Counts by day of what has its moment in the column `at`; `what`: SQL that names the figure."""
    return text(f"""
        SELECT {_DAY.format(at=at)} AS day, {what} AS what, {count} AS n FROM {table}
         WHERE {at} >= :since AND {at} < :until AND ({where}) GROUP BY 1, 2""")  # noqa: S608  our own words


FACTS: Final[Mapping[str, TextClause]] = {
    "posts": _daily("posts", "first_seen_at", "'posts'"),
    "media items": _daily("work", "created_at", "'media'", where="step = 'fetch'"),
    "files": _daily("blobs", "stored_at", "'files'"),
    "bytes": _daily("blobs", "stored_at", "'bytes'", "sum(size)::bigint"),
    "analysed": _daily("analyses", "analyzed_at", "CASE kind WHEN 'video' THEN 'films' ELSE 'pictures' END"),
    "seconds of film": _daily(
        "analyses", "analyzed_at", "'film_seconds'", "(sum(duration_ms) / 1000)::bigint", "kind = 'video'"
    ),
    "faces": _daily(
        "analyses JOIN tracks ON analysis_id = analyses.id",
        "analyzed_at",
        "CASE kind WHEN 'video' THEN 'film_faces' ELSE 'picture_faces' END",
    ),
    "candidates": _daily("candidates", "created_at", "'candidates'"),
    "judgements": _daily(
        """(SELECT judged_at, CASE stage WHEN 'triage' THEN 'first' ELSE stage END AS stage FROM judgements
             UNION ALL SELECT answered_at, 'first' FROM known_answers) AS given""",
        "judged_at",
        "stage",
    ),
    "taken back": _daily(
        """(SELECT undone_at FROM judgement_undos
             UNION ALL SELECT ended_at FROM reviews WHERE ending = 'undone' AND known_pair_id IS NOT NULL) AS undone""",
        "undone_at",
        "'undone'",
    ),
    # What judgements on a candidate come to is kept anew with each of them: counted is where that changed.
    "decided": _daily(
        """(SELECT made_at, verdict, lag(verdict, 1, 'open') OVER (PARTITION BY candidate_id ORDER BY id) AS before
              FROM verdicts) AS told""",
        "made_at",
        "CASE verdict WHEN 'open' THEN 'reopened' ELSE verdict END",
        where="verdict <> before",
    ),
    "rejected otherwise": _daily("rejections", "rejected_at", "'rejected_otherwise'", where="verdict_id IS NULL"),
    "handed over": _daily("hand_overs", "handed_at", "'handed_over'"),
    "not there any more": _daily("observations", "observed_at", "seen", where="seen IN ('missing', 'gone')"),
    "alerts": _daily(
        "alerts", "raised_at", "CASE kind WHEN 'deletions' THEN 'deletion_bursts' ELSE 'other_alerts' END"
    ),
    "read again": _daily(
        "custody_events",
        "at",
        "'read_again'",
        "sum((detail ->> 'objects')::bigint)::bigint",
        "action = 'verified' AND subject = 'evidence' AND detail ->> 'objects' IS NOT NULL",
    ),
    "incidents": _daily("incidents", "found_at", "'incidents'"),
    "heads": _daily("checkpoints", "signed_at", "'heads'"),
    "stamps": _daily("stamps", "received_at", "'stamps'"),
    "entries": _daily("persons", "added_at", "'entries'"),
    "photos": _daily("reference_photos", "added_at", "'photos'"),
    "expired": _daily("tracks", "expired_at", "'expired'"),
    "erasures": _daily("erasure_acts", "at", "'erasures'", where="act = 'done'"),
}
"""each counts by day and by name of a figure; `SERIES` lists the names"""

SERIES: Final = (
    *("posts", "media", "files", "bytes", "missing", "gone", "deletion_bursts"),
    *("films", "film_seconds", "film_faces", "pictures", "picture_faces"),
    *("candidates", "sighting", "rejected", "undecided", "reopened", "rejected_otherwise"),
    *("first", "second", "senior", "undone", "handed_over"),
    *("read_again", "incidents", "heads", "stamps", "other_alerts"),
    *("entries", "photos", "expired", "erasures"),
)

# The journal says what every run did: tries, of which an item may have had several.
TRIES = text("""
    SELECT step.key AS step, outcome.key AS outcome, sum(CAST(outcome.value #>> '{}' AS bigint))::bigint AS n
      FROM runs, jsonb_each(counts) AS step,
           jsonb_each(CASE jsonb_typeof(step.value) WHEN 'object' THEN step.value ELSE '{}' END) AS outcome
     WHERE ended_at >= :since AND ended_at < :until AND jsonb_typeof(outcome.value) = 'number'
     GROUP BY 1, 2 ORDER BY 1, 2""")

# As of a moment: by the newest verdict before it.
SIGHTINGS = text("""
    SELECT count(*) AS sightings, count(DISTINCT person_id) AS people
      FROM (SELECT DISTINCT ON (candidate_id) candidate_id, verdict, made_at FROM verdicts
             WHERE made_at < :until ORDER BY candidate_id, id DESC) AS newest
      JOIN candidates ON candidates.id = candidate_id
     WHERE verdict = 'sighting' AND made_at >= :since""")

# Bytes belong to whoever was first to bring them.
BY_SOURCE = text("""
    WITH said AS (
        SELECT source_id, count(*) FILTER (WHERE first_seen_at >= :day) AS posts, count(*) AS posts_month
          FROM posts WHERE first_seen_at >= :since AND first_seen_at < :until GROUP BY 1),
         brought AS (
        SELECT source_id, count(*) FILTER (WHERE stored_at >= :day) AS files, count(*) AS files_month,
               coalesce(sum(came.size) FILTER (WHERE stored_at >= :day), 0)::bigint AS bytes,
               sum(came.size)::bigint AS bytes_month
          FROM (SELECT blobs.size, stored_at, min(media_items.id) AS item
                  FROM blobs JOIN media_items ON blob_id = blobs.id
                 WHERE stored_at >= :since AND stored_at < :until GROUP BY blobs.id) AS came
          JOIN media_items ON media_items.id = item JOIN posts ON posts.id = post_id
         GROUP BY 1)
    SELECT sources.id, platform, address,
           coalesce((SELECT left(title, :longest) FROM telegram_chats
                      WHERE source_id = sources.id AND role = 'channel'), '') AS title,
           coalesce(posts, 0) AS posts, coalesce(posts_month, 0) AS posts_month, coalesce(files, 0) AS files,
           coalesce(files_month, 0) AS files_month, coalesce(bytes, 0) AS bytes,
           coalesce(bytes_month, 0) AS bytes_month
      FROM sources LEFT JOIN said ON said.source_id = sources.id LEFT JOIN brought ON brought.source_id = sources.id
     WHERE said.source_id IS NOT NULL OR brought.source_id IS NOT NULL
     ORDER BY 5 DESC, 6 DESC, 8 DESC, 1""")

STANDING: Final[Mapping[str, TextClause]] = {
    # Not by whose turn it is (`storage.status.for_reviewers`), and since when the faces wait: `turn` is moved ahead.
    "to_judge": text("SELECT count(*) AS n, min(since) AS since FROM review_queue HAVING count(*) > 0"),
    "candidates": text("SELECT state, count(*) AS n FROM candidates GROUP BY 1 ORDER BY 1"),
    "alerts": text("""
        SELECT kind, count(*) AS n, min(raised_at) AS since FROM alerts
         WHERE ended_at IS NULL OR ended_at > now() GROUP BY 1 ORDER BY 1"""),
    # Closed: the channel says so itself.  Blocked: how the last try to read it ended.
    "sources": text("""
        SELECT id, address, state, read_at FROM (
            SELECT sources.id, address, coalesce(chat.read_at, newest_at) AS read_at,
                   CASE WHEN chat.refusal <> '' THEN 'lost' WHEN work.outcome = 'BLOCKED' THEN 'blocked'
                        WHEN coalesce(chat.read_at, newest_at) IS NULL THEN 'never read'
                        WHEN coalesce(chat.read_at, newest_at) < now() - CAST(:behind AS interval) THEN 'behind'
                        END AS state
              FROM sources
              LEFT JOIN telegram_chats AS chat ON chat.source_id = sources.id AND role = 'channel'
              LEFT JOIN site_lists ON site_lists.source_id = sources.id
              LEFT JOIN work ON step = 'collect' AND subject = sources.id) AS every
         WHERE state IS NOT NULL ORDER BY state, read_at NULLS FIRST, id"""),
    "stamps_waiting": text("""
        SELECT count(*) AS n, min(asked_at) AS since FROM stamp_requests
         WHERE NOT EXISTS (SELECT FROM stamps WHERE request_id = stamp_requests.id)"""),
    "open_incidents": text("""
        SELECT count(*) AS n, min(found_at) AS since FROM incidents
         WHERE NOT EXISTS (SELECT FROM incident_explanations WHERE incident_id = incidents.id)"""),
}

# What became of everything that was ever collected: `through` to the end of its way, `waits`, `ended` otherwise (gone,
# skipped by a rule, failed, set aside), or `nowhere`: no item of work is about it, or one says done and left nothing.
ENDS: Final[Mapping[str, TextClause]] = {
    "attachments": text("""
        SELECT CASE WHEN blob_id IS NOT NULL THEN 'through' WHEN state = 'open' THEN 'waits'
                    WHEN state <> 'done' THEN 'ended' ELSE 'nowhere' END AS fate, count(*) AS n
          FROM media_items LEFT JOIN work ON step = 'fetch' AND recipe = '' AND subject = media_items.id GROUP BY 1"""),
    "files": text("""
        SELECT CASE WHEN looked.blob_id IS NOT NULL THEN 'through' WHEN waits THEN 'waits' WHEN ended THEN 'ended'
                    ELSE 'nowhere' END AS fate, count(*) AS n
          FROM blobs
          LEFT JOIN (SELECT DISTINCT blob_id FROM analyses) AS looked ON looked.blob_id = blobs.id
          LEFT JOIN (SELECT subject, bool_or(state = 'open') AS waits, bool_or(state NOT IN ('open', 'done')) AS ended
                       FROM work WHERE step IN ('fingerprint', 'analyze') GROUP BY subject) AS items
                 ON subject = blobs.id
         GROUP BY 1"""),
    "analyses": text("""
        SELECT CASE WHEN done THEN 'through' WHEN waits THEN 'waits' WHEN subject IS NOT NULL THEN 'ended'
                    ELSE 'nowhere' END AS fate, count(*) AS n
          FROM analyses
          LEFT JOIN (SELECT subject, bool_or(state = 'open') AS waits, bool_or(state = 'done') AS done
                       FROM work WHERE step = 'match_tracks' GROUP BY subject) AS items ON subject = analyses.id
         GROUP BY 1"""),
}
FATES: Final = ("through", "waits", "ended", "nowhere")

NAMING: Final = ("step", "kind", "address", "state", "outcome")
"""what a line of what stands is about"""

Figures = dict[str, Any]
"""JSON: strings, whole numbers, lists and objects; as `facts` and `standing` make it"""


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment up to, and without, another."""

    since: datetime
    until: datetime


def begins(day: date) -> datetime:
    """Midnight, UTC."""
    return datetime.combine(day, time(), UTC)


def span(day: date, days: int) -> Span:
    """So many days, `day` the last of them."""
    until = begins(day + timedelta(days=1))
    return Span(until - timedelta(days=days), until)


def facts(db: Connection, day: date) -> Figures:
    """What happened on a day, and on the DAYS that it ends.

    `series`: figure -> a number for each day, the oldest first; `tries`, `tries_month`: step -> outcome -> tries;
    `sightings`: of the day and of its year, with how many people; `sources`: what each brought.
    """
    asked = span(day, DAYS)
    year = Span(begins(day.replace(month=1, day=1)), asked.until)
    return {
        "day": day.isoformat(),
        "days": DAYS,
        "series": _series(db, asked),
        "tries": _tries(db, span(day, 1)),
        "tries_month": _tries(db, span(day, MONTH)),
        "sightings": {"day": _sightings(db, span(day, 1)), "year": _sightings(db, year)},
        "sources": list(_by_source(db, day)),
    }


def standing(db: Connection) -> Figures:
    """How things stand now, by the database's clock: what waits, what did not get through, what is unaccounted for."""
    found: Figures = {"at": iso(db.execute(text("SELECT now()")).scalar_one())}
    found["ends"] = [{"of": name, **_fates(db, statement)} for name, statement in ENDS.items()]
    work = tallies.read(db)
    found["not_done"] = list(_not_done(work))
    waits = sorted(tallies.stages(work), key=lambda one: (one.oldest, one.step))
    found["waits_longest"] = [{"step": one.step, "n": one.items, "since": iso(one.oldest)} for one in waits]
    for name, statement in STANDING.items():
        values = {"behind": BEHIND} if name == "sources" else {}
        found[name] = [_plain(dict(row)) for row in db.execute(statement, values).mappings()]
    found["sources_troubled"] = len(found["sources"])
    found["sources"] = found["sources"][:MOST_SOURCES]
    calls = roll_calls.open_items(db)
    found["unaccounted"] = {"people": sum(call.unaccounted for call in calls), "films": len(calls)}
    return found


def _fates(db: Connection, statement: TextClause) -> Figures:
    counted: dict[str, int] = {row.fate: row.n for row in db.execute(statement)}
    return {"n": sum(counted.values()), **{fate: counted.get(fate, 0) for fate in FATES}}


def _not_done(work: Sequence[Tally]) -> Iterator[Figures]:
    """What is not through, by step, state and class of the last fault."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for one in work:
        if one.state != tallies.DONE:
            counted[one.step, one.state, one.outcome or ""] += one.items
    for (step, state, outcome), count in sorted(counted.items()):
        yield {"step": step, "state": state, "outcome": outcome, "n": count}


def lines(figures: Figures) -> Iterator[tuple[object, ...]]:
    """All of a report, as lines of a sheet: part, what, of what, day or moment, number."""
    told, stands = figures["facts"], figures["standing"]
    day = date.fromisoformat(told["day"])
    yield from _series_lines(told["series"], day)
    yield from _tries_lines(told, day)
    for which, found in told["sightings"].items():
        yield from ((f"possible sightings of the {which}", what, "", day, found[what]) for what in sorted(found))
    for source in told["sources"]:
        called = source["address"] or f"{source['others']} others"
        yield from (("by source", what, called, day, source[what]) for what in OF_SOURCES)
    if stands:
        yield from _standing_lines(stands)


def _series_lines(series: Mapping[str, list[int]], last: date) -> Iterator[tuple[object, ...]]:
    for what in SERIES:
        for ago, count in enumerate(reversed(series[what])):
            yield "day by day", what, "", last - timedelta(days=ago), count


def _tries_lines(told: Figures, day: date) -> Iterator[tuple[object, ...]]:
    for part, steps in (("tries of the day", told["tries"]), ("tries of 30 days", told["tries_month"])):
        for step in sorted(steps):
            for outcome in sorted(steps[step]):
                yield part, step, outcome, day, steps[step][outcome]


def _standing_lines(stands: Figures) -> Iterator[tuple[object, ...]]:
    for row in stands.get("ends", ()):  # none in a report of before that was counted
        yield from (("standing: ends", row["of"], fate, stands["at"], row[fate]) for fate in ("n", *FATES))
    for name, rows in stands.items():
        if not isinstance(rows, list) or name == "ends":
            continue
        for row in rows:
            said = ", ".join(str(row[key]) for key in NAMING if row.get(key))
            yield f"standing: {name}", said, row.get("since") or row.get("read_at") or "", stands["at"], row.get("n", 1)
    for what, count in stands["unaccounted"].items():
        yield "standing: unaccounted", what, "", stands["at"], count


def _series(db: Connection, asked: Span) -> dict[str, list[int]]:
    found = {name: [0] * DAYS for name in SERIES}
    first = asked.since.date()
    for statement in FACTS.values():
        for row in db.execute(statement, asdict(asked)):
            found[row.what][(row.day - first).days] = row.n
    return found


def _tries(db: Connection, asked: Span) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in db.execute(TRIES, asdict(asked)):
        found.setdefault(row.step, {})[row.outcome] = row.n
    return found


def _sightings(db: Connection, asked: Span) -> dict[str, int]:
    return dict(db.execute(SIGHTINGS, asdict(asked)).mappings().one())


def _by_source(db: Connection, day: date) -> Iterator[Figures]:
    asked = span(day, MONTH)
    values = {**asdict(asked), "day": begins(day), "longest": LONGEST_TITLE}
    rows = [dict(row) for row in db.execute(BY_SOURCE, values).mappings()]
    yield from rows[:MOST_SOURCES]
    rest = rows[MOST_SOURCES:]
    if rest:
        summed = {name: sum(row[name] for row in rest) for name in OF_SOURCES}
        yield {**summed, "id": 0, "platform": "", "address": "", "title": "", "others": len(rest)}


def _plain(row: Mapping[str, Any]) -> Figures:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
