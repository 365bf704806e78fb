"""Figures of those who review: one's own, which nobody else sees, and the team's, for seniors.

Each page is there as JSON, too.  That somebody looked is in the custody log.
"""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lastseen.judging import CLEAR
from matchers import agreement
from review.desk import Desk, desk_of
from review.doors import user_of
from storage import custody, figures
from storage.care import Limits
from storage.custody import Action
from storage.figures import Errors, Member, Own, Pace, Team

Numbers = Mapping[str, object]


def me(request: Request) -> Response:
    """One's own figures."""
    found = _me(request)
    return desk_of(request).draw(request, "me.html", found=found, days=desk_of(request).settings.figures_days)


def me_json(request: Request) -> Response:
    """The same, for one's own scripts."""
    return JSONResponse(_me(request))


def team(request: Request) -> Response:
    """The team's figures."""
    found = _team(request)
    return desk_of(request).draw(request, "team.html", found=found, enough=figures.ENOUGH)


def team_json(request: Request) -> Response:
    """The same as JSON."""
    return JSONResponse(_team(request))


def _me(request: Request) -> Numbers:
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = figures.own(db, user.id, desk.settings.figures_days)
        custody.append(db, user.name, Action.LOOKED_AT_FIGURES, "figures:own")
    return as_own(found)


def _team(request: Request) -> Numbers:
    desk, user = desk_of(request), user_of(request)
    with desk.stores.db.begin() as db:
        found = figures.team(db, desk.settings.figures_days)
        custody.append(db, user.name, Action.LOOKED_AT_FIGURES, "figures:team")
    return as_team(found, _limits(desk))


def as_own(found: Own) -> Numbers:
    """One's own figures in plain words and numbers."""
    weeks = [
        {"week": one.week.isoformat(), "items": one.items, "median_seconds": round(one.median), **_counts(one.errors)}
        for one in found.weeks
    ]
    return {**as_errors(found.errors), "pace": as_pace(found.pace), "weeks": weeks}


def as_team(found: Team, limits: Limits) -> Numbers:
    """The team's figures; somebody's errors only where there are enough answers."""
    pairs = [(first, second) for first, second in found.both.answers if first is not None and second is not None]
    same = sum(_says(first) == _says(second) for first, second in found.both.answers)
    enough = len(found.both.answers) >= figures.ENOUGH  # of few, a senior who may have to settle one could read them
    return {
        "members": [_member(one, limits.at_most(one.own_limit).items) for one in found.members],
        "agreement": {
            "candidates": len(found.both.answers),
            "same": same if enough else None,
            "share": same / len(found.both.answers) if enough else None,
            "interval": agreement.interval(same, len(found.both.answers)) if enough else None,
            "alpha": agreement.alpha(pairs) if enough else None,
            "settled_by_seniors": found.both.settled,
        },
    }


def as_errors(errors: Errors, least: int = 0) -> dict[str, object]:
    """Both kinds of errors with their intervals; a kind with fewer than `least` answers is left out."""
    kinds = {"missed": (errors.missed, errors.genuine), "false_yes": (errors.false_yes, errors.strangers)}
    told = {
        name: None
        if answers < least
        else {"wrong": wrong, "answers": answers, "interval": agreement.interval(wrong, answers)}
        for name, (wrong, answers) in kinds.items()
    }
    return {"known_pairs": errors.genuine + errors.strangers, "left_open": errors.left_open, **told}


def as_pace(pace: Pace) -> dict[str, object]:
    """How long somebody looks, in seconds."""
    quarters: Sequence[float] | None = pace.quarters
    return {
        "items": pace.items,
        "quarters_seconds": None if quarters is None else [round(one) for one in quarters],
        "quick": pace.quick,
        "quick_seconds": round(figures.QUICK.total_seconds()),
        "days": figures.PACE_DAYS,
    }


def _member(one: Member, limit: int) -> Numbers:
    errors = as_errors(one.errors, figures.ENOUGH)
    errors.pop("left_open")  # of few answers it would tell the rest
    counts = {"today": one.today, "limit": limit or None, "seven_days": one.week, "items": one.items}
    return {"name": one.name, **counts, "undone": one.undone, "pace": as_pace(one.pace), **errors}


def _counts(errors: Errors) -> Numbers:
    pairs = {"known_pairs": errors.genuine + errors.strangers, "left_open": errors.left_open}
    return {**pairs, "missed": errors.missed, "false_yes": errors.false_yes}


def _says(answer: int | None) -> int:
    """1: one person, -1: two, 0: neither."""
    return 0 if answer is None else (answer >= CLEAR) - (answer <= -CLEAR)


def _limits(desk: Desk) -> Limits:
    return Limits.of(desk.settings)
