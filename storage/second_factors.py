"""Second factors: codes that change each half minute (TOTP, RFC 6238), and recovery codes for a lost telephone.

The secret is sealed for its account, since whoever reads it makes codes.  A code is taken once, and none older than
it afterwards.  Recovery codes are random enough that a plain hash keeps them; each works once.
"""

import base64
import hashlib
import secrets as random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, text

from storage.accounts import User
from storage.sealing import Secrets

DIGITS, STEP_SECONDS = 6, 30
SECRET_BYTES = 20
AROUND = (-1, 0, 1)
"""steps that are looked at: telephones' clocks are a little wrong"""
RECOVERY_CODES = 10
RECOVERY_BYTES = 10
_GROUP = 4
ISSUER = "lastseen"

BEGIN = text("""
    INSERT INTO second_factors (user_id, sealed, offered_to) VALUES (:user, :sealed, :session)
        ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, offered_to = excluded.offered_to, made_at = now()
                                      WHERE second_factors.confirmed_at IS NULL""")
READ = text("""
    SELECT sealed, offered_to, confirmed_at IS NOT NULL AS confirmed FROM second_factors WHERE user_id = :user""")
# Of two browsers with one code, the second finds the step taken.
TAKE = text("""
    UPDATE second_factors SET last_step = :step, confirmed_at = coalesce(confirmed_at, now())
     WHERE user_id = :user AND sealed = :sealed AND last_step < :step""")
RESET = text("DELETE FROM second_factors WHERE user_id = :user")
KEEP_CODE = text("INSERT INTO recovery_codes (user_id, code_hash) VALUES (:user, :hash)")
USE_CODE = text("DELETE FROM recovery_codes WHERE user_id = :user AND code_hash = :hash")
FORGET_CODES = text("DELETE FROM recovery_codes WHERE user_id = :user")
COUNT_CODES = text("SELECT count(*) FROM recovery_codes WHERE user_id = :user")


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret that waits to be confirmed by its first code."""

    secret: str = field(repr=False)
    """base32, to be typed"""
    address: str = field(repr=False)
    """otpauth://, to be shown as a QR code"""


def is_set(db: Connection, user: User) -> bool:
    """Whether the account has a second factor that was confirmed."""
    row = db.execute(READ, {"user": user.id}).one_or_none()
    return row is not None and bool(row.confirmed)


def offer(db: Connection, user: User, session: int, secrets: Secrets) -> Offer:
    """The secret that the account may confirm in this session (row id): the one it was shown before, or a new one.

    No two sessions are shown the same: whoever got in by the password alone must not know what somebody else confirms.
    Raises ValueError if it has a second factor already, and storage.sealing.CannotOpen.
    """
    kept = _read(db, user)
    if kept is not None and kept.confirmed:
        raise ValueError("there is a second factor: a secret is shown once")
    shown = kept is not None and kept.offered_to == session
    secret = kept.secret(secrets) if kept is not None and shown else random.token_bytes(SECRET_BYTES)
    if not shown:
        sealed = secrets.seal(base64.b64encode(secret).decode(), identity(user.id))
        db.execute(BEGIN, {"user": user.id, "sealed": sealed, "session": session})
    address = _totp(secret).get_provisioning_uri(user.name, ISSUER)
    return Offer(base64.b32encode(secret).decode().rstrip("="), address)


def check(
    db: Connection,
    user: User,
    code: str,
    secrets: Secrets,
    now: Callable[[], float] = time.time,
    *,
    session: int | None = None,
) -> bool:
    """Whether this is a code of the account's secret that was not given before.

    `session`: its row id; a code confirms the secret that was offered to it.  None: one that was only offered does not
    count.  Raises storage.sealing.CannotOpen.
    """
    kept, given = _read(db, user), "".join(code.split())
    if kept is None or not (kept.confirmed or kept.offered_to == session):
        return False
    if not (given.isascii() and given.isdigit() and len(given) == DIGITS):
        return False
    step = _step_of(_totp(kept.secret(secrets)), given, int(now()))
    taken = {"user": user.id, "sealed": kept.sealed, "step": step}
    return step is not None and db.execute(TAKE, taken).rowcount == 1


def recover(db: Connection, user: User, code: str) -> bool:
    """Use a recovery code.  Returns whether it was one of the account's; it is gone then."""
    return db.execute(USE_CODE, {"user": user.id, "hash": _hash(code)}).rowcount == 1


def new_recovery_codes(db: Connection, user: User) -> list[str]:
    """Ten of them instead of those before; they are shown this once."""
    db.execute(FORGET_CODES, {"user": user.id})
    codes = [base64.b32encode(random.token_bytes(RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    for code in codes:
        db.execute(KEEP_CODE, {"user": user.id, "hash": _hash(code)})
    return ["-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP)) for code in codes]


def recovery_codes_left(db: Connection, user: User) -> int:
    """How many were not used."""
    left: int = db.execute(COUNT_CODES, {"user": user.id}).scalar_one()
    return left


def reset(db: Connection, user: User) -> bool:
    """Take the second factor away, with its recovery codes.  Returns whether there was one."""
    db.execute(FORGET_CODES, {"user": user.id})
    return db.execute(RESET, {"user": user.id}).rowcount == 1


@dataclass(frozen=True, slots=True)
class _Kept:
    user: User
    sealed: bytes
    offered_to: int
    """the session that it was shown in"""
    confirmed: bool

    def secret(self, secrets: Secrets) -> bytes:
        return base64.b64decode(secrets.open(self.sealed, identity(self.user.id)))


def _read(db: Connection, user: User) -> _Kept | None:
    row = db.execute(READ, {"user": user.id}).one_or_none()
    return _Kept(user, bytes(row.sealed), row.offered_to, row.confirmed) if row else None


def _step_of(totp: TOTP, code: str, now: int) -> int | None:
    """Which step of the clock a code belongs to, of those around now."""
    for around in AROUND:
        at = now + around * STEP_SECONDS
        try:
            totp.verify(code.encode(), at)
        except InvalidToken:
            continue
        return at // STEP_SECONDS
    return None


def _totp(secret: bytes) -> TOTP:
    """SHA-1, as authenticators know it; in HMAC it stands."""
    return TOTP(secret, DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303 - RFC 6238; most authenticators know no other


def identity(user: int) -> str:
    """What an account's row is sealed as."""
    return f"second factor/{user}"


def _hash(code: str) -> bytes:
    return hashlib.sha256("".join(code.lower().replace("-", "").split()).encode()).digest()
