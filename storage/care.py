"""Care for those who look: how much they have seen today, limits, breaks and pauses.

A day is a day in UTC.  What somebody has seen is counted from `reviews`: those that they answered, candidates and known
pairs alike.  Nothing is kept of a pause but that it lasts.

Graphic content is counted by itself: each review of a file that somebody warned of, once one of its pictures went out.
Whoever has seen enough of it goes on with other files; no senior has them see more.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Self

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.roles import Role
from lastseen.settings import Settings
from lastseen.words import words
from storage.accounts import User
from storage.custody import Action, Entry

BREAK: Final = timedelta(minutes=10)
"""without a review, and whoever looks has rested"""

SEEN = text("""
    WITH today AS (
        SELECT greatest(begun_at, date_trunc('day', now())) AS begun_at, ended_at, ending
          FROM reviews
         WHERE reviewer_id = :user AND ended_at >= date_trunc('day', now()) AND ending IN ('judged', 'returned')),
         stretches AS (
        SELECT begun_at, begun_at - max(ended_at) OVER (ORDER BY begun_at, ended_at
                                           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS rested
          FROM today)
    SELECT (SELECT count(*) FROM today WHERE ending = 'judged') AS items,
           (SELECT count(*) FROM reviews
             WHERE reviewer_id = :user AND graphic_at >= date_trunc('day', now())) AS graphic,
           (SELECT coalesce(sum(ended_at - begun_at), interval '0') FROM today) AS at_it,
           CASE WHEN (SELECT max(ended_at) FROM today) > now() - CAST(:rest AS interval)
                THEN now() - (SELECT max(begun_at) FROM stretches WHERE rested IS NULL OR rested >= :rest)
           END AS without_break,
           EXISTS (SELECT FROM review_pauses WHERE user_id = :user) AS paused,
           EXISTS (SELECT FROM limit_lifts
                    WHERE user_id = :user AND lifted_at >= date_trunc('day', now())) AS lifted""")
PAUSE = text("INSERT INTO review_pauses (user_id) VALUES (:user) ON CONFLICT DO NOTHING")
GO_ON = text("DELETE FROM review_pauses WHERE user_id = :user")
LOOKED_ENOUGH = text("""
    SELECT users.id, name FROM reviews JOIN users ON users.id = reviewer_id
     WHERE ended_at >= date_trunc('day', now()) AND ending IN ('judged', 'returned')
     GROUP BY users.id
    HAVING (:items > 0 AND count(*) FILTER (WHERE ending = 'judged') >= :items)
        OR (:time > interval '0' AND sum(ended_at - greatest(begun_at, date_trunc('day', now()))) >= :time)
     ORDER BY name""")
LIFT = text("""
    INSERT INTO limit_lifts (user_id, lifted_by, reason)
    SELECT id, :senior, :reason FROM users WHERE name = :name RETURNING user_id""")


FORGET = text("UPDATE reviews SET graphic_at = NULL WHERE graphic_at < date_trunc('day', now())")


class NotToLift(WrongUse):
    """A limit that cannot be lifted so; the message says why, and may be shown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one person looks at in a day, and when a break is due; zero: as much as they like, or never."""

    items: int = 0
    """reviews that they answer"""
    time: timedelta = timedelta()
    """with reviews on the screen"""
    unbroken: timedelta = timedelta()
    """until they are asked to rest"""
    graphic: int = 0
    """reviews of files that somebody warned of, of which they see pictures"""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the settings say."""
        return cls(
            settings.review_items_a_day,
            timedelta(minutes=settings.review_minutes_a_day),
            timedelta(minutes=settings.review_break_minutes),
            settings.review_graphic_a_day,
        )

    def at_most(self, items: int) -> "Limits":
        """With somebody's own limit of items, where that is lower; zero: they set none."""
        least = min((limit for limit in (items, self.items) if limit), default=0)
        return replace(self, items=least)


NO_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody has looked at today."""

    items: int
    graphic: int
    """reviews of files that somebody warned of, of which they saw pictures"""
    at_it: timedelta
    without_break: timedelta | None
    """for how long they have been at it; None: they are not, or have just rested"""
    paused: bool
    lifted: bool
    """a senior had them go on beyond the limits today"""

    def is_enough(self, limits: Limits, after: int = 0) -> bool:
        """Whether a limit is reached, once `after` more reviews are answered."""
        too_many = 0 < limits.items <= self.items + after
        return not self.lifted and (too_many or timedelta() < limits.time <= self.at_it)

    def is_spared(self, limits: Limits) -> bool:
        """Whether they are given nothing graphic any more today, also where a senior had them go on."""
        return 0 < limits.graphic <= self.graphic

    def needs_break(self, limits: Limits) -> bool:
        """Whether they have been at it for long enough."""
        return self.without_break is not None and timedelta() < limits.unbroken <= self.without_break


def seen(db: Connection, user: int) -> Seen:
    """What somebody (row id) has looked at today."""
    return Seen(**db.execute(SEEN, {"user": user, "rest": BREAK}).mappings().one())


def why_not(db: Connection, user: int, limits: Limits, after: int = 0) -> str | None:
    """`paused`, `limit`, or None: nothing speaks against offering them one more, after so many others."""
    found = seen(db, user)
    if found.paused:
        return "paused"
    return "limit" if found.is_enough(limits, after) else None


def forget_days(db: Connection) -> None:
    """Keep of no day that is over what somebody saw that was graphic."""
    db.execute(FORGET)


def pause(db: Connection, user: User) -> None:
    """Nothing is offered to them from here on.  Call `review_queue.set_all_aside` with it."""
    db.execute(PAUSE, {"user": user.id})


def go_on(db: Connection, user: User) -> None:
    """The pause is over."""
    db.execute(GO_ON, {"user": user.id})


def at_their_limit(db: Connection, limits: Limits) -> list[str]:
    """Names of those who have reached a limit of the office's today, and were not told to go on."""
    rows = db.execute(LOOKED_ENOUGH, {"items": limits.items, "time": limits.time}).all()
    return [row.name for row in rows if seen(db, row.id).is_enough(limits)]


def lift(db: Connection, senior: User, name: str, reason: str) -> Entry:
    """Have somebody go on for the rest of the day.  Returns what the custody log must say.  Raises NotToLift."""
    if Role.SENIOR not in senior.roles:
        raise NotToLift(words("Only a senior lifts a limit."))
    if not reason.strip():
        raise NotToLift(words("Say why, for whoever reads the log later."))
    if name == senior.name:
        raise NotToLift(words("Nobody lifts their own limit: ask another senior."))
    user: int | None = db.execute(LIFT, {"senior": senior.id, "reason": reason.strip(), "name": name}).scalar()
    if user is None:
        raise NotToLift(words("There is no such account."))
    return Entry(Action.LIMIT_LIFTED, f"user:{name}", {}, reason.strip())
