"""The Telegram accounts that this process uses: each is locked against every other worker while it is connected.

A line stays open from one item to the next, since connecting costs seconds and looks suspicious when it is done often.
Whoever has nothing to do lets go of it, so that others have their turn.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from extractors.telegram.line import Access, Line
from lastseen.settings import Settings
from storage import office_keys, telegram_accounts
from storage.database import Engine
from storage.sealing import Secrets
from storage.telegram_accounts import AccountLock

log = logging.getLogger("lastseen.lines")


@dataclass(frozen=True, slots=True)
class _Held:
    """One account in use."""

    lock: AccountLock
    line: Line
    session: str = field(repr=False)
    """as it is kept"""
    hands: ThreadPoolExecutor
    """that read ahead"""
    ahead: dict[int, "Future[Any]"] = field(default_factory=dict)
    """source -> what is being read of it"""


class Lines:
    """All that one worker holds."""

    def __init__(self, db: Engine, settings: Settings) -> None:
        self._db, self._settings = db, settings
        self._held: dict[int, _Held] = {}

    def of(self, account: int) -> Line:
        """The line of an account, connected, and ours alone; waits for another worker to let go of it.

        Raises AccountBusy when that takes too long, extractors.telegram.faults.Unanswered, WrongUse where Telegram is
        not set up, CannotOpen for a session that was sealed with another key.
        """
        held = self._held.get(account)
        if held is not None and not held.lock.is_held():
            log.warning("account %d: the lock went with the connection to the database; asking for it anew", account)
            self._let_go(account)
            held = None
        if held is None:
            held = self._held[account] = self._take(account)
        return held.line

    def read_ahead(self, account: int, source: int, read: Callable[[], object]) -> None:
        """Have what will be asked for next be read while what was read before is kept; it may be lost."""
        held = self._held[account]
        held.ahead[source] = held.hands.submit(read)

    def taken(self, account: int, source: int) -> Any:
        """What was read ahead, once it is there, or whatever that raises; None: nothing was."""
        found = self._held[account].ahead.pop(source, None)
        return found.result() if found else None

    def rest(self) -> None:
        """Let others have the accounts."""
        for account in list(self._held):
            self._let_go(account)

    def _take(self, account: int) -> _Held:
        access = Access.of(self._settings)
        lock = AccountLock(self._db, account, timedelta(seconds=self._settings.telegram_lock_seconds))
        try:
            with self._db.begin() as db:
                key = office_keys.secrets(db, self._settings)
                session = telegram_accounts.session(db, account, key)
            line = Line(
                access,
                account,
                session,
                self._settings.telegram_patience_seconds,
                self._settings.telegram_pause_seconds,
            )
            hands = ThreadPoolExecutor(1, thread_name_prefix=f"ahead-{account}")
            return _Held(lock, line, self._as_now(account, session, line, key), hands)
        except BaseException:
            lock.release()
            raise

    def _as_now(self, account: int, session: str, line: Line, key: Secrets) -> str:
        """The session, kept anew where Telegram has moved the account."""
        if line.session != session:
            with self._db.begin() as db:
                telegram_accounts.keep_session(db, account, line.session, key)
        return line.session

    def _let_go(self, account: int) -> None:
        held = self._held.pop(account)
        held.hands.shutdown(wait=False, cancel_futures=True)
        try:
            held.line.close()
            held.hands.shutdown()
        finally:
            held.lock.release()
