"""What is measured of those who review: their errors on known pairs, their pace, and how far they agree.

These are data of employees.  One's own are for oneself; a senior sees the team's, with errors only where there are
enough answers for them to mean something.  Answers on known pairs count once their week is over (Monday, UTC): whoever
could see the numbers move after an item would learn which item was one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, RowMapping, text

from lastseen.judging import CLEAR

QUICK: Final = timedelta(seconds=10)
"""from the face on the screen to the answer: too short to compare fifteen features"""
ENOUGH: Final = 20
"""answers on pairs of one kind, and a senior is shown somebody's errors: of fewer, one slip would look like a habit"""
WEEKS: Final = 12
PACE_DAYS: Final = 28

# The last answer on each pair that was not taken back, of weeks that are over.
_ANSWERS = """
    SELECT DISTINCT ON (known_answers.reviewer_id, known_answers.known_pair_id)
           known_answers.reviewer_id, genuine, answer, answered_at
      FROM known_answers
      JOIN known_pairs ON known_pairs.id = known_answers.known_pair_id
      JOIN reviews ON reviews.id = review_id
     WHERE ending = 'judged' AND answered_at < date_trunc('week', now())
       AND answered_at >= now() - make_interval(days => :days)
     ORDER BY known_answers.reviewer_id, known_answers.known_pair_id, known_answers.id DESC"""
_COUNTED = """
    count(*) FILTER (WHERE genuine) AS genuine,
    count(*) FILTER (WHERE genuine AND answer <= -:clear) AS missed,
    count(*) FILTER (WHERE NOT genuine) AS strangers,
    count(*) FILTER (WHERE NOT genuine AND answer >= :clear) AS false_yes,
    count(*) FILTER (WHERE answer IS NULL OR abs(answer) < :clear) AS left_open"""
ERRORS = text(f"""
    SELECT reviewer_id, {_COUNTED} FROM ({_ANSWERS}) AS answers
     WHERE CAST(:user AS bigint) IS NULL OR reviewer_id = :user GROUP BY reviewer_id""")  # noqa: S608  our own words
# Candidates and known pairs alike.
PACE = text("""
    SELECT reviewer_id, count(*) AS items,
           percentile_cont(ARRAY[0.25, 0.5, 0.75])
             WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - begun_at)::float) AS quarters,
           count(*) FILTER (WHERE ended_at - begun_at < :quick) AS quick
      FROM reviews
     WHERE ending = 'judged' AND ended_at >= now() - make_interval(days => :days)
       AND (CAST(:user AS bigint) IS NULL OR reviewer_id = :user)
     GROUP BY reviewer_id""")
BY_WEEK = text(f"""
    WITH seen AS (
        SELECT date_trunc('week', ended_at) AS week, count(*) AS items,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - begun_at)::float) AS median
          FROM reviews
         WHERE reviewer_id = :user AND ending = 'judged'
           AND ended_at >= date_trunc('week', now()) - make_interval(weeks => :weeks)
         GROUP BY 1),
         known AS (
        SELECT date_trunc('week', answered_at) AS week, {_COUNTED}
          FROM ({_ANSWERS}) AS answers WHERE reviewer_id = :user GROUP BY 1)
    SELECT week::date AS week, items, median, coalesce(genuine, 0) AS genuine, coalesce(missed, 0) AS missed,
           coalesce(strangers, 0) AS strangers, coalesce(false_yes, 0) AS false_yes,
           coalesce(left_open, 0) AS left_open
      FROM seen LEFT JOIN known USING (week) ORDER BY week DESC""")  # noqa: S608  our own words

REVIEWERS = text("""
    SELECT users.id, users.name, users.preferences,
           count(*) FILTER (WHERE ended_at >= date_trunc('day', now())) AS today,
           count(*) FILTER (WHERE ended_at >= now() - interval '7 days') AS week,
           count(*) AS items
      FROM users JOIN reviews ON reviewer_id = users.id
     WHERE ending = 'judged' AND ended_at >= now() - make_interval(days => :days)
     GROUP BY users.id ORDER BY users.name""")
# Taken back within a minute, of candidates and known pairs alike.
UNDONE = text("""
    SELECT reviewer_id, count(*) AS undone FROM (
        SELECT judgement_undos.reviewer_id, undone_at AS at FROM judgement_undos
         UNION ALL SELECT reviewer_id, ended_at FROM reviews WHERE ending = 'undone') AS taken
     WHERE at >= now() - make_interval(days => :days) GROUP BY reviewer_id""")
