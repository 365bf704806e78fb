"""Video sites: who may ask one now.  Every time here is the database's own, so that all workers mean the same.

A site has one row, named by its host (`extractors.addresses.site_of`).  Two visits to it begin a pause apart, whichever
worker makes them; one that refuses us as a whole is closed for a while, which doubles each time it refuses again after
that, and is forgotten by and by.  After a refusal it has one visitor at a time, until it has answered often enough.

A visitor is a worker that holds an item: `work.visits` names the site for as long as its lease lasts, so a worker that
dies is a visitor no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from lastseen.outcomes import Fault
from storage.work import Claim, LeaseLost

LONGEST_REST = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=1)
"""a refusal so long ago counts no more"""
MOST_REFUSALS = 16
"""more do not make the rest longer"""

# What is left of the refusals, as an expression.
LEVEL = """greatest(0, refusals - floor(coalesce(extract(epoch FROM clock_timestamp() - refused_at), 0)
                                       / extract(epoch FROM CAST(:forgotten AS interval)))::int)"""

# Visitors that count beside one more of this step: downloads, and all while the site is not trusted.
VISITORS = f"""(SELECT count(*) FROM work
                 WHERE visits = sites.site AND lease IS NOT NULL AND ready_at > clock_timestamp() AND id <> :item
                   AND (work.step = :step OR {LEVEL} > 0))"""  # noqa: S608  our own expression

MOST = f"CASE WHEN {LEVEL} > 0 THEN 1 WHEN :step = 'fetch' THEN CAST(:downloads AS int) ELSE 2147483647 END"

ADD = text("INSERT INTO sites (site) VALUES (:site) ON CONFLICT DO NOTHING")

LOCK = text("SELECT site FROM sites WHERE site = :site FOR UPDATE")

LOOK = text(f"""
    SELECT why, greatest(closed_until - clock_timestamp(), interval '0') AS closed_for,
           greatest(next_at - clock_timestamp(), interval '0') AS pause, {VISITORS} >= {MOST} AS full
      FROM sites WHERE site = :site""")  # noqa: S608  our own expressions

ENTER = text("""
    UPDATE sites SET next_at = greatest(next_at, clock_timestamp())
                               + :pause * (1 + CAST(:jitter AS double precision) * (2 * random() - 1))
     WHERE site = :site""")

VISIT = text("UPDATE work SET visits = :site, site = coalesce(site, :site) WHERE id = :item AND lease = :token")

UNAVAILABLE = text(f"""
    SELECT site FROM sites
     WHERE closed_until > clock_timestamp() OR next_at > clock_timestamp() + :patience OR {VISITORS} >= {MOST}""")  # noqa: S608

CLOSED = text("SELECT site FROM sites WHERE closed_until > clock_timestamp()")

# Whoever is refused while it is closed already was on the way: that is no second refusal.
REFUSE = text(f"""
    UPDATE sites
       SET refusals = CASE WHEN closed_until > clock_timestamp() THEN refusals
                           ELSE least({LEVEL} + 1, :most) END,
           closed_until = greatest(
               closed_until, :until,
               CASE WHEN closed_until > clock_timestamp() THEN NULL
                    ELSE clock_timestamp() + least(:rest * power(2, {LEVEL}), :longest) END),
           refused_at = clock_timestamp(), outcome = :outcome, why = :why
     WHERE site = :site
    RETURNING closed_until, refusals""")  # noqa: S608

# Not what was asked before it closed; and rarely written, so that many who visit one site do not wait for each other.
ANSWER = text(f"""
    UPDATE sites SET answered_at = clock_timestamp(), closed_until = NULL, refusals = greatest({LEVEL} - 1, 0)
     WHERE site = :site AND (closed_until IS NULL OR closed_until <= clock_timestamp())
       AND (refusals > 0 OR answered_at IS NULL OR answered_at < clock_timestamp() - interval '1 minute')""")  # noqa: S608

OPEN = text("""
    UPDATE sites SET closed_until = NULL, refusals = 0, next_at = least(next_at, clock_timestamp())
     WHERE site = :site""")

HASTEN = text("""
    UPDATE work SET ready_at = now(), blocks = 0
     WHERE site = :site AND state = 'open' AND lease IS NULL AND outcome IN ('BLOCKED', 'WAIT') AND ready_at > now()""")

EVERY = text(f"""
    SELECT site, {LEVEL} AS refusals, outcome, why, refused_at, answered_at,
           CASE WHEN closed_until > clock_timestamp() THEN closed_until END AS closed_until,
           (SELECT count(*) FROM work WHERE work.site = sites.site AND state = 'open') AS waiting
      FROM sites ORDER BY site""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Manners:
    """How the office behaves towards a site."""

    pause: timedelta
    """between the beginnings of two visits"""
    jitter: float
    """0 .. 1: by how much of itself the pause varies"""
    patience: timedelta
    """a worker waits no longer than that for its turn: it gives its item back"""
    downloads: int
    """of one site at once"""
    rest: timedelta
    """after a first refusal"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a worker may ask a site."""

    wait: timedelta
    """until its turn, or until it should try again"""
    mine: bool
    """it may, after that wait"""
    why: str = ""
    """why not"""


