"""The key that signs heads of the custody log, and the public keys that are believed.  Neither is in the database.

The private key is a PEM file, made once.  Public keys stand in `keys/custody.pub` of the data folder, one on each
line, or in the settings: whoever rewrites the database, and signs what came of it with a key of their own, is not
believed.
"""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from storage import notes
from storage.notes import COSIGNATURE, BadNote, PrivateKey, VerifierKey
from storage.once import made_once, replaced


class NoCustodyKey(WrongUse):
    """The key that signs heads is not there, or is none."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Who is asked to cosign heads."""

    key: VerifierKey
    url: str
    """empty: it is asked by hand"""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures are believed."""

    log: tuple[VerifierKey, ...] = ()
    witnesses: tuple[VerifierKey, ...] = field(default=())


def key_file(settings: Settings) -> Path:
    """Where the private key is."""
    return settings.custody_key_file or settings.data_dir / "keys" / "custody.key"


def public_file(settings: Settings) -> Path:
    """Where public keys are, unless they are in the settings."""
    return settings.data_dir / "keys" / "custody.pub"


def private_key(settings: Settings, *, make: bool) -> PrivateKey:
    """The key.  `make`: make it if it is not there and its place is ours.  Raises NoCustodyKey."""
    path = key_file(settings)
    if make and settings.custody_key_file is None:
        return _read(path, made_once(path, notes.new_private_key))
    return read_private_key(path)


def read_private_key(path: Path) -> PrivateKey:
    """The key in a file.  Raises NoCustodyKey."""
    try:
        return _read(path, path.read_bytes())
    except OSError as fault:
        raise NoCustodyKey(
            f"the key that signs the custody log cannot be read ({path}: {fault.strerror}): restore it from its copy;"
            " if it is lost, `lastseen custody rotate --lost --reason TEXT` goes on with a new one, and says so"
        ) from fault


def trusted(settings: Settings) -> Trust:
    """Whose signatures are believed.  Raises WrongUse for what is no key."""
    return Trust(tuple(public_keys(settings)), tuple(witness.key for witness in witnesses(settings)))


def public_keys(settings: Settings) -> Sequence[VerifierKey]:
    """The log's public keys: those in the settings, or else in the file.  Raises WrongUse."""
    path = public_file(settings)
    if settings.custody_public_keys:
        return _parsed(settings.custody_public_keys, "LASTSEEN_CUSTODY_PUBLIC_KEYS")
    return _parsed(path.read_text().splitlines(), str(path)) if path.exists() else []


def pin(settings: Settings, key: VerifierKey) -> None:
    """Have a public key believed from now on.  What is in the settings is left to whoever wrote them."""
    path = public_file(settings)
    if settings.custody_public_keys or key in public_keys(settings):
        return
    held = path.read_text() if path.exists() else ""
    replaced(path, f"{held}{key}\n".encode())


def witnesses(settings: Settings) -> Sequence[Witness]:
    """The witnesses in the settings.  Raises WrongUse."""
    return [_witness(line) for line in settings.witnesses]


def next_key(settings: Settings) -> PrivateKey:
    """The key that the present one is being replaced by, made once."""
    path = _next_file(settings)
    return _read(path, made_once(path, notes.new_private_key))


def adopt_next_key(settings: Settings) -> Path | None:
    """Have the next key be the present one.  Returns where the one before it is now, if there was one."""
    path, retired = key_file(settings), None
    if path.exists():
        retired = path.with_name(f"{path.name}.retired-{secrets.token_hex(4)}")
        retired.hardlink_to(path)
    os.replace(_next_file(settings), path)  # noqa: PTH105  the name of the file that is replaced comes second
    return retired


def _next_file(settings: Settings) -> Path:
    path = key_file(settings)
    return path.with_name(f"{path.name}.next")


def _read(path: Path, pem: bytes) -> PrivateKey:
    try:
        return notes.private_key(pem)
    except BadNote as fault:
        raise NoCustodyKey(f"{path}: {fault}") from fault


def _parsed(lines: Sequence[str], where: str) -> Sequence[VerifierKey]:
    try:
        return notes.verifier_keys(lines)
    except BadNote as fault:
        raise WrongUse(f"{where}: {fault}") from fault


def _witness(line: str) -> Witness:
    words = line.split()
    try:
        key = VerifierKey.parse(words[0])
    except BadNote as fault:
        raise WrongUse(f"LASTSEEN_WITNESSES: {fault}") from fault
    url = words[1] if len(words) == 2 else ""
    if key.kind != COSIGNATURE or len(words) > 2 or (url and not url.startswith(("http://", "https://"))):
        raise WrongUse(
            "LASTSEEN_WITNESSES: write the key that `lastseen witness init` printed, a space, and http(s)://host:port"
        )
    return Witness(key, url.rstrip("/"))
