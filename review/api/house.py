"""The installation, its custody log and its accounts, for programs."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue
from starlette.exceptions import HTTPException

from lastseen.errors import WrongUse
from lastseen.roles import Role
from review.api.door import Call, Day, Given, Id, LongReason, Told, Word
from review.house.log import PAGE
from review.problems import Refused
from review.roles import SENIORS
from storage import accounts, calibrations, custody, keeping_accounts, log_pages
from storage import status as storage_status
from storage.accounts import User
from storage.custody import Action
from storage.log_pages import Filters

# --- what is sent ------------------------------------------------------------------------------------------


class WhichEvents(Given):
    """Which events of the custody log, and from where on."""

    actor: Word = ""
    action: Word = ""
    subject: Word = ""
    since: Day | None = Field(None, description="on this day (UTC) or later")
    until: Day | None = Field(None, description="on this day or before")
    before: Id | None = Field(None, description="`before` of the page before")


class Why(Given):
    """Why an account is changed, for whoever reads the log later."""

    reason: Annotated[LongReason, Field(min_length=1)]


class RolesGiven(Why):
    """Which roles an account has from here on."""

    roles: Annotated[frozenset[Role], Field(min_length=1)]


class NewUser(Given):
    """An account to be made."""

    name: Annotated[Word, Field(min_length=1, max_length=64)]
    roles: Annotated[frozenset[Role], Field(min_length=1)]


# --- what is told ------------------------------------------------------------------------------------------


class TroubleTold(Told):
    """One item that did not get through, or not yet."""

    step: str
    item: str
    state: str
    outcome: str
    why: str


class Status(Told):
    """How many of everything there are."""

    counts: dict[str, int | dict[str, int]]
    troubles: tuple[TroubleTold, ...]


class BandTold(Told):
    """Probes of one range of quality."""

    least: float
    threshold: float
    watch: float
    curve: tuple[tuple[float, float], ...]


class CalibrationTold(Told):
    """One calibration."""

    id: int
    engine: str
    bands: tuple[BandTold, ...]
    fallback: str
    people: int
    photos: int
    pairs: int
    made_by: str
    made_at: datetime
    adopted_by: str | None
    adopted_at: datetime | None
    reason: str | None
    holds: bool


class Calibrations(Told):
    """What holds, and what was measured last."""

    calibrations: tuple[CalibrationTold, ...]


class EventTold(Told):
    """One event of the custody log."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, JsonValue] = Field(description="without others' answers for whoever may judge as well")
    reason: str
    hash: str


class Log(Told):
    """A page of the custody log, the newest first."""

    events: tuple[EventTold, ...]
    before: int | None = Field(description="where the next page goes on; null: this is the last")
    head: int = Field(description="number of the newest event before this reading")


class UserTold(Told):
    """One account."""

    id: int
    name: str
    roles: tuple[str, ...]
    disabled: bool


class AccountTold(Told):
    """One account as administrators see it."""

    user: UserTold
    added_at: datetime
    second_factor: bool
    sessions: int
    seen_at: datetime | None


class Users(Told):
    """All accounts, by name."""

    accounts: tuple[AccountTold, ...]


class Link(Told):
    """A link that signs an account in, once; it is shown this once."""

    user: UserTold
    link: str
    minutes: int = Field(description="for so long it works")


# --- what is done ------------------------------------------------------------------------------------------


def status(call: Call) -> Status:
    """How many of everything there are, and what did not get through."""
    with call.desk.stores.db.begin() as db:
        found, troubles = storage_status.counts(db), storage_status.troubles(db)
    counts = storage_status.for_reviewers(found, senior=bool(call.roles & SENIORS))
    return Status.model_validate({"counts": counts, "troubles": troubles})


def calibration(call: Call) -> Calibrations:
    """The calibration that holds of each engine, and the newest proposal."""
    with call.desk.stores.db.begin() as db:
        kept = calibrations.listed(db)
    shown = [one for number, one in enumerate(kept) if one.holds or number == 0]
    return Calibrations(calibrations=tuple(map(_calibration, shown)))


