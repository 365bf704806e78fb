"""An OpenID provider on loopback, for tests and trials by hand: discovery, codes with PKCE, signed ID tokens.

`python -m tests.servers.oidc [--port N] [--fault NAME]` serves until Ctrl-C and says how to configure it.

In tests: `with OpenIdProvider() as provider: provider.url`.  `provider.person` is who signs in next, `provider.fault`
what is wrong with the answers, `provider.rotate()` signs with another key.  It signs by itself, with nothing of the
libraries that read its tokens.
"""

import argparse
import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.servers.serving import LoopbackServer, Said

CLIENT, SECRET = "lastseen-test", "not a secret of anybody's"
HOUR = 3600


class Fault(StrEnum):
    """What may be wrong with an answer."""

    NONE = "none"
    NONCE = "wrong nonce"
    NO_NONCE = "no nonce"
    UNSIGNED = "alg none"
    SHARED_SECRET = "signed with the client's secret"
    PUBLIC_KEY_AS_SECRET = "signed with the public key as a shared secret"
    AUDIENCE = "for another client"
    TWO_AUDIENCES = "for two clients, without saying for whom"
    EXPIRED = "expired"
    FUTURE = "not valid yet"
    ISSUER = "from another issuer"
    NO_SUBJECT = "without a subject"
    FOREIGN_KEY = "signed with a key that is not published"
    TAMPERED = "changed after it was signed"
    ACCESS_TOKEN = "for another access token"
    NO_TOKEN = "no ID token"
    REFUSES = "access_denied"
    DOWN = "down"
    HTML = "answers in HTML"
    ENDLESS = "does not end"
    CALLS_ITSELF_OTHERWISE = "discovery names another issuer"
    PLAIN_HTTP = "discovery names an address without TLS"


@dataclass(frozen=True, slots=True)
class Person:
    """Who signs in at the provider."""

    subject: str = "4f1c"
    name: str = "olena"
    groups: tuple[str, ...] = ("analysts",)
    amr: tuple[str, ...] = ("pwd",)


@dataclass(frozen=True, slots=True)
class _Code:
    challenge: str
    nonce: str
    back: str
    person: Person


