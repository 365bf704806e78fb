"""What an error of Telegram or Telethon means: on its type first, its words last.

Facts (Telethon 1.45):
- `FloodWaitError` and `FloodPremiumWaitError` are two classes; both have `seconds`.  A wait holds for one account and
  one kind of request, in whatever chat: after one the client refuses such requests by itself.
- 401 (`UnauthorizedError`) and 406 AUTH_KEY_DUPLICATED (`AuthKeyError`) end a session for good.  So does -404 below
  the API (`AuthKeyNotFound`), when the server has forgotten the key.
- A channel that turned private, or that has banned us, both are `ChannelPrivateError`.
- With `raise_last_call_error` the last one of several internal errors of Telegram (5xx, RPC_CALL_FAIL, -503) comes out.
- A connection that cannot be made any more is a plain ConnectionError; one that is lost while a request is under way
  is made anew, and the request sent again.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Never

from telethon import errors

from lastseen.clock import utcnow
from lastseen.outcomes import Fault, NotDone


class Unanswered(Exception):
    """Telegram did not give what was asked for."""

    def __init__(self, outcome: NotDone[Never]) -> None:
        super().__init__(outcome.why)
        self.outcome = outcome


class AccountLost(Unanswered):
    """Telegram lets this account in no more: somebody has to log in again."""


class ChatClosed(Unanswered):
    """This account cannot read the chat (any more)."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What to raise for a kind of error."""

    kind: type[Unanswered]
    fault: Fault
    why: str


FLOODS = (errors.FloodWaitError, errors.FloodPremiumWaitError, errors.FloodTestPhoneWaitError)
"""the server said how many seconds to wait"""

STALE = (
    errors.FileReferenceExpiredError,
    errors.FileReferenceEmptyError,
    errors.FileReferenceInvalidError,
)

MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Meaning], ...] = (
    (
        (errors.UnauthorizedError, errors.AuthKeyError, errors.AuthKeyNotFound),
        Meaning(AccountLost, Fault.BLOCKED, "Telegram lets the account in no more"),
    ),
    (
        (errors.ChannelPrivateError, errors.ChannelPublicGroupNaError, errors.UserBannedInChannelError),
        Meaning(ChatClosed, Fault.BLOCKED, "it is private, or has banned the account"),
    ),
    ((errors.UsernameNotOccupiedError,), Meaning(ChatClosed, Fault.GONE, "nobody on Telegram has this name")),
    ((errors.UsernameInvalidError,), Meaning(ChatClosed, Fault.SKIPPED, "this cannot be a name on Telegram")),
    ((errors.ChannelInvalidError,), Meaning(ChatClosed, Fault.GONE, "Telegram knows no such channel")),
    (STALE, Meaning(Unanswered, Fault.STALE, "the reference to the file has expired")),
    ((errors.FileIdInvalidError,), Meaning(Unanswered, Fault.GONE, "Telegram has no such file")),
    (
        (
            errors.ServerError,
            errors.RpcCallFailError,
            errors.RpcMcgetFailError,
            errors.InterdcCallErrorError,
            errors.InterdcCallRichErrorError,
            errors.TimedOutError,
        ),
        Meaning(Unanswered, Fault.TRANSIENT, "Telegram has internal trouble"),
    ),
    ((OSError, TimeoutError), Meaning(Unanswered, Fault.TRANSIENT, "Telegram did not answer")),
    ((errors.RPCError,), Meaning(Unanswered, Fault.DEFECT, "Telegram refuses a request of ours")),
)
"""the first that fits counts"""


def flood_seconds(error: BaseException) -> int | None:
    """How long to wait with requests of this kind; None: it is another error."""
    return max(int(error.seconds), 1) if isinstance(error, FLOODS) else None


def unanswered(error: BaseException) -> Unanswered:
    """What to raise in its place.  An error that is none of the world's is raised as it is: it is our bug."""
    if (seconds := flood_seconds(error)) is not None:
        return waiting(seconds)
    for kinds, meaning in MEANINGS:
        if isinstance(error, kinds):
            return meaning.kind(NotDone(meaning.fault, f"{meaning.why} ({_named(error)})"))
    raise error


def waiting(seconds: float) -> Unanswered:
    """Telegram asks for a rest."""
    until = utcnow() + timedelta(seconds=seconds)
    return Unanswered(NotDone(Fault.WAIT, f"Telegram asks to wait {seconds:.0f} s", until))


def _named(error: BaseException) -> str:
    """The error's name as Telegram gives it; never its whole text, which repeats the request."""
    return getattr(error, "message", None) or type(error).__name__
