"""Who gets alerts, for tests: a real HTTP receiver and a real mail server (aiosmtpd) on loopback."""

import asyncio
import email
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lastseen.clock import utcnow
from tests.servers.serving import LoopbackServer, Said

HOST = "127.0.0.1"


class Receiver(LoopbackServer):
    """Takes what is posted, and says what it was told to say; at the end of its list it says 204."""

    def __init__(self, *says: Said) -> None:
        super().__init__()
        self.says = list(says)
        self.bodies: list[bytes] = []
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []

    def hear(self, headers: Mapping[str, str]) -> None:
        self.headers.append(headers)

    def answer(self, method: str, path: str, body: bytes) -> Said:
        self.asked.append(f"{method} {path}")
        self.bodies.append(body)
        return self.says.pop(0) if self.says else Said(status=204)


class Slow(Receiver):
    """Answers when the test is over."""

    def answer(self, method: str, path: str, body: bytes) -> Said:
        self.ending.wait()
        return super().answer(method, path, body)


@dataclass(slots=True)
class Letters:
    """What the mail server got."""

    port: int = 0
    got: list[Message] = field(default_factory=list)
    refuses: str = ""
    """what it answers instead of taking a letter, such as `451 later`"""
    encrypted: list[bool] = field(default_factory=list)
    unknown: str = ""
    """an address that it takes nothing for"""

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: Any, session: Any, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address == self.unknown:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 taken"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name
        if self.refuses:
            return self.refuses
        self.encrypted.append(session.ssl is not None)
        self.got.append(email.message_from_bytes(envelope.content or b""))  # type: ignore[arg-type]  # bytes here
        return "250 taken"


@contextmanager
def mail_server(context: ssl.SSLContext | None = None, user: str = "", password: str = "") -> Iterator[Letters]:
    """With `context` it insists on STARTTLS; with `user` on signing in."""
    letters = Letters()

    def known(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        right = (given.login, given.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)

    more: dict[str, Any] = {"authenticator": known, "auth_required": True} if user else {}
    loop = asyncio.new_event_loop()
    made = loop.run_until_complete(
        loop.create_server(
            lambda: SMTP(letters, loop=loop, tls_context=context, require_starttls=context is not None, **more), HOST, 0
        )
    )
    letters.port = made.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield letters
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        made.close()
        for left in asyncio.all_tasks(loop):
            left.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server on loopback speaks TLS with, and the file with its root."""
    key, now = ec.generate_private_key(ec.SECP256R1()), utcnow()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "mail.pem", folder / "mail.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context, pem
