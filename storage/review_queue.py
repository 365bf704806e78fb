"""What waits for people: which candidate is whose turn, who has which, and how long it will take.

`review_queue` holds a row for each open candidate for which a judgement is due.  Nobody writes those rows: triggers
(migration 0009) follow candidates, what is due of them, casts and posts in the transaction that changes them; this file
only notes who has taken what, for some minutes.  It waits for no row of the queue, and locks what belongs to a review
in the order in which a judgement does (queue, item in `work`, review): a draft that is kept while its answer comes in
hinders nobody.

Candidates are taken in the order of `turn`: the moment since when the face waits, moved ahead by

- 14 days, if what its file shows may soon be gone from where it was published (`review_threatened`);
- 2 days, if chance alone seldom comes as near to a stranger (fewer than one in a thousand faces) as somebody does here;
- 2 days, if somebody has judged already, and a second person or a senior is due.

So nothing waits for ever, and no row has to be sorted anew as time passes.  A reviewer must not learn from the order
how near the software thinks somebody is, nor what others said: the last two weigh the same, so that who gets something
early cannot tell which it is; the least chance at a face counts for all people who are asked about there, and they come
by lot; and the page (`page`) lists rows by what may be told, the danger and the waiting, and by nothing else.

Whoever takes a candidate gets all that is asked about the face, one after the other: the rest is reserved for as long.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from sqlalchemy import Connection, RowMapping, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from lastseen.errors import WrongUse
from lastseen.judging import Stage
from lastseen.roles import Role
from lastseen.settings import Settings
from lastseen.words import words
from storage import accounts, candidates, care, known_pairs, reviews, sources, tellings
from storage.accounts import User
from storage.care import NO_LIMITS, Limits
from storage.custody import Action, Entry
from storage.known_pairs import Due
from storage.reviews import Ending, Review

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST: Final = 4
"""so many times as long as a review lasts at first it may last in all, while its page is open"""
TRIES: Final = 25
"""candidates that are looked at before a reviewer is told to come back: others took each of them meanwhile"""
ROWS_A_PAGE: Final = 25
LEAST_PEOPLE: Final = 5
"""filters on people leave at least so many, or else who works by them knows whom they are asked about"""
COUNTED: Final = 1000
"""faces that a filter leaves are counted so far"""
FLOW_DAYS: Final = 14
"""over which the forecast looks back"""
LEAST_DECIDED: Final = 10
"""candidates that people must have decided before a forecast is made of it"""

# --- who may have what --------------------------------------------------------------------------------------

# Whoever has seen enough that is graphic today is given other files only.
_MINE = """(stage <> 'senior' OR :senior) AND NOT (CAST(:user AS bigint) = ANY(judges || told))
       AND NOT (:graphic > 0
                AND (SELECT count(*) FROM reviews AS seen
                      WHERE seen.reviewer_id = :user AND seen.graphic_at >= date_trunc('day', now())) >= :graphic
                AND EXISTS (SELECT FROM content_warnings
                             WHERE content_warnings.blob_id = review_queue.blob_id AND withdrawn_at IS NULL))"""
_FREE = "(taken_until IS NULL OR taken_until <= now() OR taken_by = :user)"
_OF_POSTS: Final[Mapping[str, str]] = {
    "source": "posts.source_id = :source",
    "since": "coalesce(published_at, first_seen_at) >= CAST(:since AS date)",
    "until": "coalesce(published_at, first_seen_at) < CAST(:until AS date) + 1",
}
"""filters that one post has to pass, whichever carries the file"""
# Not by status: everybody who is asked about is searched for, and whether somebody is held is what others said.
_OF_PEOPLE: Final[Mapping[str, str]] = {"region": "persons.region = :region"}

NEXT = f"""
    SELECT candidate_id AS candidate, member FROM review_queue
     WHERE {_FREE} AND {_MINE} AND candidate_id <> ALL(CAST(:barred AS bigint[])){{filters}}
     ORDER BY turn, candidate_id LIMIT 1 FOR UPDATE SKIP LOCKED"""  # noqa: S608  our own words
RESERVED = f"""
    SELECT candidate_id AS candidate, member FROM review_queue
     WHERE taken_by = :user AND taken_until > now() AND {_MINE}
       AND candidate_id <> ALL(CAST(:barred AS bigint[])){{filters}}
     ORDER BY md5(candidate_id || ' ' || :user) LIMIT 1 FOR UPDATE SKIP LOCKED"""  # noqa: S608  our own words
# What others have reserved for later, and not looked at: it goes to whoever has nothing.  But not another question
# about the face that they look at, since one person answers all of them.
AHEAD = f"""
    SELECT candidate_id AS candidate, member, taken_by AS holder FROM review_queue
     WHERE taken_until > now() AND taken_by <> :user AND {_MINE} AND candidate_id <> ALL(CAST(:barred AS bigint[]))
       AND EXISTS (SELECT FROM reviews
                    WHERE reviews.candidate_id = review_queue.candidate_id AND reviewer_id = taken_by
                      AND ended_at IS NULL AND ahead AND draft = '{{{{}}}}')
       AND NOT EXISTS (SELECT FROM reviews JOIN review_queue AS beside USING (candidate_id)
                        WHERE reviewer_id = review_queue.taken_by AND ended_at IS NULL AND NOT ahead
                          AND beside.member = review_queue.member){{filters}}
     ORDER BY turn, candidate_id LIMIT 1 FOR UPDATE SKIP LOCKED"""  # noqa: S608  our own words
YIELD = text("""
    UPDATE review_queue SET taken_by = NULL, taken_until = NULL
     WHERE candidate_id IN (SELECT candidate_id FROM review_queue
                             WHERE member = :member AND taken_by = :holder
                             ORDER BY candidate_id FOR UPDATE SKIP LOCKED)""")
YIELDED = text(f"""
    SELECT {reviews.COLUMNS}
      FROM reviews WHERE candidate_id = :candidate AND reviewer_id = :holder AND ended_at IS NULL AND ahead""")  # noqa: S608  our own words
# All that is asked about the face, but what somebody else holds or changes at this moment.
RESERVE = text(f"""
    UPDATE review_queue SET taken_by = :user, taken_until = now() + :lasts
     WHERE candidate_id IN (SELECT candidate_id FROM review_queue
                             WHERE member = :member AND {_FREE} AND {_MINE}
                             ORDER BY candidate_id FOR UPDATE SKIP LOCKED)
    RETURNING candidate_id""")  # noqa: S608  our own words
LET_GO = text("""
    UPDATE review_queue SET taken_by = NULL, taken_until = NULL
     WHERE candidate_id IN (SELECT candidate_id FROM review_queue WHERE taken_by = :user FOR UPDATE SKIP LOCKED)""")

# Not offered again so soon: what its reviewer has in hand, or gave back half a day ago or less.
BARRED = text("""
    SELECT candidate_id FROM reviews
     WHERE reviewer_id = :user AND candidate_id IS NOT NULL
       AND (ended_at IS NULL OR (ending = 'returned' AND ended_at > now() - interval '12 hours'))""")

# --- what is in hand ----------------------------------------------------------------------------------------

RUN_OUT = text("""
    UPDATE reviews SET ended_at = ends_at, ending = 'ran out'
     WHERE reviewer_id = :user AND ended_at IS NULL AND ends_at <= now()""")
IN_HAND = text(f"""
    SELECT {reviews.COLUMNS}
      FROM reviews
     WHERE reviewer_id = :user AND ended_at IS NULL AND ends_at > now() ORDER BY id""")  # noqa: S608  our own words
RESERVE_AHEAD = text("UPDATE reviews SET ahead = true WHERE id = :id")
LOOKED_AT = text("UPDATE reviews SET ahead = false WHERE id = :id AND ahead")
# The one that is shown: it begins now, not when it was reserved.  What was described as it began was carried over.
SHOW = text("""
    UPDATE reviews SET begun_at = now(), ends_at = now() + :lasts, ahead = false,
                       described_at = CASE WHEN described_at IS NOT NULL THEN now() END
     WHERE id = :id AND coalesce(described_at, begun_at) = begun_at AND draft = '{}' AND ended_at IS NULL""")
MATCHES = "SELECT FROM review_queue WHERE candidate_id = :candidate{filters}"
# The picture or film for which a known pair passes: one of those that its reviewer could have got instead, by lot.
STANDS_FOR = f"""
    SELECT candidate_id FROM review_queue
     WHERE {_FREE} AND {_MINE}
       AND EXISTS (SELECT FROM analyses WHERE analyses.blob_id = review_queue.blob_id AND kind = :kind){{filters}}
     ORDER BY md5(candidate_id || ' ' || CAST(:lot AS text)) LIMIT 1"""  # noqa: S608  our own words
# What was noted of this face before, by the same person, lately: it is one face, whoever it is compared with.
CARRY = text("""
    UPDATE reviews SET described = before.described, described_at = now(),
                       draft = CASE WHEN before.candidate_id = reviews.candidate_id THEN before.draft ELSE '{}' END
      FROM (SELECT candidate_id, described, draft FROM reviews AS earlier
             WHERE reviewer_id = :user AND described_at > now() - interval '12 hours' AND ending <> 'returned'
               AND candidate_id IN (SELECT other.id FROM candidates AS other
                                     WHERE other.track_id IN (
                WITH RECURSIVE face (track) AS (
                    SELECT track_id FROM candidates WHERE id = :candidate
                     UNION SELECT CASE track WHEN one_track_id THEN other_track_id ELSE one_track_id END
                      FROM face JOIN cast_links ON track IN (one_track_id, other_track_id) AND withdrawn_at IS NULL)
                SELECT track FROM face))
             ORDER BY candidate_id = :candidate DESC, described_at DESC LIMIT 1) AS before
     WHERE reviews.id = :review AND reviews.described_at IS NULL
    RETURNING reviews.described, reviews.described_at, reviews.draft""")
KEEP_FILTERS = text("UPDATE reviews SET filters = :filters WHERE id = :review").bindparams(
    bindparam("filters", type_=JSONB)
)
FILTERS_OF = text("SELECT filters FROM reviews WHERE id = :review")
UNTIL = text("""
    SELECT greatest(ends_at, least(now() + :lasts, begun_at + :longest)) FROM reviews
     WHERE id = :review AND ended_at IS NULL""")
EXTEND = text("UPDATE reviews SET ends_at = :until WHERE id = :review AND ended_at IS NULL")
EXTEND_CLAIM = text("""
    UPDATE work SET ready_at = :until WHERE step = :step AND subject = :candidate AND lease = :token""")
EXTEND_HOLD = text("""
    UPDATE review_queue SET taken_until = :until
     WHERE candidate_id IN (SELECT candidate_id FROM review_queue
                             WHERE taken_by = :user
                               AND member = (SELECT member FROM review_queue WHERE candidate_id = :candidate)
                               FOR UPDATE SKIP LOCKED)""")

# --- looking ------------------------------------------------------------------------------------------------

FACES = f"""
    WITH faces AS (
        SELECT DISTINCT ON (threatened, since, member) threatened, since, member, candidate_id AS candidate, blob_id
          FROM review_queue
         WHERE {_FREE} AND {_MINE}{{filters}}
           AND (CAST(:after_member AS bigint) IS NULL
                OR (NOT threatened, since, member) > (:after_calm, CAST(:after_since AS timestamptz), :after_member))
         ORDER BY threatened DESC, since, member LIMIT :limit)
    SELECT candidate, member, threatened, since,
           (SELECT count(DISTINCT person_id) FROM review_queue
             WHERE review_queue.member = faces.member AND {_FREE} AND {_MINE}) AS people,
           analyses.kind, place.address, place.published_at, place.first_seen_at, coalesce(place.places, 0) AS places
      FROM faces
      JOIN tracks ON tracks.id = member
      JOIN analyses ON analyses.id = analysis_id
      LEFT JOIN LATERAL (SELECT {sources.SHOWN} AS address, published_at, first_seen_at, count(*) OVER () AS places
                           FROM posts JOIN sources ON sources.id = posts.source_id
                          WHERE posts.id IN (SELECT post_id FROM media_items WHERE media_items.blob_id = faces.blob_id)
                          ORDER BY first_seen_at, posts.id LIMIT 1) AS place ON true
     ORDER BY threatened DESC, since, member"""  # noqa: S608  our own words
HOW_MANY = f"""
    SELECT count(*) FROM (SELECT FROM review_queue WHERE {_FREE} AND {_MINE}{{filters}}
                           GROUP BY member LIMIT :limit) AS faces"""  # noqa: S608  our own words
SOURCES = text("""
    SELECT id, address FROM sources
     WHERE NOT single
       AND EXISTS (SELECT FROM posts JOIN media_items ON media_items.post_id = posts.id
                     JOIN review_queue ON review_queue.blob_id = media_items.blob_id
                    WHERE posts.source_id = sources.id)
     ORDER BY address""")
# Those that leave somebody enough people.
REGIONS = text(f"""
    SELECT region FROM review_queue JOIN persons ON persons.id = person_id WHERE {_MINE} AND region <> ''
     GROUP BY region HAVING count(DISTINCT person_id) >= :least ORDER BY region""")  # noqa: S608  our own words
PEOPLE_LEFT = f"""
    SELECT count(*) FROM (SELECT DISTINCT person_id FROM review_queue
                           WHERE {_MINE}{{filters}} LIMIT :least) AS people"""  # noqa: S608  our own words
# Everybody who may be asked has judged it, or was told of it.
FOR_NOBODY = """
    SELECT count(*) FROM review_queue
     WHERE NOT EXISTS (SELECT FROM users
                        WHERE disabled_at IS NULL
                          AND may_be_asked(stage, roles, users.id = ANY(judges), users.id = ANY(told)))"""
WAITING = text("SELECT stage, count(*) FROM review_queue GROUP BY stage")
# Days are counted as they were: an office that judges since yesterday has one day, not fourteen.
FLOW = text("""
    SELECT (SELECT count(*) FROM candidates
             WHERE created_at > now() - :window
               AND (EXISTS (SELECT FROM review_queue WHERE candidate_id = candidates.id)
                    OR EXISTS (SELECT FROM judgements WHERE candidate_id = candidates.id))) AS came,
           (SELECT count(*) FROM (SELECT DISTINCT ON (candidate_id) verdict FROM verdicts
                                   WHERE made_at > now() - :window ORDER BY candidate_id, id DESC) AS newest
             WHERE verdict <> 'open') AS decided,
           (SELECT extract(epoch FROM least(now() - min(created_at), :window)) / 86400 FROM candidates) AS came_days,
           (SELECT extract(epoch FROM least(now() - min(judged_at), :window)) / 86400 FROM judgements)
             AS decided_days""")
IN_DANGER = text("""
    SELECT DISTINCT track_id FROM review_queue JOIN candidates ON candidates.id = candidate_id
      JOIN (SELECT blob_id, review_threatened(blob_id) AS threatened
              FROM (SELECT DISTINCT blob_id FROM review_queue) AS files) AS now_so USING (blob_id)
     WHERE review_queue.threatened <> now_so.threatened""")
QUEUE_UP = text("SELECT queue_up(:tracks)")
ONE_AT_A_TIME = text("SELECT pg_try_advisory_xact_lock(hashtext('lastseen.review_queue'))")


class Why(StrEnum):
    """Why nobody was given anything."""

    EMPTY = "empty"
    """nothing waits that this person may judge, or that the filters leave"""
    TAKEN = "taken"
    """somebody else looks at it at this moment"""
    TOLD = "told"
    """they have seen whom it is about since they answered"""
    NARROW = "narrow"
    """the filters would tell them whom they are asked about"""
    LIMIT = "limit"
    """enough for today"""
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which candidates somebody wants to see; None or empty: all."""

    source: int | None = None
    """row id"""
    since: date | None = None
    """published on this day (UTC) or later; where no platform says when, first seen"""
    until: date | None = None
    region: str = ""
    """of the person, as the register has it"""

    def __bool__(self) -> bool:
        return any(value not in (None, "") for value in asdict(self).values())

    def said(self) -> dict[str, str | int]:
        """Those that are set, as a form or a custody event tells them."""
        return {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in asdict(self).items()
            if value not in (None, "")
        }

    @property
    def of_people(self) -> bool:
        """Whether they say something of the people who are asked about."""
        return bool(self.region)

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Self:
        """The other way round; what is not there is not set.  Raises ValueError."""
        source = str(said.get("source") or "")
        since, until = (_day(str(said.get(name) or "")) for name in ("since", "until"))
        return cls(int(source) if source else None, since, until, str(said.get("region") or ""))

    def statement(self, sql: str) -> TextClause:
        """A statement of this file with these filters in it."""
        posts = [clause for name, clause in _OF_POSTS.items() if name in self.said()]
        people = [clause for name, clause in _OF_PEOPLE.items() if name in self.said()]
        clauses = ""
        if posts:
            clauses += f""" AND blob_id IN (SELECT media_items.blob_id FROM posts JOIN media_items ON post_id = posts.id
                                             WHERE {" AND ".join(posts)})"""  # noqa: S608  our own words
        if people:
            clauses += f" AND person_id IN (SELECT id FROM persons WHERE {' AND '.join(people)})"  # noqa: S608  ours
        return text(sql.format(filters=clauses))


