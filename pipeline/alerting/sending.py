"""Sends what is due about alerts, by each channel the office has; what does not go out comes again, for ever.

Nothing is sent within a transaction.  A receiver that is slow, away or wrong keeps nobody else from being told.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from extractors import asking, mailing
from extractors.asking import Ask, Refused, Unanswered
from extractors.mailing import Letter, MailServer
from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline.alerting import messages, rules
from storage import alert_notices
from storage.alert_notices import Notice
from storage.database import Engine

WEBHOOK: Final = "webhook"
MAIL: Final = "e-mail"
HEARTBEAT: Final = "dead man's switch"

Send = Callable[[Settings, Sequence[Notice]], str]
"""returns what was not well though it went out; empty: nothing"""

log = logging.getLogger("lastseen.alerting")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one channel."""

    channel: str
    sent: int
    """notices that went out"""
    left: int
    """that did not"""
    why: str = ""
    """why not; or, where all went out, to whom it did not"""

    def as_dict(self) -> dict[str, object]:
        """For a command's result."""
        return {"channel": self.channel, "sent": self.sent, "left": self.left, "why": self.why}


def notify(db: Engine, settings: Settings) -> list[Told]:
    """Look whether the rules raise or end anything, then tell what is due.  Never raises for a receiver."""
    wanted = channels(settings)
    with db.begin() as connection:
        rules.look(connection, settings)
        alert_notices.note(connection, list(wanted))
    told = [_tell(db, settings, channel, send) for channel, send in wanted.items()]
    return [*told, *_beat(settings)]


def channels(settings: Settings) -> Mapping[str, Send]:
    """The channels that this office has set."""
    found: dict[str, Send] = {}
    if settings.alert_webhook_url is not None:
        found[WEBHOOK] = post
    if settings.alert_mail_to:
        found[MAIL] = mail
    return found


def post(settings: Settings, notices: Sequence[Notice]) -> str:
    """One POST of JSON.  Raises Unanswered, Refused."""
    if settings.alert_webhook_url is None:
        raise Refused("LASTSEEN_ALERT_WEBHOOK_URL is not set")
    content, secret = messages.body(settings.office, notices, status_page(settings)), settings.alert_webhook_secret
    signed = (
        {} if secret is None else {messages.SIGNATURE: messages.signature(secret.get_secret_value(), utcnow(), content)}
    )
    url = settings.alert_webhook_url.get_secret_value()
    _ask(Ask(url, content, "application/json", "*/*", signed), settings)
    return ""


def mail(settings: Settings, notices: Sequence[Notice]) -> str:
    """One letter; once it was taken for anybody it is not sent again.  Raises Unanswered, Refused."""
    password = settings.alert_smtp_password
    try:
        server = MailServer.parse(
            settings.alert_smtp,
            settings.alert_smtp_security,
            settings.alert_smtp_roots,
            settings.alert_smtp_user,
            password.get_secret_value() if password else "",
        )
    except ValueError as fault:
        raise Refused(str(fault)) from fault
    letter = Letter(
        settings.alert_mail_from,
        settings.alert_mail_to,
        messages.subject_line(settings.office, notices),
        messages.letter(settings.office, notices, status_page(settings)),
        ".".join(str(notices[place].id) for place in (0, -1)) + f".{len(notices)}",
    )
    left_out = mailing.send(server, letter, settings.alert_seconds)
    return f"it takes no letter for {left_out} of {len(letter.to)} addresses" if left_out else ""


def status_page(settings: Settings) -> str:
    """Its address; empty where the office has not said how its pages are reached."""
    return f"{settings.review_url}/status" if settings.review_url else ""


def _tell(db: Engine, settings: Settings, channel: str, send: Send) -> Told:
    with db.begin() as connection:
        notices = alert_notices.take(connection, channel)
    if not notices:
        return Told(channel, 0, 0)
    try:
        remark = send(settings, notices)
    except (Unanswered, Refused) as fault:
        after = timedelta(seconds=fault.after or 0) if isinstance(fault, Unanswered) else timedelta()
        with db.begin() as connection:
            alert_notices.failed(connection, notices, str(fault), min(after, alert_notices.LONGEST_REST))
        log.warning("%s: %d notices did not go out: %s", channel, len(notices), fault)
        return Told(channel, 0, len(notices), str(fault))
    with db.begin() as connection:
        alert_notices.sent(connection, notices, remark)
    log.info("%s: %d notices went out", channel, len(notices))
    if remark:
        log.warning("%s: %s", channel, remark)
    return Told(channel, len(notices), 0, remark)


def _beat(settings: Settings) -> Iterator[Told]:
    """Say outside that alerts are looked after."""
    if settings.alert_heartbeat_url is None:
        return
    try:
        _ask(Ask(settings.alert_heartbeat_url.get_secret_value(), accepts="*/*"), settings)
        yield Told(HEARTBEAT, 1, 0)
    except (Unanswered, Refused) as fault:
        log.warning("%s: %s", HEARTBEAT, fault)
        yield Told(HEARTBEAT, 0, 1, str(fault))


def _ask(asked: Ask, settings: Settings) -> None:
    """Raises Unanswered, Refused; neither says the address, which may hold a key."""
    try:
        asking.ask(asked, settings.alert_seconds)
    except ValueError as fault:
        raise Refused("its address is none of HTTP or HTTPS: correct the setting") from fault