# The first and the second answer on a candidate, as they stand.
BOTH = text("""
    SELECT one.answer AS first, other.answer AS second
      FROM (SELECT DISTINCT ON (candidate_id) candidate_id, reviewer_id, answer, judged_at FROM judgements
             WHERE stage = 'triage' AND judgement_stands(id) ORDER BY candidate_id, id DESC) AS one
      JOIN (SELECT DISTINCT ON (candidate_id) candidate_id, reviewer_id, answer FROM judgements
             WHERE stage = 'second' AND judgement_stands(id) ORDER BY candidate_id, id DESC) AS other
        USING (candidate_id)
     WHERE one.reviewer_id <> other.reviewer_id AND judged_at >= now() - make_interval(days => :days)""")
SETTLED = text("""
    SELECT count(DISTINCT candidate_id) FROM judgements
     WHERE stage = 'senior' AND judgement_stands(id) AND judged_at >= now() - make_interval(days => :days)""")


@dataclass(frozen=True, slots=True)
class Errors:
    """Answers on known pairs, of weeks that are over."""

    genuine: int = 0
    """pairs of one person"""
    missed: int = 0
    """of them those that were taken for two: clear support for that"""
    strangers: int = 0
    """pairs of two people"""
    false_yes: int = 0
    """of them those that were taken for one: clear support for that"""
    left_open: int = 0
    """of both kinds: not comparable, or little support either way; no error"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long somebody looks."""

    items: int = 0
    quarters: tuple[float, float, float] | None = None
    """seconds within which a quarter, half and three quarters of the answers were given; None: there are none"""
    quick: int = 0
    """answers within `QUICK`"""


@dataclass(frozen=True, slots=True)
class Week:
    """One week of one person."""

    week: date
    """its Monday (UTC)"""
    items: int
    median: float
    """seconds"""
    errors: Errors


@dataclass(frozen=True, slots=True)
class Own:
    """What is measured of one person."""

    errors: Errors
    pace: Pace
    weeks: tuple[Week, ...]
    """the newest first; those without an answer are left out"""


@dataclass(frozen=True, slots=True)
class Member:
    """One of those who review, as a senior sees them."""

    name: str
    own_limit: int
    """of items a day, which they set themselves; 0: none"""
    today: int
    week: int
    """answers within seven days"""
    items: int
    """within `PACE_DAYS`"""
    undone: int
    pace: Pace
    errors: Errors


@dataclass(frozen=True, slots=True)
class Both:
    """Candidates on which two people answered, each without knowing of the other."""

    answers: tuple[tuple[int | None, int | None], ...]
    """the first and the second; None: not comparable"""
    settled: int
    """disagreements that a senior settled"""


@dataclass(frozen=True, slots=True)
class Team:
    """All who answered lately, by name, and how far they agree."""

    members: tuple[Member, ...]
    both: Both = field(default_factory=lambda: Both((), 0))


def own(db: Connection, user: int, days: int) -> Own:
    """What is measured of one account (row id), looking back so many days at most."""
    about = {"user": user, "days": days, "clear": CLEAR}
    weeks = db.execute(BY_WEEK, {**about, "weeks": WEEKS - 1}).mappings()
    return Own(
        _errors(db, about).get(user, Errors()),
        _paces(db, user, days).get(user, Pace()),
        tuple(Week(row["week"], row["items"], row["median"], _counted(row)) for row in weeks),
    )


def team(db: Connection, days: int) -> Team:
    """Everybody who answered lately."""
    errors = _errors(db, {"user": None, "days": days, "clear": CLEAR})
    paces = _paces(db, None, days)
    undone: dict[int, int] = {row.reviewer_id: row.undone for row in db.execute(UNDONE, {"days": PACE_DAYS})}
    members = tuple(
        Member(
            row.name,
            int(row.preferences.get("cap") or 0),
            row.today,
            row.week,
            row.items,
            undone.get(row.id, 0),
            paces.get(row.id, Pace()),
            errors.get(row.id, Errors()),
        )
        for row in db.execute(REVIEWERS, {"days": min(days, PACE_DAYS)})
    )
    answers = tuple((row.first, row.second) for row in db.execute(BOTH, {"days": days}))
    return Team(members, Both(answers, db.execute(SETTLED, {"days": days}).scalar_one()))


def _errors(db: Connection, about: Mapping[str, object]) -> dict[int, Errors]:
    return {row["reviewer_id"]: _counted(row) for row in db.execute(ERRORS, about).mappings()}


def _counted(row: RowMapping) -> Errors:
    return Errors(row["genuine"], row["missed"], row["strangers"], row["false_yes"], row["left_open"])


def _paces(db: Connection, user: int | None, days: int) -> dict[int, Pace]:
    values = {"user": user, "days": min(days, PACE_DAYS), "quick": QUICK}
    return {row.reviewer_id: Pace(row.items, _three(row.quarters), row.quick) for row in db.execute(PACE, values)}


def _three(found: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = found
    return low, middle, high
