"""How often one may try to sign in: failures counted in the database, by account and by address, for all workers.

A try is counted before the password is looked at, so that tries side by side do not slip through; one that was right
takes its count back.  Counts fade by one each `FADES`.  At its limit a key is locked, for twice as long with each
failure more, up to `LONGEST`; an administrator unlocks an account.  Names that no account has are counted alike, so
that nothing tells which exist; of names and addresses only hashes are kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from sqlalchemy import Connection, text

FADES = timedelta(minutes=15)
"""a failure is forgotten in so long"""
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=2)
PER_NAME = 8
PER_ADDRESS = 24
"""an office sits behind one address"""
PER_FACTOR = 5
"""codes of six digits, three of which are right at a time: guessing takes years"""
FORGOTTEN = timedelta(days=2)
"""rows go that nobody has touched for so long"""
_IPV6_SITE = 64
"""bits that one holder of IPv6 addresses cannot choose from"""

COUNT_SO_FAR = text("""
    INSERT INTO sign_in_failures AS kept (key, failures) VALUES (:key, 0)
        ON CONFLICT (key) DO UPDATE SET key = kept.key
    RETURNING greatest(0, failures - extract(epoch FROM now() - counted_at) / :fades) AS failures,
              ceil(extract(epoch FROM locked_until - now())) AS wait""")
COUNT = text("""
    UPDATE sign_in_failures SET failures = :failures, counted_at = now(), locked_until = now() + :locked
     WHERE key = :key""")
TAKE_BACK = text("""
    UPDATE sign_in_failures SET failures = greatest(0, failures - 1),
           locked_until = CASE WHEN round(failures - 1) >= :limit THEN locked_until END
     WHERE key = :key""")
FORGET = text("DELETE FROM sign_in_failures WHERE key = :key")
CLEAR = text("DELETE FROM sign_in_failures WHERE counted_at < now() - CAST(:forgotten AS interval)")
DROP_EMPTY = text("DELETE FROM sign_in_failures WHERE key = :key AND failures = 0")


@dataclass(frozen=True, slots=True)
class Key:
    """What tries are counted by."""

    hashed: bytes
    limit: int
    """so many failures, and it is locked"""


def of_name(name: str) -> Key:
    """`name` as `accounts.tidy_name` writes it, or however it was typed."""
    return _key("name", name.strip().casefold(), PER_NAME)


def of_address(address: str) -> Key:
    """Of IPv6 the network: whoever has one address has all of it."""
    return _key("address", site_of(address), PER_ADDRESS)


def site_of(address: str) -> str:
    """What is counted as one holder's: the address, or of IPv6 the network."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, _IPV6_SITE), strict=False))


def of_factor(user: int) -> Key:
    """Codes of an account's second factor."""
    return _key("factor", str(user), PER_FACTOR)


def take(db: Connection, keys: Sequence[Key]) -> int:
    """Count one try.  Returns 0, or for how many seconds to wait; a try that must wait is not counted.

    Commit before the password is looked at: the rows are locked until then.
    """
    in_order = sorted(keys, key=lambda key: key.hashed)  # two tries at once wait for each other, and never in a ring
    found = [(key, db.execute(COUNT_SO_FAR, _of(key)).one()) for key in in_order]
    wait = max(int(row.wait or 0) for _, row in found)
    if wait > 0:
        for key in in_order:  # nothing was counted: whoever is locked out must not fill the table with made-up names
            db.execute(DROP_EMPTY, {"key": key.hashed})
        return wait
    for key, row in found:
        failures = float(row.failures) + 1
        db.execute(COUNT, {"key": key.hashed, "failures": failures, "locked": locked_for(failures, key.limit)})
    return 0


def was_right(db: Connection, key: Key, address: Key | None = None) -> None:
    """The try that was counted last was right: its account starts afresh.  The address gets back this one only."""
    db.execute(FORGET, {"key": key.hashed})
    if address is not None:
        db.execute(TAKE_BACK, {"key": address.hashed, "limit": address.limit})
    db.execute(CLEAR, {"forgotten": FORGOTTEN})


def unlock(db: Connection, name: str, user: int) -> bool:
    """Let an account try again at once, its second factor too.  Returns whether there was anything to forget."""
    forgotten = [db.execute(FORGET, {"key": key.hashed}).rowcount for key in (of_name(name), of_factor(user))]
    return any(forgotten)


def locked_for(failures: float, limit: int) -> timedelta | None:
    """For how long a key is locked after so many failures; None: not at all."""
    beyond = round(failures) - limit
    if beyond < 0:
        return None
    return min(LONGEST, SHORTEST * (1 << min(beyond, 20)))


def _of(key: Key) -> dict[str, object]:
    return {"key": key.hashed, "fades": FADES.total_seconds()}


def _key(kind: str, value: str, limit: int) -> Key:
    return Key(hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "replace")).digest(), limit)
