"""Templates are biometric data: each is sealed on its own (AES-256-GCM) with the row's identity as associated data.

A row that is copied over another one does not open.  The key stays outside the database: in the settings, or in a
file of the data folder that is made once.  Secrets, such as the sessions of accounts, are sealed alike with a key of
their own, so that who compares faces need not be able to read as the office's accounts do.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray
from pydantic import SecretStr

from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings
from storage.once import made_once

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
BLOCKS = b"lastseen.templates.blocks.v1"
"""what the key of blocks is derived for"""


class CannotOpen(Failure):
    """What was sealed does not open: another key, or not the row it was sealed for."""


class NoKey(WrongUse):
    """What should be a key is none."""


@dataclass(frozen=True, slots=True)
class _Key:
    """Where a key is, and what it opens."""

    what: str
    setting: str
    file: str

    def of(self, settings: Settings, given: SecretStr | None) -> bytes:
        """32 bytes.  Raises NoKey when what is in the settings, or in its file, is no key."""
        if given is None:
            return _key_file(settings.data_dir / "keys" / self.file)
        try:
            key = base64.b64decode(given.get_secret_value(), validate=True)
        except binascii.Error as fault:
            raise NoKey(f"{self.setting} is not base64: make one with `openssl rand -base64 32`") from fault
        if len(key) != KEY_BYTES:
            raise NoKey(f"{self.setting} must hold 32 bytes: make one with `openssl rand -base64 32`")
        return key


TEMPLATE = _Key("template", "LASTSEEN_TEMPLATE_KEY", "template.key")
SECRET = _Key("secret", "LASTSEEN_SECRETS_KEY", "secrets.key")


class _Box:
    """Seals and opens bytes with one key."""

    def __init__(self, key: bytes, kind: _Key) -> None:
        """`key` is 32 bytes."""
        self._cipher, self._kind = AESGCM(key), kind

    def seal(self, plain: bytes, identity: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, identity.encode())

    def open(self, sealed: bytes | memoryview, identity: str) -> bytes:
        nonce, box = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if sealed[:1] != VERSION:
            raise CannotOpen(f"{self._kind.what} {identity} was sealed by another version of lastseen")
        try:
            return self._cipher.decrypt(nonce, box, identity.encode())
        except InvalidTag as fault:
            raise CannotOpen(
                f"{self._kind.what} {identity} does not open: restore the key it was sealed with"
                f" ({self._kind.setting}, or keys/{self._kind.file} of the data folder)"
            ) from fault


class Sealer:
    """Seals and opens vectors with one key."""

    def __init__(self, key: bytes) -> None:
        """`key` is 32 bytes."""
        self._box = _Box(key, TEMPLATE)
        self._blocks = _Box(HKDF(SHA256(), KEY_BYTES, salt=None, info=BLOCKS).derive(key), TEMPLATE)

    def seal(self, vector: NDArray[np.float32], identity: str) -> bytes:
        """The vector's float32 little-endian bytes, encrypted for the row named by `identity`."""
        return self._box.seal(np.ascontiguousarray(vector, dtype="<f4").tobytes(), identity)

    def open(self, sealed: bytes, identity: str) -> NDArray[np.float32]:
        """The vector again, shape (dimension,).  Raises CannotOpen."""
        return np.frombuffer(self._box.open(sealed, identity), dtype="<f4")

    def seal_block(self, plain: bytes, identity: str) -> bytes:
        """Many templates at once, with a key that is derived from the one of templates: for files of this machine."""
        return self._blocks.seal(plain, identity)

    def open_block(self, sealed: bytes | memoryview, identity: str) -> bytes:
        """Those bytes again, in memory only.  Raises CannotOpen."""
        return self._blocks.open(sealed, identity)


class Secrets:
    """Seals and opens words that let somebody in."""

    def __init__(self, key: bytes) -> None:
        """`key` is 32 bytes."""
        self._box = _Box(key, SECRET)

    def seal(self, secret: str, identity: str) -> bytes:
        """Encrypted for the row named by `identity`."""
        return self._box.seal(secret.encode(), identity)

    def open(self, sealed: bytes, identity: str) -> str:
        """The words again.  Raises CannotOpen."""
        return self._box.open(sealed, identity).decode()


def identity(*, track: int | None, photo: int | None, kind: str, engine: str) -> str:
    """What a template's row is, for the associated data."""
    origin = f"track:{track}" if photo is None else f"photo:{photo}"
    return f"template/{origin}/{kind}/{engine}"


def sealer(settings: Settings) -> Sealer:
    """The sealer of this installation.  Raises NoKey when the key in the settings, or in its file, is none."""
    return Sealer(TEMPLATE.of(settings, settings.template_key))


def secrets(settings: Settings) -> Secrets:
    """The secrets of this installation.  Raises NoKey when the key in the settings, or in its file, is none."""
    return Secrets(SECRET.of(settings, settings.secrets_key))


def _key_file(path: Path) -> bytes:
    """The key in `path`, made there once."""
    key = made_once(path, lambda: AESGCM.generate_key(KEY_BYTES * 8))
    if len(key) != KEY_BYTES:
        raise NoKey(f"{path} does not hold a key of 32 bytes: restore it from your backup")
    return key
