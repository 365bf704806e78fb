"""How a client and the server come to a key: https://core.telegram.org/mtproto/auth_key, the server's side.

With an RSA key of our own, which Telethon is told of; the primes are small or well known, since nothing is secret here.
"""

import os
import struct
import time
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from telethon.crypto import AES, AuthKey, rsa
from telethon.extensions import BinaryReader
from telethon.helpers import generate_key_data_from_nonce
from telethon.tl.functions import ReqDHParamsRequest, ReqPqMultiRequest, SetClientDHParamsRequest
from telethon.tl.types import DhGenOk, ResPQ, ServerDHInnerData, ServerDHParamsOk

P: Final = 1_000_003
Q: Final = 1_000_033
"""whose product the client has to take apart, to show that it means it"""
GENERATOR: Final = 3
PRIME: Final = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DBFA336F6E0AC92513"
    "9543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F642477FE96BB2A941D5BCD1D4AC8CC4988"
    "0708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B410DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4"
    "B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F"
    "0D8115F635B105EE2E4E15D04B2454BF6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
"""the one that Telegram uses, which clients need not examine"""
HASH_BYTES: Final = 20
PLAIN: Final = bytes(8)
"""in place of a key's id: not encrypted"""


@cache
def own_key() -> RSAPrivateKey:
    """Ours, one a process; from here on Telethon trusts it."""
    made = generate_private_key(65537, 2048)
    rsa.add_key(_told(made), old=False)
    return made


def public_key() -> str:
    """What a client in another process has to trust (`telethon.crypto.rsa.add_key`) before it can log in."""
    return _told(own_key()).decode()


def _told(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)


def fingerprint() -> int:
    """By which the client knows our key."""
    return int(rsa._compute_fingerprint(_Numbers(*_public())))


@dataclass(frozen=True, slots=True)
class _Numbers:
    n: int
    e: int


def _public() -> tuple[int, int]:
    numbers = own_key().public_key().public_numbers()
    return numbers.n, numbers.e


@dataclass(slots=True)
class Exchange:
    """One client on the way to a key."""

    server_nonce: int = field(default_factory=lambda: _number(os.urandom(16)))
    secret: int = field(default_factory=lambda: int.from_bytes(os.urandom(256)))
    new_nonce: int = 0
    key: bytes = b""
    """once it is agreed on"""

    def answer(self, content: bytes) -> bytes:
        """The frame that answers one that is not encrypted.  Raises ValueError for anything else."""
        _, message, length = struct.unpack("<qqi", content[:20])
        made = bytes(self._to(BinaryReader(content[20 : 20 + length]).tgread_object()))
        return PLAIN + struct.pack("<qi", message | 1, len(made)) + made

    def _to(self, request: Any) -> Any:
        match request:
            case ReqPqMultiRequest():
                return ResPQ(request.nonce, self.server_nonce, (P * Q).to_bytes(8), [fingerprint()])
            case ReqDHParamsRequest():
                return self._parameters(request)
            case SetClientDHParamsRequest():
                return self._agreed(request)
        raise ValueError(f"{type(request).__name__} is no part of an exchange of keys")

    def _parameters(self, request: Any) -> Any:
        numbers = own_key().private_numbers()
        opened = pow(int.from_bytes(request.encrypted_data), numbers.d, numbers.public_numbers.n).to_bytes(255)
        self.new_nonce = BinaryReader(opened[HASH_BYTES:]).tgread_object().new_nonce
        inner = bytes(
            ServerDHInnerData(
                nonce=request.nonce,
                server_nonce=self.server_nonce,
                g=GENERATOR,
                dh_prime=_bytes(PRIME),
                g_a=_bytes(pow(GENERATOR, self.secret, PRIME)),
                server_time=int(time.time()),
            )
        )
        return ServerDHParamsOk(request.nonce, self.server_nonce, AES.encrypt_ige(_hashed(inner), *self._cipher()))

    def _agreed(self, request: Any) -> Any:
        opened = AES.decrypt_ige(request.encrypted_data, *self._cipher())
        theirs = int.from_bytes(BinaryReader(opened[HASH_BYTES:]).tgread_object().g_b)
        self.key = pow(theirs, self.secret, PRIME).to_bytes(256)
        proof = AuthKey(self.key).calc_new_nonce_hash(self.new_nonce, 1)
        return DhGenOk(request.nonce, self.server_nonce, proof)

    def _cipher(self) -> tuple[bytes, bytes]:
        key, vector = generate_key_data_from_nonce(self.server_nonce, self.new_nonce)
        return key, vector


def _hashed(inner: bytes) -> bytes:
    """With its hash before it, and something after it, in whole blocks."""
    framed = sha1(inner, usedforsecurity=False).digest() + inner
    return framed + os.urandom(-len(framed) % 16)


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _number(said: bytes) -> int:
    return int.from_bytes(said, "little", signed=True)
