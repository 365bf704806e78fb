"""Who needs a second factor: whoever sees faces, or can let others see them, where the pages leave this machine."""

from ipaddress import ip_address

from lastseen.settings import Settings
from review.roles import OF_CASES, Role
from storage.accounts import Awaits, User

OF_TWO_FACTORS = OF_CASES | {Role.ADMINISTRATOR}


def asks(settings: Settings) -> bool:
    """Whether this office asks for second factors."""
    if settings.require_second_factor == "auto":
        return not _is_loopback(settings.review_host)
    return settings.require_second_factor == "always"


def needs(settings: Settings, user: User) -> bool:
    """Whether this account has to have one."""
    return asks(settings) and bool(OF_TWO_FACTORS & set(user.roles))


def awaits(settings: Settings, user: User, *, has_factor: bool, proved_twice: bool) -> Awaits:
    """What is still to come after the first factor; `proved_twice`: a provider asked for a second one already."""
    if proved_twice:
        return Awaits.NOTHING
    if has_factor:
        return Awaits.CODE
    return Awaits.ENROLMENT if needs(settings, user) else Awaits.NOTHING


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
