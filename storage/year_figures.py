"""What the figures of a year or a month are made of, as the records held it at a moment.

Everything is read from rows that are inserted and never changed, or that say when they were, each by the moment at
which it was written down; so the same moment says the same whenever it is asked.  Only a lawful erasure takes something
away.  Of entries without a statement the status is what the register said first: what it says since is a statement.
Groups are drawn up as for their pages (`storage.group_cases`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from lastseen.records import PersonStatus
from lastseen.yearly import INSTANT, Case, Contradicting, Fact, Facts, Found, Period, Sent, Stated, Tip, ends, people
from lastseen.yearly_words import Origin
from storage import contradictions, group_cases, ties

# A sighting stands since the verdict that made it one; verdicts that only confirm it are no other.  Where it was
# published is the post that brought its file, as far as that was known.
SIGHTED = text("""
    WITH told AS (
        SELECT candidate_id, id, verdict, made_at,
               lag(verdict) OVER (PARTITION BY candidate_id ORDER BY id) AS before
          FROM verdicts
         WHERE made_at < :as_of
           AND candidate_id IN (SELECT candidate_id FROM verdicts WHERE verdict = 'sighting' AND made_at < :as_of)),
         since AS (
        SELECT candidate_id, max(id) AS newest,
               max(made_at) FILTER (WHERE verdict = 'sighting' AND before IS DISTINCT FROM 'sighting') AS at
          FROM told GROUP BY candidate_id),
         sighted AS (
        SELECT since.candidate_id, since.at, judgements
          FROM since JOIN verdicts ON verdicts.id = newest WHERE verdict = 'sighting')
    SELECT candidate_id AS candidate, person_id AS entry, sighted.at, judgements, analyses.blob_id AS blob,
           brought.platform, coalesce(brought.tip, false) AS tip
      FROM sighted
      JOIN candidates ON candidates.id = candidate_id
      JOIN tracks ON tracks.id = track_id
      JOIN analyses ON analyses.id = analysis_id
      LEFT JOIN LATERAL (
           SELECT posts.platform,
                  EXISTS (SELECT FROM tip_notes
                           WHERE kind = 'taken up' AND tip_notes.source_id = posts.source_id
                             AND noted_at < :as_of) AS tip
             FROM media_items JOIN posts ON posts.id = post_id
            WHERE media_items.blob_id = analyses.blob_id AND first_seen_at < :as_of
              AND (carried_at IS NULL OR carried_at < :as_of)
            ORDER BY first_seen_at, posts.id LIMIT 1) AS brought ON true
     ORDER BY candidate_id""")
# A line speaks of somebody as long as the newest decision says so, the list stands, and what was written down of it.
LISTED = text("""
    SELECT entry_id AS line, list_entries.list_id AS list, person_id AS entry, decided_at AS at
      FROM (SELECT DISTINCT ON (entry_id, person_id) entry_id, person_id, same, decided_at FROM list_decisions
             WHERE decided_at < :as_of ORDER BY entry_id, person_id, id DESC) AS newest
      JOIN list_entries ON list_entries.id = entry_id
     WHERE same
       AND NOT EXISTS (SELECT FROM list_undos
                        WHERE list_undos.list_id = list_entries.list_id AND undone_at < :as_of)
       AND (SELECT coalesce(bool_or(withdrawn_at IS NULL OR withdrawn_at >= :as_of), true)
              FROM statements LEFT JOIN statement_withdrawals ON statement_id = statements.id
             WHERE list_entry_id = entry_id AND statements.person_id = newest.person_id AND entered_at < :as_of)
     ORDER BY entry_id, person_id""")
LISTS = text("""
    SELECT id, imported_at FROM lists
     WHERE imported_at < :as_of
       AND NOT EXISTS (SELECT FROM list_undos WHERE list_id = lists.id AND undone_at < :as_of)
     ORDER BY id""")
_STANDS = """
    entered_at < :as_of AND NOT EXISTS (SELECT FROM statement_withdrawals
                                         WHERE statement_id = statements.id AND withdrawn_at < :as_of)"""
# Of each entry and fate the first is enough.
STATED = text(f"""
    SELECT DISTINCT ON (person_id, coalesce(status, says)) id, person_id AS entry, says, status,
           coalesce(since, dated) AS day
      FROM statements
     WHERE (status IN ('captive', 'returned', 'deceased') OR says = 'dead') AND {_STANDS}
     ORDER BY person_id, coalesce(status, says), coalesce(since, dated), id""")  # noqa: S608  our own words
# Of everybody: whom figures count is not known before they are made, and a register is not large.
STATUS = text(f"""
    SELECT persons.id AS entry, coalesce(newest.status, first_status, persons.status) AS status
      FROM persons
      LEFT JOIN (SELECT DISTINCT ON (person_id) person_id, id, status FROM statements
                  WHERE status IS NOT NULL AND {_STANDS} ORDER BY person_id, id DESC) AS newest
             ON person_id = persons.id
     ORDER BY newest.id NULLS FIRST, persons.id DESC""")  # noqa: S608  our own words
LETTERS = text("""
    SELECT letters.id, coalesce(sent.dated, CAST(sent.noted_at AT TIME ZONE 'UTC' AS date)) AS day, sent.noted_at AS at,
           coalesce(answer.dated, CAST(answer.noted_at AT TIME ZONE 'UTC' AS date)) AS answer,
           answer.noted_at AS answered_at, given_up.noted_at AS given_up_at, answers_within_days AS days
      FROM letters
      JOIN letter_recipients ON letter_recipients.id = recipient_id
      JOIN LATERAL (SELECT dated, noted_at FROM letter_events
                     WHERE letter_id = letters.id AND event = 'sent' AND noted_at < :as_of ORDER BY id LIMIT 1)
           AS sent ON true
      LEFT JOIN LATERAL (SELECT dated, noted_at FROM letter_events
                          WHERE letter_id = letters.id AND event = 'answered' AND noted_at < :as_of
                          ORDER BY id LIMIT 1) AS answer ON true
      LEFT JOIN LATERAL (SELECT noted_at FROM letter_events
                          WHERE letter_id = letters.id AND event = 'given up' AND noted_at < :as_of
                          ORDER BY id LIMIT 1) AS given_up ON true
     ORDER BY letters.id""")
TIPS = text("""
    SELECT id, received_at AS at,
           (SELECT min(noted_at) FROM tip_notes
             WHERE tip_id = tips.id AND kind = 'taken up' AND noted_at < :as_of) AS taken_up_at,
           (SELECT min(noted_at) FROM tip_notes
             WHERE tip_id = tips.id AND kind = 'refused' AND noted_at < :as_of) AS refused_at
      FROM tips WHERE received_at < :as_of ORDER BY id""")
PACKAGES = text("SELECT id, asked_at, candidate_id FROM packages WHERE asked_at < :as_of ORDER BY id")
# A row bears the moment at which its transaction began: what was begun before then may still come in.
SETTLED = text("""
    SELECT least(now(), min(xact_start)) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()""")


def settled(db: Connection) -> datetime:
    """Up to which moment nothing can come in any more, by the database's clock.  Writes nothing."""
    found: datetime = db.execute(SETTLED).scalar_one()
    return found


