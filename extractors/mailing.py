"""One letter in plain text, handed to a mail server that the office has configured itself.

Without encryption nothing is sent unless that was asked for, and the certificate is checked.  Each answer of the server
is waited for up to `seconds`.
"""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from extractors.asking import Refused, Unanswered
from lastseen.clock import utcnow

SUBMISSION_PORT, TLS_PORT = 587, 465
"""RFC 6409; RFC 8314"""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Whom letters are handed to."""

    host: str
    port: int
    security: str
    """`starttls`, `tls` or `none`"""
    roots: Path | None = None
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, address: str, security: str, roots: Path | None, user: str, password: str) -> "MailServer":
        """From host or host:port.  Raises ValueError."""
        host, _, port = address.partition(":")
        usual = TLS_PORT if security == "tls" else SUBMISSION_PORT
        if not host or (port and not port.isdecimal()):
            raise ValueError(f"{address!r} is no mail server: write host or host:port")
        return cls(host, int(port or usual), security, roots, user, password)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is said to whom."""

    sender: str
    to: tuple[str, ...]
    subject: str
    """one line"""
    text: str
    reference: str
    """makes the Message-ID: the same letter has the same when it is sent again"""


def send(server: MailServer, letter: Letter, seconds: float) -> int:
    """Hand it over.  Returns for how many of the addresses it was not taken; it was for all others.

    Raises Unanswered, Refused where it was taken for none; in both cases it may be tried again.
    """
    try:
        with _connected(server, seconds) as line:
            if server.user:
                line.login(server.user, server.password)
            return len(line.send_message(_written(letter)))
    except ssl.SSLCertVerificationError as fault:
        raise Refused(f"its TLS certificate is not accepted: {fault.verify_message}") from fault
    except smtplib.SMTPNotSupportedError as fault:
        raise Refused("it offers no encryption (STARTTLS), and nothing is sent without") from fault
    except smtplib.SMTPRecipientsRefused as fault:
        codes = sorted({code for code, _ in fault.recipients.values()})
        raise _of_status(codes[0], "it takes no letter for any of the addresses") from fault
    except smtplib.SMTPResponseException as fault:
        raise _of_status(fault.smtp_code, f"it says SMTP {fault.smtp_code}") from fault
    except (smtplib.SMTPException, OSError) as fault:
        raise Unanswered(f"it cannot be reached, or broke off: {type(fault).__name__}") from fault


def _connected(server: MailServer, seconds: float) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=None if server.roots is None else str(server.roots))
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=seconds, context=context)
    line = smtplib.SMTP(server.host, server.port, timeout=seconds)
    try:
        if server.security == "starttls":
            line.starttls(context=context)
    except BaseException:
        line.close()
        raise
    return line


def _written(letter: Letter) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = letter.sender, ", ".join(letter.to), letter.subject
    made["Date"] = format_datetime(utcnow())
    made["Message-ID"] = f"<{letter.reference}@{letter.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.text)
    return made


def _of_status(status: int, why: str) -> Unanswered | Refused:
    return Unanswered(why) if status < 500 else Refused(why)