def log(call: Call, asked: WhichEvents) -> Log:
    """The custody log, the newest first; for who may judge as well, without reviews.  Reading it stands in it, too."""
    filters = Filters(asked.actor.strip(), asked.action.strip(), asked.subject.strip(), asked.since, asked.until)
    with call.desk.stores.db.begin() as db:
        try:
            lines = log_pages.page(db, call.user, filters, asked.before)
        except OverflowError as fault:
            raise Refused(422, "No calendar has the day after `until`.") from fault
        head = custody.head(db)
        said = {**filters.said(), **({"before": asked.before} if asked.before else {})}
        custody.append(db, call.user.name, Action.SEARCHED if filters.said() else Action.VIEWED, PAGE, said)
    shown = lines[: log_pages.MOST]
    before = shown[-1].seq if len(lines) > log_pages.MOST else None
    return Log(events=tuple(map(EventTold.model_validate, shown)), before=before, head=head.seq)


def users(call: Call) -> Users:
    """All accounts."""
    with call.desk.stores.db.begin() as db:
        return Users(accounts=tuple(map(AccountTold.model_validate, accounts.listed(db, call.desk.idle))))


def add_user(call: Call, given: NewUser) -> Link:
    """Make an account; whoever it is for comes in by the link, and chooses a password then."""
    with call.desk.stores.db.begin() as db:
        user = keeping_accounts.add(db, call.user.name, given.name, None, given.roles)
    return _link(call, user)


def link(call: Call) -> Link:
    """Make a one-time link, for a new account or a forgotten password."""
    user = _named(call)
    if user.disabled:
        raise Refused(409, f"{user.name} is disabled.")
    return _link(call, user)


def roles(call: Call, given: RolesGiven) -> UserTold:
    """Give an account these roles and no others; never one's own."""
    user = _another(call)
    with call.desk.stores.db.begin() as db:
        return UserTold.model_validate(keeping_accounts.roles(db, call.user.name, user, given.roles, given.reason))


def disable(call: Call, given: Why) -> None:
    """Let an account in no more; never one's own."""
    user = _another(call)
    with call.desk.stores.db.begin() as db:
        keeping_accounts.disable(db, call.user.name, user, given.reason)


def enable(call: Call, given: Why) -> None:
    """Let an account in again."""
    user = _named(call)
    with call.desk.stores.db.begin() as db:
        keeping_accounts.enable(db, call.user.name, user, given.reason)


def unlock(call: Call) -> None:
    """Let an account try to sign in again at once."""
    user = _named(call)
    with call.desk.stores.db.begin() as db:
        keeping_accounts.unlock(db, call.user.name, user)


def reset_second_factor(call: Call, given: Why) -> None:
    """Take an account's second factor away, and sign it out; never one's own."""
    user = _another(call)
    with call.desk.stores.db.begin() as db:
        keeping_accounts.reset_second_factor(db, call.user.name, user, given.reason)


def _named(call: Call) -> User:
    with call.desk.stores.db.begin() as db:
        user = accounts.user_of(db, call.id)
    if user is None:
        raise HTTPException(404)
    return user


def _another(call: Call) -> User:
    user = _named(call)
    if user.id == call.user.id:
        raise WrongUse("Nobody does that to their own account here: ask another administrator.")
    return user


def _link(call: Call, user: User) -> Link:
    with call.desk.stores.db.begin() as db:
        token = keeping_accounts.link(db, call.user.name, user)
    address = f"{call.desk.address(call.request)}/enter/{token}"
    minutes = int(accounts.LINK_LIFETIME.total_seconds() // 60)
    return Link(user=UserTold.model_validate(user), link=address, minutes=minutes)


def _calibration(kept: calibrations.Kept) -> CalibrationTold:
    told: dict[str, Any] = {name: getattr(kept, name) for name in CalibrationTold.model_fields if hasattr(kept, name)}
    of_it = {name: getattr(kept.calibration, name) for name in ("id", "engine", "bands", "fallback")}
    return CalibrationTold.model_validate({**told, **of_it})
