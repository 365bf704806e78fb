"""What collecting, rechecking and fetching from video sites share: a turn at the site, how it is reached, its refusals.

No worker asks a site that is closed, and none asks it out of turn (`storage.sites`).  What a site says of us as a whole
is kept with the item that met it, and all workers heed it from then on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Final, Generic, TypeVar

from extractors.addresses import site_of
from lastseen.clock import iso, utcnow
from lastseen.outcomes import Fault, NotDone, Scope
from lastseen.records import NO_ACCESS, SiteAccess, Source
from lastseen.settings import Settings
from pipeline.runner import Bench, manners
from storage import alerts, office_keys, site_accounts, sites
from storage.database import Connection
from storage.site_accounts import Way
from storage.sites import Turn
from storage.work import Claim

FIRST_REST: Final = timedelta(hours=1)
LONGEST_REST: Final = timedelta(weeks=1)
"""of one page that is refused: for its age gate, its country, its members"""

Brought = TypeVar("Brought")


@dataclass(frozen=True, slots=True)
class Answered:
    """The site gave what was asked for, or said that it is not there."""

    site: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The site refuses us, whatever we ask for."""

    site: str
    fault: Fault
    why: str
    until: datetime | None
    """if it named a moment"""


@dataclass(frozen=True, slots=True)
class Expired:
    """An account was used whose cookies have ended."""

    account: int
    name: str


@dataclass(frozen=True, slots=True)
class Reached:
    """The site was reached with somebody's cookies or proxy: it may have shown what others do not see."""

    account: int


Told = Answered | Refused | Expired | Reached
"""what a visit teaches beside what it brought"""


@dataclass(frozen=True, slots=True)
class Visit(Generic[Brought]):
    """What one visit came to."""

    brought: Brought | NotDone[Any]
    told: tuple[Told, ...] = ()
    barred: bool = False
    """the site is not to be asked now: this one, and whatever else was to be asked of it, is for later"""


def visit(
    bench: Bench,
    claim: Claim,
    source: Source,
    address: str,
    ask: Callable[[SiteAccess], Brought | NotDone[Any]],
) -> Visit[Brought]:
    """Ask the site of an address, when it is our turn.  Raises storage.work.LeaseLost, storage.sealing.CannotOpen."""
    site = site_of(address)
    turn, way = _enter(bench, claim, source, site)
    if not turn.mine:  # an item of this very site is not claimed before it may be asked, and needs no rest of its own
        until = None if site == claim.site else utcnow() + turn.wait
        return Visit(NotDone(Fault.WAIT, turn.why, until), barred=True)
    sleep(turn.wait.total_seconds())
    brought = ask(way.access if way else NO_ACCESS)
    told: tuple[Told, ...] = (Reached(way.account),) if way else ()
    told += (Expired(way.account, way.name),) if way and way.expired else ()
    if not isinstance(brought, NotDone):
        return Visit(brought, (Answered(site), *told))
    return _not_done(claim, site, brought, told)


def _enter(bench: Bench, claim: Claim, source: Source, site: str) -> tuple[Turn, Way | None]:
    settings = bench.settings
    with bench.stores.db.begin() as db:
        turn = sites.enter(db, claim, site, manners(settings))
        way = site_accounts.of_source(db, source.id, lambda: office_keys.secrets(db, settings)) if turn.mine else None
    return turn, way


def _not_done(claim: Claim, site: str, met: NotDone[Any], beside: tuple[Told, ...]) -> Visit[Any]:
    if met.scope is Scope.SITE:
        refused = Refused(site, met.fault, met.why, met.until)
        return Visit(replace(met, until=None), (refused, *beside), barred=True)  # it waits for the site, not by itself
    told = (Answered(site), *beside) if met.fault is Fault.GONE or met.made else beside
    if met.fault is Fault.BLOCKED and met.until is None:
        rest = min(FIRST_REST * 2 ** min(claim.blocks, 8), LONGEST_REST)
        return Visit(replace(met, until=utcnow() + rest), told)
    return Visit(met, told)


def reached(made: Iterable[object]) -> dict[str, str | int]:
    """What the custody log says of how the site was reached: by which account, if by any."""
    return next(({"account": one.account} for one in made if isinstance(one, Reached)), {})


def keep(db: Connection, told: Told, settings: Settings) -> None:
    """Have all workers, and the operator, know."""
    match told:
        case Answered(site=site):
            if sites.answered(db, site):
                alerts.end(db, alerts.SITE_CLOSED, f"site:{site}")
        case Refused(site=site):
            closed = sites.refuse(db, site, told.fault, told.why, told.until, manners(settings))
            said = (
                f"{told.why}; nobody asks it before {iso(closed.until)}, refusal {closed.refusals} in a row:"
                f" `lastseen site open {site}` has it asked at once"
            )
            alerts.sound(db, alerts.SITE_CLOSED, f"site:{site}", said)
        case Expired(account=account, name=name):
            said = f"the cookies of {name} have expired: `lastseen site cookies {name}` takes new ones"
            alerts.sound(db, alerts.COOKIES_EXPIRED, f"site account:{account}", said)
