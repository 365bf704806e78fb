"""An OpenID provider (OpenID Connect Core 1.0): where to send a browser, and what its answer is worth.

The authorization code flow with PKCE (RFC 7636), a state and a nonce; the provider's addresses and keys come from its
discovery document.  An ID token counts only if one of the provider's published keys signed it by an asymmetric
algorithm, for this client, with this browser's nonce, and not too long ago.  No redirect of the provider's is followed
when this server asks it, answers are read up to a size, and everything but loopback has to be HTTPS.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from lastseen.errors import Failure
from lastseen.settings import Settings

DISCOVERY: Final = "/.well-known/openid-configuration"
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""of ID tokens; `none` and those with a shared secret are not among them"""
SECONDS = 10.0
LONGEST_ANSWER = 1024 * 1024
"""bytes"""
KEPT_SECONDS = 3600.0
"""for so long what the provider published is believed"""
ASKED_AGAIN_SECONDS = 5.0
"""so often at most its keys are asked for because a token was signed by an unknown one"""
LEEWAY_SECONDS = 120
"""by which its clock may disagree with ours"""
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SECOND = frozenset({"otp", "hwk", "swk", "sms"})
"""methods of RFC 8176 that are a second factor beside a password"""


class ProviderFault(Failure):
    """The provider does not answer, or not as it should; nobody is signed in by that."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What this server remembers of a browser that it sent to the provider."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for."""

    subject: str
    name: str
    """what it calls them; may be given to somebody else tomorrow"""
    groups: tuple[str, ...]
    twice: bool
    """it says that it asked for a second factor"""


