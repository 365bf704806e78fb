"""Templates are biometric data: each is sealed on its own (AES-256-GCM) with the row's identity as associated data.

A row that is copied over another one does not open.  The key stays outside the database: in the settings, or in a
file of the data folder that is made once.
"""

import base64
import binascii
import os
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings
from storage.once import made_once

VERSION = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32


class CannotOpen(Failure):
    """A sealed template does not open: another key, or not the row it was sealed for."""


class NoKey(WrongUse):
    """What should be the key for templates is none."""


class Sealer:
    """Seals and opens vectors with one key."""

    def __init__(self, key: bytes) -> None:
        """`key` is 32 bytes."""
        self._cipher = AESGCM(key)

    def seal(self, vector: NDArray[np.float32], identity: str) -> bytes:
        """The vector's float32 little-endian bytes, encrypted for the row named by `identity`."""
        nonce = os.urandom(NONCE_BYTES)
        plain = np.ascontiguousarray(vector, dtype="<f4").tobytes()
        return VERSION + nonce + self._cipher.encrypt(nonce, plain, identity.encode())

    def open(self, sealed: bytes, identity: str) -> NDArray[np.float32]:
        """The vector again, shape (dimension,).  Raises CannotOpen."""
        nonce, box = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if sealed[:1] != VERSION:
            raise CannotOpen(f"template {identity} was sealed by another version of lastseen")
        try:
            plain = self._cipher.decrypt(nonce, box, identity.encode())
        except InvalidTag as fault:
            raise CannotOpen(
                f"template {identity} does not open: restore the key it was sealed with"
                " (LASTSEEN_TEMPLATE_KEY, or keys/template.key of the data folder)"
            ) from fault
        return np.frombuffer(plain, dtype="<f4")


def identity(*, track: int | None, photo: int | None, kind: str, engine: str) -> str:
    """What a template's row is, for the associated data."""
    origin = f"track:{track}" if photo is None else f"photo:{photo}"
    return f"template/{origin}/{kind}/{engine}"


def sealer(settings: Settings) -> Sealer:
    """The sealer of this installation.  Raises NoKey when the key in the settings, or in its file, is none."""
    if settings.template_key is None:
        return Sealer(_key_file(settings.data_dir / "keys" / "template.key"))
    try:
        key = base64.b64decode(settings.template_key.get_secret_value(), validate=True)
    except binascii.Error as fault:
        raise NoKey("LASTSEEN_TEMPLATE_KEY is not base64: make one with `openssl rand -base64 32`") from fault
    if len(key) != KEY_BYTES:
        raise NoKey("LASTSEEN_TEMPLATE_KEY must hold 32 bytes: make one with `openssl rand -base64 32`")
    return Sealer(key)


def _key_file(path: Path) -> bytes:
    """The key in `path`, made there once."""
    key = made_once(path, lambda: AESGCM.generate_key(KEY_BYTES * 8))
    if len(key) != KEY_BYTES:
        raise NoKey(f"{path} does not hold a key of 32 bytes: restore it from your backup")
    return key