@dataclass(slots=True)
class _Key:
    id: str = field(default_factory=lambda: secrets.token_hex(4))
    private: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def published(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        n, e = (_b64(value.to_bytes((value.bit_length() + 7) // 8)) for value in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": n, "e": e}

    def sign(self, signed: bytes) -> bytes:
        return self.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


class OpenIdProvider(LoopbackServer):
    """One client, and whoever `person` is."""

    def __init__(self, port: int = 0) -> None:
        """0: any free port."""
        super().__init__(port)
        self.person, self.fault = Person(), Fault.NONE
        self.asked: list[str] = []
        """paths, as they were asked for"""
        self._codes: dict[str, _Code] = {}
        self._key = _Key()

    def rotate(self) -> None:
        """Sign with another key from here on."""
        self._key = _Key()

    def answer(self, method: str, path: str, body: bytes) -> Said:
        """What the provider says."""
        parts = urlsplit(path)
        self.asked.append(parts.path)
        match self.fault:
            case Fault.DOWN:
                return Said(cut=True)
            case Fault.HTML:
                return Said(b"<h1>Gateway</h1>", 502, "text/html")
            case Fault.ENDLESS:
                return Said(b" " * 3_000_000, media_type="application/json")
        said = dict(parse_qsl(parts.query or body.decode()))
        match (method, parts.path):
            case ("GET", "/.well-known/openid-configuration"):
                return _json(self._discovery())
            case ("GET", "/keys"):
                return _json({"keys": [self._key.published()]})
            case ("GET", "/authorize"):
                return self._authorize(said)
            case ("POST", "/token"):
                return self._token(said)
        return Said(status=404)

    def _discovery(self) -> Mapping[str, object]:
        base = "http://idp.example" if self.fault is Fault.PLAIN_HTTP else self.url
        return {
            "issuer": "https://other.example" if self.fault is Fault.CALLS_ITSELF_OTHERWISE else self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{self.url}/keys",
            "end_session_endpoint": f"{self.url}/end",
        }

    def _authorize(self, said: Mapping[str, str]) -> Said:
        """Whoever comes is `person`, without being asked."""
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        if any(said.get(name) != value for name, value in wanted.items()) or "openid" not in said["scope"].split():
            return Said(status=400)
        if self.fault is Fault.REFUSES:
            brought = {"error": "access_denied", "state": said["state"]}
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = _Code(said["code_challenge"], said["nonce"], said["redirect_uri"], self.person)
            brought = {"code": code, "state": said["state"], "iss": self.url}
        return Said(status=302, headers={"Location": f"{said['redirect_uri']}?{urlencode(brought)}"})

    def _token(self, said: Mapping[str, str]) -> Said:
        code = self._codes.pop(said.get("code", ""), None)
        verifier = hashlib.sha256(said.get("code_verifier", "").encode()).digest()
        if code is None or code.back != said.get("redirect_uri") or code.challenge != _b64(verifier):
            return _json({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(16)
        given = {"access_token": access, "token_type": "Bearer", "expires_in": HOUR}
        if self.fault is not Fault.NO_TOKEN:
            given["id_token"] = self._signed(self._claims(code, access))
        return _json(given)

    def _claims(self, code: _Code, access: str) -> dict[str, object]:
        now, person = int(time.time()), code.person
        at_hash = _b64(hashlib.sha256(access.encode()).digest()[:16])
        claims: dict[str, object] = {
            "iss": self.url,
            "sub": person.subject,
            "aud": CLIENT,
            "iat": now,
            "exp": now + HOUR,
            "nonce": code.nonce,
            "at_hash": at_hash,
            "amr": list(person.amr),
            "preferred_username": person.name,
            "groups": list(person.groups),
        }
        changed: Mapping[Fault, Mapping[str, object]] = {
            Fault.NONCE: {"nonce": "another"},
            Fault.NO_NONCE: {"nonce": None},
            Fault.AUDIENCE: {"aud": "another client"},
            Fault.TWO_AUDIENCES: {"aud": [CLIENT, "another client"]},
            Fault.EXPIRED: {"iat": now - 2 * HOUR, "exp": now - HOUR},
            Fault.FUTURE: {"nbf": now + HOUR},
            Fault.ISSUER: {"iss": "https://other.example"},
            Fault.NO_SUBJECT: {"sub": None},
            Fault.ACCESS_TOKEN: {"at_hash": _b64(bytes(16))},
        }
        said = {**claims, **changed.get(self.fault, {})}
        return {name: value for name, value in said.items() if value is not None}

    def _signed(self, claims: dict[str, object]) -> str:
        key = _Key(id=self._key.id) if self.fault is Fault.FOREIGN_KEY else self._key
        header = {"alg": "RS256", "kid": key.id, "typ": "JWT"}
        if self.fault is Fault.UNSIGNED:
            header["alg"] = "none"
        elif self.fault in {Fault.SHARED_SECRET, Fault.PUBLIC_KEY_AS_SECRET}:
            header["alg"] = "HS256"
        signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))
        if self.fault is Fault.TAMPERED:
            changed = _b64(json.dumps({**claims, "sub": "somebody else"}).encode())
            return f"{signed.partition('.')[0]}.{changed}.{_b64(key.sign(signed.encode()))}"
        return f"{signed}.{_b64(self._signature(key, signed.encode()))}"

    def _signature(self, key: _Key, signed: bytes) -> bytes:
        match self.fault:
            case Fault.UNSIGNED:
                return b""
            case Fault.SHARED_SECRET:
                return hmac.digest(SECRET.encode(), signed, "sha256")
            case Fault.PUBLIC_KEY_AS_SECRET:
                return hmac.digest(json.dumps(key.published()).encode(), signed, "sha256")
        return key.sign(signed)


def _json(said: Mapping[str, object], status: int = 200) -> Said:
    return Said(json.dumps(said).encode(), status, "application/json")


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description="An OpenID provider on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fault", type=Fault, choices=list(Fault), default=Fault.NONE)
    given = parser.parse_args()
    with OpenIdProvider(given.port) as provider:
        provider.fault = given.fault
        sys.stdout.write(f"LASTSEEN_OIDC_ISSUER={provider.url}\nLASTSEEN_OIDC_CLIENT_ID={CLIENT}\n")
        sys.stdout.write(f"LASTSEEN_OIDC_CLIENT_SECRET={SECRET!r}\nLASTSEEN_OIDC_ROLES=analysts=analyst\n")
        sys.stdout.flush()
        try:
            provider.ending.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
