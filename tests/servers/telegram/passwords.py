"""The second step of a login: a password that is never sent (https://core.telegram.org/api/srp), the server's side."""

import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from telethon import password as client_side
from telethon.tl import types
from telethon.tl.types import account

from tests.servers.telegram.key_exchange import GENERATOR, PRIME

SRP_ID: Final = 1
SIZE: Final = 256


@dataclass(slots=True)
class Check:
    """Of one password, for one who tries to log in."""

    password: str
    salts: tuple[bytes, bytes] = field(default_factory=lambda: (os.urandom(8), os.urandom(16)))
    secret: int = field(default_factory=lambda: int.from_bytes(os.urandom(SIZE)))

    def asked(self) -> Any:
        """account.getPassword: what the client needs to prove that it knows it."""
        unused = types.SecurePasswordKdfAlgoUnknown()
        return account.Password(
            new_algo=self._method(),
            new_secure_algo=unused,
            secure_random=b"",
            has_password=True,
            current_algo=self._method(),
            srp_B=self._public().to_bytes(SIZE),
            srp_id=SRP_ID,
        )

    def holds(self, said: Any) -> bool:
        """Whether what the client sent could only be made with the password."""
        theirs = int.from_bytes(said.A)
        mixed = int.from_bytes(_hash(said.A, self._public().to_bytes(SIZE)))
        shared = pow(theirs * pow(self._verifier(), mixed, PRIME), self.secret, PRIME)
        either = _hash(PRIME.to_bytes(SIZE)), _hash(GENERATOR.to_bytes(SIZE))
        proof = _hash(
            bytes(one ^ other for one, other in zip(*either, strict=True)),
            *(_hash(salt) for salt in self.salts),
            said.A,
            self._public().to_bytes(SIZE),
            _hash(shared.to_bytes(SIZE)),
        )
        return bool(proof == said.M1)

    def _method(self) -> Any:
        return types.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
            *self.salts, GENERATOR, PRIME.to_bytes(SIZE)
        )

    def _verifier(self) -> int:
        return int.from_bytes(client_side.compute_digest(self._method(), self.password))

    def _public(self) -> int:
        times = int.from_bytes(_hash(PRIME.to_bytes(SIZE), GENERATOR.to_bytes(SIZE)))
        return (times * self._verifier() + pow(GENERATOR, self.secret, PRIME)) % PRIME


def _hash(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()
