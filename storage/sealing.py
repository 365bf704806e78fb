"""Templates are biometric data: each is sealed on its own (AES-256-GCM) with the row's identity as associated data.

A row that is copied over another one does not open.  The key stays outside the database: in the settings, or in a
file of the data folder that is made once.  Secrets, such as the sessions of accounts, are sealed alike with a key of
their own, so that who compares faces need not be able to read as the office's accounts do.

Keys that were used before may stand beside the present one: what they sealed opens, and nothing is sealed with them any
more (`storage.resealing` seals it again).
"""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray
from pydantic import SecretStr

from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings
from storage.once import made_once, replaced

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_ID_BYTES = 4
BLOCKS = b"lastseen.templates.blocks.v1"
"""what the key of blocks is derived for"""
KEY_ID = b"lastseen.key.id.v1"
"""what the name of a key is derived for"""
BLINDED = b"lastseen.secrets.blinded.v1"
"""what the key is derived for, by which words are told apart that nobody is to read"""


class CannotOpen(Failure):
    """What was sealed does not open: another key, or not the row it was sealed for."""


class NoKey(WrongUse):
    """What should be a key is none."""


class What(StrEnum):
    """What is sealed, each with keys of its own."""

    TEMPLATES = "templates"
    SECRETS = "secrets"


@dataclass(frozen=True, slots=True)
class _Key:
    """Where a key is, and what it opens."""

    what: str
    setting: str
    file: str

    def of(self, settings: Settings, given: SecretStr | None, before: SecretStr | None) -> tuple[bytes, ...]:
        """The present key, then those of before, 32 bytes each.  Raises NoKey when one of them is none."""
        present = _key_file(self.path(settings)) if given is None else self._parsed(self.setting, given)
        older = [self._parsed(f"{self.setting}S_BEFORE", SecretStr(part)) for part in _parts(before)]
        older += [_key_file(path) for path in self.retired(settings)]
        return tuple(dict.fromkeys((present, *older)))

    def path(self, settings: Settings) -> Path:
        """Where the key is kept, when it is not in the settings."""
        return settings.data_dir / "keys" / self.file

    def retired(self, settings: Settings) -> Sequence[Path]:
        """Where those of before are kept."""
        return sorted(self.path(settings).parent.glob(f"{self.file}.before-*"))

    @staticmethod
    def _parsed(setting: str, given: SecretStr) -> bytes:
        try:
            key = base64.b64decode(given.get_secret_value(), validate=True)
        except binascii.Error as fault:
            raise NoKey(f"{setting} is not base64: make one with `openssl rand -base64 32`") from fault
        if len(key) != KEY_BYTES:
            raise NoKey(f"{setting} must hold 32 bytes: make one with `openssl rand -base64 32`")
        return key


TEMPLATE = _Key("template", "LASTSEEN_TEMPLATE_KEY", "template.key")
SECRET = _Key("secret", "LASTSEEN_SECRETS_KEY", "secrets.key")
KINDS: Final = {What.TEMPLATES: TEMPLATE, What.SECRETS: SECRET}