ALL: Final = Filters()


class TooNarrow(WrongUse):
    """Filters that would tell whom a face is compared with; the message is for the person."""

    def __init__(self) -> None:
        super().__init__(
            words(
                "These filters leave fewer than {least} people, so that you would know whom you are asked about before"
                " you have described the face. Choose a larger region, or none.",
                least=LEAST_PEOPLE,
            )
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """How an office reviews."""

    lasts: timedelta
    """for so long a candidate is one person's, from when its page was last heard of"""
    limits: Limits = field(default_factory=Limits)
    known_pair: Callable[[Connection, User], Due | None] | None = None
    """which known pair is this person's turn; None: none is ever"""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        share = settings.known_pairs
        pairs = (lambda db, user: known_pairs.due(db, user, share)) if share else None
        return cls(timedelta(minutes=settings.review_minutes), Limits.of(settings), pairs)


@dataclass(frozen=True, slots=True)
class Taken:
    """What somebody may look at now."""

    review: Review
    entries: tuple[Entry, ...] = ()
    """for the custody log, last in the transaction; none: they had it before"""


@dataclass(frozen=True, slots=True)
class Row:
    """One face of one file that waits, as the page shows it."""

    candidate: int
    """row id of one of its candidates"""
    member: int
    """least of the row ids of its tracks"""
    people: int
    """with how many it is to be compared"""
    threatened: bool
    """what shows it disappears from where it was published"""
    since: datetime
    """when it began to wait"""
    kind: str
    """of the file: `video` or `image`"""
    address: str | None
    """of the source whose post was seen first with these bytes"""
    published_at: datetime | None
    first_seen_at: datetime | None
    places: int
    """how many posts carry the same bytes"""

    @property
    def place(self) -> str:
        """Where the list goes on after this row: `Page.after`."""
        return f"{int(not self.threatened)}.{int(self.since.timestamp() * 1_000_000)}.{self.member}"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of what waits for one person."""

    rows: tuple[Row, ...]
    faces: int
    """how many wait that the filters leave, counted up to `COUNTED`"""
    after: str | None
    """where the next page goes on; None: this is the last"""


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be filtered by."""

    sources: Mapping[int, str]
    """row id -> address, of those that something waits from"""
    regions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Forecast:
    """How much waits, and how fast it comes and goes."""

    first: int
    second: int
    senior: int
    for_nobody: int
    """of all: nobody is left who may be asked, since everybody has judged it, or has seen what others should not"""
    came_a_day: float | None
    """over the last days, `FLOW_DAYS` at most; None: not known"""
    decided_a_day: float | None
    """None: nobody has judged for as long as a day"""
    days_left: float | None
    """until nothing waits, if all goes on like this; None: not known, or it grows"""

    @property
    def waiting(self) -> int:
        """Candidates that wait for somebody."""
        return self.first + self.second + self.senior

    @property
    def grows(self) -> bool:
        """Whether more comes than is decided."""
        known = self.came_a_day is not None and self.decided_a_day is not None
        return known and self.days_left is None and self.waiting > 0


def take(db: Connection, user: User, terms: Terms, filters: Filters = ALL) -> Taken | Why:
    """Give somebody the next candidate or known pair that is their turn.

    Whoever has something in hand gets that again, if it is what they ask for: two tabs are one review.  Nobody names
    what they want: they would know where and when it was published, and no known pair would hide among it.
    """
    db.execute(RUN_OUT, {"user": user.id})
    if (why := care.why_not(db, user.id, terms.limits)) is not None:
        return Why(why)
    if is_too_narrow(db, user, filters):
        return Why.NARROW
    for held in in_hand(db, user):
        if _matches(db, held, filters) and (shown := _shown(db, held, terms)) is not None:
            return Taken(shown)
        if held.described_at is None and not held.draft:
            give_back(db, held, Ending.SET_ASIDE)
    found = _next(db, user, terms, filters)
    if found is Why.EMPTY and not in_hand(db, user) and _have_yielded(db, user, filters):
        found = _next(db, user, terms, filters)
    if isinstance(found, Why):
        return found
    return _taken(db, found, filters)


def is_too_narrow(db: Connection, user: User, filters: Filters) -> bool:
    """Whether filters on people leave so few that somebody knew whom they are asked about."""
    if not filters.of_people:
        return False
    values = {**_who(user), **filters.said(), "least": LEAST_PEOPLE}
    left: int = db.execute(filters.statement(PEOPLE_LEFT), values).scalar_one()
    return left < LEAST_PEOPLE


def take_after(db: Connection, done: Review, terms: Terms) -> Taken | Why:
    """What comes after a review, by the filters with which that was taken."""
    return take(db, done.reviewer, terms, filters_of(db, done))


def ahead(db: Connection, now: Review, terms: Terms) -> Taken | None:
    """Reserve what comes after the review that is on the screen, so that its pictures can be there in time.

    Asked again, it is the same one.  `take` hands it out; what nobody comes for runs out, and goes before that to
    whoever finds nothing else.
    """
    others = [held for held in in_hand(db, now.reviewer) if held.id != now.id]
    if others:
        return Taken(others[0])
    if care.why_not(db, now.reviewer.id, terms.limits, after=1) is not None:
        return None
    filters = filters_of(db, now)
    found = _next(db, now.reviewer, terms, filters)
    if isinstance(found, Why):
        return None
    db.execute(RESERVE_AHEAD, {"id": found.id})
    return _taken(db, found, filters)


def looked_at(db: Connection, review: Review) -> None:
    """Its page is shown: it is not only reserved any more."""
    db.execute(LOOKED_AT, {"id": review.id})


def in_hand(db: Connection, user: User) -> list[Review]:
    """The reviews of somebody that go on, the oldest first."""
    rows = db.execute(IN_HAND, {"user": user.id}).mappings()
    return [Review(reviewer=user, **row) for row in rows]


def filters_of(db: Connection, review: Review) -> Filters:
    """Those with which it was taken."""
    return Filters.of(db.execute(FILTERS_OF, {"review": review.id}).scalar_one())


def give_back(db: Connection, review: Review, ending: Ending = Ending.RETURNED) -> bool:
    """Let others have a candidate, and the rest that was reserved with it.  False: the review had ended.

    One that was given back is not offered to the same person for half a day; one that was set aside is.
    """
    ended = reviews.end(db, review, ending)
    if review.candidate is not None:
        mine = {"user": review.reviewer.id, "candidate": review.candidate, "until": None}
        db.execute(EXTEND_HOLD, mine)
    return ended


def set_all_aside(db: Connection, user: User) -> int:
    """Let others have whatever somebody has taken or reserved.  Returns how many reviews that ended."""
    ended = sum(reviews.end(db, held, Ending.SET_ASIDE) for held in in_hand(db, user))
    db.execute(LET_GO, {"user": user.id})
    return ended


def extend(db: Connection, review: Review, terms: Terms) -> datetime:
    """Somebody is still there: the candidate stays theirs for as long as at first, `LONGEST` times that at most.

    Returns until when.  To be called when a page keeps its draft.
    """
    values = {"review": review.id, "lasts": terms.lasts, "longest": LONGEST * terms.lasts}
    until: datetime | None = db.execute(UNTIL, values).scalar()
    if until is None:
        return review.ends_at
    if review.candidate is not None:
        held = {"until": until, "candidate": review.candidate, "token": review.token, "user": review.reviewer.id}
        db.execute(EXTEND_HOLD, held)
        db.execute(EXTEND_CLAIM, {**held, "step": reviews.STEP})
    db.execute(EXTEND, {"review": review.id, "until": until})
    return until


def page(
    db: Connection, user: User, filters: Filters = ALL, after: str | None = None, limits: Limits = NO_LIMITS
) -> Page:
    """What waits for somebody, one row a face: what may soon be gone first, then what waits longest.

    Raises ValueError for an `after` that no page has given, and TooNarrow.
    """
    if is_too_narrow(db, user, filters):
        raise TooNarrow
    values = {**_who(user, limits), **filters.said()}
    found = db.execute(filters.statement(FACES), {**values, **_after(after), "limit": ROWS_A_PAGE + 1}).mappings()
    rows = tuple(Row(**row) for row in found)
    faces: int = db.execute(filters.statement(HOW_MANY), {**values, "limit": COUNTED}).scalar_one()
    shown = rows[:ROWS_A_PAGE]
    return Page(shown, faces, shown[-1].place if len(rows) > ROWS_A_PAGE else None)


def choices(db: Connection, user: User) -> Choices:
    """What somebody can filter the queue by now: of regions those that leave enough people."""
    regions = db.execute(REGIONS, {**_who(user), "least": LEAST_PEOPLE}).scalars().all()
    return Choices({row.id: row.address for row in db.execute(SOURCES)}, regions)


def forecast(db: Connection) -> Forecast:
    """How much waits, and until when, as far as that can be said."""
    waiting = {row[0]: row[1] for row in db.execute(WAITING)}
    flow = db.execute(FLOW, {"window": timedelta(days=FLOW_DAYS)}).one()
    came = flow.came / float(flow.came_days) if flow.came_days and flow.came_days >= 1 else None
    enough = flow.decided_days and flow.decided_days >= 1 and flow.decided >= LEAST_DECIDED
    decided = flow.decided / float(flow.decided_days) if enough else None
    left = None
    if came is not None and decided is not None and decided > came:
        left = sum(waiting.values()) / (decided - came)
    first, second, senior = (waiting.get(stage, 0) for stage in Stage)
    for_nobody: int = db.execute(text(FOR_NOBODY)).scalar_one()
    return Forecast(first, second, senior, for_nobody, came, decided, left)


def refresh(db: Connection) -> int:
    """Look again which files are in danger of being all that is left.  Returns how many tracks that concerned.

    That follows from other posts of the same source, and from time; nobody has to wait for it.
    """
    if not db.execute(ONE_AT_A_TIME).scalar():
        return 0
    tracks = db.execute(IN_DANGER).scalars().all()
    if tracks:
        candidates.lock(db)
        db.execute(QUEUE_UP, {"tracks": list(tracks)})
    return len(tracks)


def _day(written: str) -> date | None:
    return date.fromisoformat(written) if written else None


def _who(user: User, limits: Limits = NO_LIMITS) -> dict[str, object]:
    return {"user": user.id, "senior": Role.SENIOR in user.roles, "graphic": limits.graphic}


def _after(place: str | None) -> dict[str, object]:
    if place is None:
        return {"after_calm": None, "after_since": None, "after_member": None}
    calm, micros, member = map(int, place.split("."))
    since = EPOCH + timedelta(microseconds=micros)
    return {"after_calm": bool(calm), "after_since": since, "after_member": member}


def _matches(db: Connection, held: Review, filters: Filters) -> bool:
    if not filters:
        return True
    candidate = held.candidate or _stands_for(
        db, held.reviewer, filters_of(db, held), as_film=held.as_film, lot=str(held.token)
    )
    values = {"candidate": candidate, **filters.said()}
    return db.execute(filters.statement(MATCHES), values).first() is not None


def _stands_for(
    db: Connection, user: User, filters: Filters, *, as_film: bool, lot: str = "", limits: Limits = NO_LIMITS
) -> int | None:
    """What waits in a film, or a picture, and may be what somebody has in hand; None: a known pair would be known.

    By filters, too: who asks for what nobody waits with, or for films, could otherwise tell one from a candidate.
    """
    values = {**_who(user, limits), **filters.said(), "lot": lot, "kind": "video" if as_film else "image"}
    found: int | None = db.execute(filters.statement(STANDS_FOR), values).scalar()
    return found


def _hides(db: Connection, user: User, pair: Due, terms: Terms, filters: Filters) -> bool:
    return _stands_for(db, user, filters, as_film=pair.as_film, limits=terms.limits) is not None


def _shown(db: Connection, held: Review, terms: Terms) -> Review | None:
    """None: it has gone to somebody else at this moment."""
    extend(db, held, terms)
    db.execute(SHOW, {"id": held.id, "lasts": terms.lasts})
    looked_at(db, held)
    return reviews.find(db, held.token, held.reviewer)


def _have_yielded(db: Connection, user: User, filters: Filters) -> bool:
    """Have somebody give up what they reserved for later.  False: nobody has anything for this person."""
    barred = list(db.execute(BARRED, {"user": user.id}).scalars())
    for _ in range(TRIES):
        values = {**_who(user), **filters.said(), "barred": barred}
        row = db.execute(filters.statement(AHEAD), values).mappings().first()
        if row is None:
            return False
        if not tellings.was_told(db, user, row["candidate"]):
            _yield(db, row)
            return True
        barred.append(row["candidate"])
    return False


def _yield(db: Connection, row: RowMapping) -> None:
    """End a reservation of somebody else, and free its face."""
    db.execute(YIELD, {"member": row["member"], "holder": row["holder"]})
    holder = accounts.user_of(db, row["holder"])
    held = db.execute(YIELDED, {"candidate": row["candidate"], "holder": row["holder"]}).mappings().first()
    if holder is not None and held is not None:
        reviews.end(db, Review(reviewer=holder, **held), Ending.SET_ASIDE)


def _next(db: Connection, user: User, terms: Terms, filters: Filters) -> Review | Why:
    """What is reserved for them, a known pair that is due, or what is next; what turns out to be taken is passed by."""
    barred = list(db.execute(BARRED, {"user": user.id}).scalars())
    values = {**_who(user, terms.limits), **filters.said()}
    asked_for_pair = False
    for _ in range(TRIES):
        row = db.execute(filters.statement(RESERVED), {**values, "barred": barred}).first()
        if row is None and not asked_for_pair:
            asked_for_pair = True
            pair = terms.known_pair(db, user) if terms.known_pair else None
            if pair is not None and _hides(db, user, pair, terms, filters):
                return reviews.begin_known(db, user, pair.pair, terms.lasts, as_film=pair.as_film)
        if row is None:
            row = db.execute(filters.statement(NEXT), {**values, "barred": barred}).first()
        if row is None:
            return Why.EMPTY
        begun = _begin(db, user, terms, row.candidate, row.member, barred)
        if isinstance(begun, Review):
            return begun
        barred.append(begun)
    return Why.EMPTY


def _begin(
    db: Connection, user: User, terms: Terms, candidate: int, member: int, barred: Sequence[int]
) -> Review | int:
    """Take up one of what is asked about a face, by lot; or the candidate that cannot be had."""
    reserved = db.execute(RESERVE, {**_who(user, terms.limits), "member": member, "lasts": terms.lasts}).scalars().all()
    free: list[int] = [one for one in reserved if one not in barred] or [candidate]
    lot = min(free, key=lambda one: _lot(one, user))
    if tellings.was_told(db, user, lot):  # since the queue was last told so
        return lot
    begun = reviews.begin(db, user, lot, terms.lasts)
    if begun is None:
        return lot
    return _carried(db, begun)


def _lot(candidate: int, user: User) -> str:
    """As the statement for what is reserved has it."""
    return hashlib.md5(f"{candidate} {user.id}".encode(), usedforsecurity=False).hexdigest()


def _carried(db: Connection, begun: Review) -> Review:
    """With what was noted of the face before."""
    values = {"user": begun.reviewer.id, "candidate": begun.candidate, "review": begun.id}
    carried = db.execute(CARRY, values).mappings().first()
    return replace(begun, **carried) if carried else begun


def _taken(db: Connection, review: Review, filters: Filters) -> Taken:
    if filters:
        db.execute(KEEP_FILTERS, {"review": review.id, "filters": filters.said()})
    subject = f"known_pair:{review.known_pair}" if review.candidate is None else f"candidate:{review.candidate}"
    return Taken(review, (Entry(Action.TOOK_UP, subject, {"review": review.id}),))