def facts(db: Connection, period: Period, as_of: datetime, wanted: Collection[Fact] = frozenset(Fact)) -> Facts:
    """All that was written down before a moment; what stands at the end of the period, as it stood then.

    `wanted`: of what is read; everything else is empty.
    """
    same = ties.same(db, as_of - INSTANT)
    read = _read(db, same, as_of, ends(period, as_of))
    return Facts(as_of, same, **{fact.value: made() for fact, made in read.items() if fact in wanted})


def _read(
    db: Connection, same: Sequence[tuple[int, int]], as_of: datetime, end: datetime
) -> Mapping[Fact, Callable[[], Any]]:
    """What reads each of them."""
    asked = {"as_of": as_of}
    return {
        Fact.FOUND: lambda: [*_sighted(db, as_of), *_listed(db, as_of)],
        Fact.STATUS: lambda: _status(db, same, as_of),
        Fact.STATED: lambda: list(_stated(db, as_of)),
        Fact.CONTRADICTING: lambda: list(_contradicting(db, end)),
        Fact.LETTERS: lambda: [_letter(row) for row in db.execute(LETTERS, asked)],
        Fact.CASES: lambda: list(_cases(db, end)),
        Fact.TIPS: lambda: [Tip(**row) for row in db.execute(TIPS, asked).mappings()],
        Fact.LISTS: lambda: [(row.id, row.imported_at) for row in db.execute(LISTS, asked)],
        Fact.PACKAGES: lambda: [(row.id, row.asked_at, row.candidate_id) for row in db.execute(PACKAGES, asked)],
    }


def _sighted(db: Connection, as_of: datetime) -> Iterator[Found]:
    for row in db.execute(SIGHTED, {"as_of": as_of}):
        origin = Origin.FILE if row.platform is None else Origin.TIP if row.tip else Origin(row.platform)
        yield Found(row.entry, row.at, origin, row.candidate, row.blob, tuple(row.judgements))


def _listed(db: Connection, as_of: datetime) -> Iterator[Found]:
    for row in db.execute(LISTED, {"as_of": as_of}):
        yield Found(row.entry, row.at, Origin.LIST, line=row.line, list=row.list)


def _stated(db: Connection, as_of: datetime) -> Iterator[Stated]:
    for row in db.execute(STATED, {"as_of": as_of}):
        status = PersonStatus(row.status) if row.status is not None else None
        yield Stated(row.id, row.entry, row.says, status, row.day)


def _status(db: Connection, same: Sequence[tuple[int, int]], as_of: datetime) -> dict[int, PersonStatus]:
    """Person -> what the newest statement of any of their entries says; else what the register says of the first."""
    person = people(same)
    return {person(row.entry): PersonStatus(row.status) for row in db.execute(STATUS, {"as_of": as_of})}


def _contradicting(db: Connection, end: datetime) -> Iterator[Contradicting]:
    for entry, kinds in contradictions.tallies(db, end - INSTANT):
        yield Contradicting(entry, kinds)


def _letter(row: Row[Any]) -> Sent:
    due = row.day + timedelta(days=row.days) if row.days is not None else None
    return Sent(row.id, row.day, row.at, row.answer, row.answered_at, row.given_up_at, due)


def _cases(db: Connection, end: datetime) -> Iterator[Case]:
    for case in group_cases.then(db, end - INSTANT):
        yield Case(case.id, case.opened_at, case.closed.at if case.closed else None, case.shown, case.accounted)
