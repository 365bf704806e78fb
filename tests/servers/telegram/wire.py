"""The server's side of MTProto 2.0: TCP "full" frames, encryption with a key that is known, messages and answers.

https://core.telegram.org/mtproto/description and https://core.telegram.org/mtproto/mtproto-transports#full; the
cipher and the reading of objects are Telethon's.
"""

import asyncio
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha1, sha256
from typing import Any, Final
from zlib import crc32

from telethon.crypto import AES
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl.core import GzipPacked, MessageContainer

RPC_RESULT: Final = 0xF35C6D01
RPC_ERROR: Final = 0x2144CA19
VECTOR: Final = 0x1CB5C415
NO_SUCH_KEY: Final = -404
ANSWER: Final = 1
"""the low bits of an id of a message from the server that answers one"""


class Broken(Exception):
    """What came is no MTProto; whoever sent it is let go."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, out of whatever it was packed in."""

    message: int
    """its id"""
    request: Any


def key_id(key: bytes) -> bytes:
    """How a client says which key it uses."""
    return sha1(key, usedforsecurity=False).digest()[-8:]


@dataclass(slots=True)
class Line:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    sent: int = 0
    last_id: int = 0
    session: bytes = field(default=bytes(16))
    """salt and id of the session, as the client sent them last"""

    async def frame(self) -> bytes | None:
        """What the next frame carries; None at the end."""
        try:
            start = await self.reader.readexactly(8)
            length, _ = struct.unpack("<ii", start)
            rest = await self.reader.readexactly(length - 8)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        if crc32(start + rest[:-4]) != struct.unpack("<I", rest[-4:])[0]:
            raise Broken("wrong checksum")
        return rest[:-4]

    def send_frame(self, content: bytes) -> None:
        """Send it as the next frame."""
        framed = struct.pack("<ii", len(content) + 12, self.sent) + content
        self.sent += 1
        self.writer.write(framed + struct.pack("<I", crc32(framed)))

    def send_transport_error(self, code: int) -> None:
        """A frame that carries nothing but a number below zero."""
        self.send_frame(struct.pack("<i", code))

    def asked(self, content: bytes, key: bytes) -> Iterator[Asked]:
        """The requests in a frame.  Raises Broken."""
        message_key, encrypted = content[8:24], content[24:]
        plain = AES.decrypt_ige(encrypted, *MTProtoState._calc_key(key, message_key, True))  # theirs
        if sha256(key[88:120] + plain).digest()[8:24] != message_key:
            raise Broken("not encrypted with this key")
        self.session = plain[:16]
        message, _, length = struct.unpack("<qii", plain[16:32])
        yield from _unpacked(message, BinaryReader(plain[32 : 32 + length]).tgread_object())

    def send(self, body: bytes, key: bytes) -> None:
        """One message of the server."""
        plain = self.session + struct.pack("<qii", self._next_id(), 1, len(body)) + body
        plain += os.urandom(-(len(plain) + 12) % 16 + 12)
        message_key = sha256(key[96:128] + plain).digest()[8:24]
        encrypted = AES.encrypt_ige(plain, *MTProtoState._calc_key(key, message_key, False))  # theirs
        self.send_frame(key_id(key) + message_key + encrypted)

    def _next_id(self) -> int:
        """Odd, rising, and near the client's clock."""
        now = time.time()
        made = (int(now) << 32) | (int(now % 1 * 2**30) << 2) | ANSWER
        self.last_id = max(made, self.last_id + 4)
        return self.last_id


def _unpacked(message: int, content: Any) -> Iterator[Asked]:
    if isinstance(content, MessageContainer):
        for one in content.messages:
            yield from _unpacked(one.msg_id, one.obj)
    elif isinstance(content, GzipPacked):
        yield from _unpacked(message, BinaryReader(content.data).tgread_object())
    elif hasattr(content, "query"):  # invokeWithLayer, initConnection, invokeAfterMsg: wrappers around a request
        yield from _unpacked(message, content.query)
    else:
        yield Asked(message, content)


def result(message: int, made: Any) -> bytes:
    """The answer to a request: an object, or a list of them."""
    body = struct.pack("<Ii", VECTOR, len(made)) + b"".join(map(bytes, made)) if isinstance(made, list) else bytes(made)
    return struct.pack("<Iq", RPC_RESULT, message) + body


def error(message: int, code: int, text: str) -> bytes:
    """An error in place of an answer."""
    said = text.encode()
    padded = bytes([len(said)]) + said
    return struct.pack("<IqIi", RPC_RESULT, message, RPC_ERROR, code) + padded + bytes(-len(padded) % 4)