class Provider:
    """The one provider of this office."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is asked before somebody wants to sign in."""
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._published: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    @cached_property
    def _secret(self) -> str:
        """Empty: the client has none.  Raises ProviderFault."""
        settings = self._settings
        if settings.oidc_client_secret is not None:
            return settings.oidc_client_secret.get_secret_value()
        if settings.oidc_client_secret_file is None:
            return ""
        try:
            return settings.oidc_client_secret_file.read_text().strip()
        except OSError as fault:
            raise ProviderFault(f"LASTSEEN_OIDC_CLIENT_SECRET_FILE cannot be read: {fault.strerror}") from fault

    def begin(self, back: str) -> tuple[str, Tried]:
        """Where to send a browser, which the provider sends `back` to this address.  Raises ProviderFault."""
        tried = Tried(*(secrets.token_urlsafe(32) for _ in range(3)))
        address: str = prepare_grant_uri(
            self._metadata()["authorization_endpoint"],
            self._settings.oidc_client_id,
            "code",
            redirect_uri=back,
            scope=self._settings.oidc_scopes,
            state=tried.state,
            nonce=tried.nonce,
            code_challenge=create_s256_code_challenge(tried.verifier),
            code_challenge_method="S256",
        )
        return address, tried

    def finish(self, tried: Tried, answer: Mapping[str, str], back: str) -> Vouched:
        """Whom the provider vouches for, by what it had the browser bring.  Raises ProviderFault."""
        if not secrets.compare_digest(answer.get("state", "").encode(), tried.state.encode()):
            raise ProviderFault("the answer belongs to another attempt")
        if answer.get("iss", self._settings.oidc_issuer) != self._settings.oidc_issuer:
            raise ProviderFault("the answer comes from another provider")  # RFC 9207
        if "code" not in answer:
            raise ProviderFault(f"the provider says no: {_plain(answer.get('error', 'it does not say why'))}")
        given = self._exchange(answer["code"], tried.verifier, back)
        return self._vouched(self._claims(given, tried.nonce))

    def leave(self, back: str) -> str:
        """Where a browser signs out at the provider, which may send it `back`; empty: nowhere.

        Raises ProviderFault.
        """
        end = self._metadata().get("end_session_endpoint")
        if not isinstance(end, str):
            return ""
        self._require_safe(end)
        asked = httpx.QueryParams({"client_id": self._settings.oidc_client_id, "post_logout_redirect_uri": back})
        return f"{end}{'&' if urlsplit(end).query else '?'}{asked}"

    def _exchange(self, code: str, verifier: str, back: str) -> Mapping[str, Any]:
        body = prepare_token_request("authorization_code", redirect_uri=back, code=code, code_verifier=verifier)
        method = "client_secret_basic" if self._secret else "none"
        auth = ClientAuth(self._settings.oidc_client_id, self._secret, method)
        sent = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        address, headers, body = auth.prepare("POST", self._metadata()["token_endpoint"], sent, body)
        return self._ask("POST", address, body, headers)

    def _claims(self, given: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Of the ID token, checked.  Raises ProviderFault."""
        settings, token = self._settings, given.get("id_token")
        if not isinstance(token, str):
            raise ProviderFault("the provider gave no ID token")
        wanted = {"iss": settings.oidc_issuer, "aud": settings.oidc_client_id}
        options = {name: {"essential": True, "value": value} for name, value in wanted.items()}
        params = {"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": given.get("access_token")}
        try:
            opened = self._opened(token)
            claims = CodeIDToken(opened.claims, opened.header, options, params)
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError) as fault:
            raise ProviderFault(f"the provider's ID token does not stand: {_plain(str(fault))}") from fault
        return dict(claims)

    def _opened(self, token: str) -> jwt.Token:
        """The token, if one of the provider's keys signed it; keys that came since are asked for once."""
        try:
            return jwt.decode(token, self._key_set(), ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, self._key_set(older_than=ASKED_AGAIN_SECONDS), ALGORITHMS)

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        subject, groups = claims.get("sub"), claims.get(self._settings.oidc_groups_claim, [])
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ProviderFault("the provider does not say who it is")
        named = groups if isinstance(groups, list) else [groups]
        methods = {method for method in claims.get("amr") or [] if isinstance(method, str)}
        twice = "mfa" in methods or ("pwd" in methods and bool(methods & _SECOND))
        name = claims.get("preferred_username")
        return Vouched(
            subject, name if isinstance(name, str) else "", tuple(one for one in named if isinstance(one, str)), twice
        )

    def _metadata(self) -> Mapping[str, Any]:
        """What the provider publishes about itself.  Raises ProviderFault."""
        with self._lock:
            if self._published and self._clock() - self._published[0] < KEPT_SECONDS:
                return self._published[1]
        issuer = self._settings.oidc_issuer
        found = self._ask("GET", issuer.rstrip("/") + DISCOVERY)
        if found.get("issuer") != issuer:
            raise ProviderFault("the provider calls itself otherwise than LASTSEEN_OIDC_ISSUER does")
        if not all(isinstance(found.get(name), str) for name in _NEEDED):
            raise ProviderFault("the provider does not publish what is needed of it")
        self._require_safe(*(found[name] for name in _NEEDED))
        with self._lock:
            self._published = (self._clock(), found)
        return found

    def _key_set(self, older_than: float = KEPT_SECONDS) -> KeySet:
        """The provider's keys, not older than so many seconds.  Raises ProviderFault, JoseError, ValueError."""
        with self._lock:
            if self._keys and self._clock() - self._keys[0] < older_than:
                return self._keys[1]
        found = KeySet.import_key_set(self._ask("GET", self._metadata()["jwks_uri"]))  # type: ignore[arg-type]
        with self._lock:
            self._keys = (self._clock(), found)
        return found

    def _ask(
        self, method: str, address: str, body: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """One bounded request; a JSON object.  Raises ProviderFault."""
        self._require_safe(address)
        try:
            with (
                httpx.Client(timeout=SECONDS, follow_redirects=False) as client,
                client.stream(method, address, content=body or None, headers=headers) as answer,
            ):
                said = _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise ProviderFault(f"the provider cannot be asked: {type(fault).__name__}") from fault
        try:
            found = json.loads(said)
        except ValueError as fault:
            raise ProviderFault(f"the provider does not answer in JSON (status {answer.status_code})") from fault
        if answer.status_code != httpx.codes.OK or not isinstance(found, dict):
            raise ProviderFault(f"the provider refuses (status {answer.status_code})")
        return found

    def _require_safe(self, *addresses: str) -> None:
        """Raises ProviderFault."""
        for address in addresses:
            parts = urlsplit(address)
            if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
                raise ProviderFault(f"the provider's address {_plain(address)} is not HTTPS")


def _bounded(answer: httpx.Response) -> bytes:
    """Raises ProviderFault."""
    said = b""
    for block in answer.iter_bytes():
        said += block
        if len(said) > LONGEST_ANSWER:
            raise ProviderFault("the provider's answer does not end")
    return said


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plain(said: str, longest: int = 200) -> str:
    return "".join(char for char in said[:longest] if char.isprintable())


def roles_of(settings: Settings, groups: Sequence[str]) -> tuple[str, ...]:
    """The roles that these groups give, by the office's own settings."""
    return tuple(sorted({role.value for group, role in settings.oidc_roles if group in groups}))