@dataclass(frozen=True, slots=True)
class Site:
    """How a site stands."""

    site: str
    refusals: int
    """what is left of them"""
    outcome: str
    """class of the last refusal; empty: there was none"""
    why: str
    refused_at: datetime | None
    answered_at: datetime | None
    closed_until: datetime | None
    """nobody asks it before; None: it is open"""
    waiting: int
    """items that go there and are not ended"""


def unavailable(db: Connection, step: str, manners: Manners) -> Sequence[str]:
    """Sites that a worker of this step should not take an item of now."""
    return db.execute(UNAVAILABLE, {**_values(step, 0, manners), "patience": manners.patience}).scalars().all()


def closed(db: Connection) -> Sequence[str]:
    """Sites that nobody is to ask now."""
    return db.execute(CLOSED).scalars().all()


def enter(db: Connection, claim: Claim, site: str, manners: Manners) -> Turn:
    """Take a turn at a site for the holder of an item.  Raises LeaseLost."""
    values = {**_values(claim.step, claim.id, manners), "site": site, "token": claim.lease}
    db.execute(ADD, values)
    db.execute(LOCK, values)
    row = db.execute(LOOK, values).one()
    if row.closed_for:
        return Turn(row.closed_for, mine=False, why=f"nobody asks {site} now: {row.why}")
    if row.full:
        return Turn(manners.patience, mine=False, why=f"another worker is at {site}")
    if row.pause > manners.patience:
        return Turn(row.pause, mine=False, why=f"{site} was asked a moment ago")
    if db.execute(VISIT, values).rowcount != 1:
        raise LeaseLost(f"{claim.step} {claim.subject}")
    db.execute(ENTER, values)
    return Turn(row.pause, mine=True)


@dataclass(frozen=True, slots=True)
class Closed:
    """What a refusal did."""

    until: datetime
    refusals: int


def refuse(db: Connection, site: str, fault: Fault, why: str, until: datetime | None, manners: Manners) -> Closed:
    """Nobody asks the site before its rest is over, and not before `until`."""
    db.execute(ADD, {"site": site})
    values = {
        "site": site,
        "outcome": fault,
        "why": why,
        "until": until,
        "rest": manners.rest,
        "longest": LONGEST_REST,
        "most": MOST_REFUSALS,
        "forgotten": FORGOTTEN_AFTER,
    }
    row = db.execute(REFUSE, values).one()
    return Closed(row.closed_until, row.refusals)


def answered(db: Connection, site: str) -> bool:
    """The site gave what was asked for.  Returns whether that is news."""
    return db.execute(ANSWER, {"site": site, "forgotten": FORGOTTEN_AFTER}).rowcount > 0


def reopen(db: Connection, site: str) -> bool:
    """An operator has it asked again, and all that was refused there.  Returns whether it is known."""
    known = db.execute(OPEN, {"site": site}).rowcount > 0
    db.execute(HASTEN, {"site": site})
    return known


def every(db: Connection) -> list[Site]:
    """All that were asked, by name."""
    return [Site(**row) for row in db.execute(EVERY, {"forgotten": FORGOTTEN_AFTER}).mappings()]


def _values(step: str, item: int, manners: Manners) -> dict[str, object]:
    return {
        "step": step,
        "item": item,
        "downloads": manners.downloads,
        "pause": manners.pause,
        "jitter": manners.jitter,
        "forgotten": FORGOTTEN_AFTER,
    }