class Ring:
    """Seals bytes with one key, and opens what that one sealed, or one before it."""

    def __init__(self, keys: Sequence[bytes], kind: _Key) -> None:
        """Each key is 32 bytes; the first one is the present one."""
        self._ciphers, self._kind = [AESGCM(key) for key in keys], kind
        self.ids = tuple(map(key_id, keys))

    def seal(self, plain: bytes, identity: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._ciphers[0].encrypt(nonce, plain, identity.encode())

    def open(self, sealed: bytes | memoryview, identity: str) -> bytes:
        return self._opened(sealed, identity)[0]

    def sealed_with(self, sealed: bytes, identity: str) -> str:
        """Which key it was.  Raises CannotOpen."""
        return self.ids[self._opened(sealed, identity)[1]]

    def again(self, sealed: bytes, identity: str) -> bytes | None:
        """Sealed with the present key; None: it is.  Raises CannotOpen."""
        plain, key = self._opened(sealed, identity)
        return self.seal(plain, identity) if key else None

    def _opened(self, sealed: bytes | memoryview, identity: str) -> tuple[bytes, int]:
        nonce, box = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if sealed[:1] != VERSION:
            raise CannotOpen(f"{self._kind.what} {identity} was sealed by another version of lastseen")
        for number, cipher in enumerate(self._ciphers):
            try:
                return cipher.decrypt(nonce, box, identity.encode()), number
            except InvalidTag:
                continue
        raise CannotOpen(
            f"{self._kind.what} {identity} does not open: restore the key it was sealed with"
            f" ({self._kind.setting}, or keys/{self._kind.file} of the data folder)"
        )


class Sealer:
    """Seals and opens vectors."""

    def __init__(self, key: bytes, *before: bytes) -> None:
        """`key` is 32 bytes, and so are those that were used before it."""
        keys = (key, *before)
        self.ring = Ring(keys, TEMPLATE)
        self._blocks = Ring([_derived(one, BLOCKS, KEY_BYTES) for one in keys], TEMPLATE)

    def seal(self, vector: NDArray[np.float32], identity: str) -> bytes:
        """The vector's float32 little-endian bytes, encrypted for the row named by `identity`."""
        return self.ring.seal(np.ascontiguousarray(vector, dtype="<f4").tobytes(), identity)

    def open(self, sealed: bytes, identity: str) -> NDArray[np.float32]:
        """The vector again, shape (dimension,).  Raises CannotOpen."""
        return np.frombuffer(self.ring.open(sealed, identity), dtype="<f4")

    def seal_block(self, plain: bytes, identity: str) -> bytes:
        """Many templates at once, with a key that is derived from the one of templates: for files of this machine."""
        return self._blocks.seal(plain, identity)

    def open_block(self, sealed: bytes | memoryview, identity: str) -> bytes:
        """Those bytes again, in memory only.  Raises CannotOpen."""
        return self._blocks.open(sealed, identity)


class Secrets:
    """Seals and opens words that let somebody in."""

    def __init__(self, key: bytes, *before: bytes) -> None:
        """`key` is 32 bytes, and so are those that were used before it."""
        self.ring = Ring((key, *before), SECRET)
        self._blinding = _derived(key, BLINDED, KEY_BYTES)

    def blinded(self, words: str) -> str:
        """The same for the same words, 64 hex digits; who lacks the key finds them by no list of guesses, either."""
        return hmac.digest(self._blinding, words.encode("utf-8", "replace"), "sha256").hex()

    def seal(self, secret: str, identity: str) -> bytes:
        """Encrypted for the row named by `identity`."""
        return self.ring.seal(secret.encode(), identity)

    def open(self, sealed: bytes, identity: str) -> str:
        """The words again.  Raises CannotOpen."""
        return self.ring.open(sealed, identity).decode()


def identity(*, track: int | None, photo: int | None, kind: str, engine: str) -> str:
    """What a template's row is, for the associated data."""
    origin = f"track:{track}" if photo is None else f"photo:{photo}"
    return f"template/{origin}/{kind}/{engine}"


def sealer(settings: Settings) -> Sealer:
    """The sealer of this installation.  Raises NoKey when a key in the settings, or in its file, is none."""
    return Sealer(*TEMPLATE.of(settings, settings.template_key, settings.template_keys_before))


def secrets(settings: Settings) -> Secrets:
    """The secrets of this installation.  Raises NoKey when a key in the settings, or in its file, is none."""
    return Secrets(*SECRET.of(settings, settings.secrets_key, settings.secrets_keys_before))


def ring(settings: Settings, what: What) -> Ring:
    """What seals and opens one kind of row.  Raises NoKey."""
    return sealer(settings).ring if what is What.TEMPLATES else secrets(settings).ring


def has_key(settings: Settings, what: What) -> bool:
    """Whether there is a key already: `ring` would make one."""
    kind = KINDS[what]
    given = settings.template_key if what is What.TEMPLATES else settings.secrets_key
    return given is not None or kind.path(settings).exists()


def new_key(settings: Settings, what: What) -> Path:
    """Have a new key in the file where the present one is; that stays beside it.  Returns where.

    Whatever runs holds the present one until it is started again.  Raises WrongUse if the key is in the settings.
    """
    kind = KINDS[what]
    if (settings.template_key if what is What.TEMPLATES else settings.secrets_key) is not None:
        raise WrongUse(
            f"the key for {what} is in {kind.setting}: move it to {kind.setting}S_BEFORE (commas between several),"
            " put a new one in its place (`openssl rand -base64 32`), and start everything again"
        )
    path = kind.path(settings)
    present = _key_file(path)
    older = path.with_name(f"{path.name}.before-{key_id(present)}")
    made_once(older, lambda: present)
    replaced(path, AESGCM.generate_key(KEY_BYTES * 8))
    return older


def key_id(key: bytes) -> str:
    """A short name of a key, which says nothing of the key."""
    return _derived(key, KEY_ID, KEY_ID_BYTES).hex()


def _derived(key: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(key)


def _parts(given: SecretStr | None) -> Sequence[str]:
    return [part.strip() for part in given.get_secret_value().split(",") if part.strip()] if given else []


def _key_file(path: Path) -> bytes:
    """The key in `path`, made there once."""
    key = made_once(path, lambda: AESGCM.generate_key(KEY_BYTES * 8))
    if len(key) != KEY_BYTES:
        raise NoKey(f"{path} does not hold a key of 32 bytes: restore it from your backup")
    return key
