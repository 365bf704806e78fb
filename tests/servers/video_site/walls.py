"""How sites refuse: answers as they give them, as far as their status and headers tell anything."""

from tests.servers.video_site import Answer

_HTML = {"Content-Type": "text/html; charset=utf-8"}


def removed() -> Answer:
    """It was there once."""
    return Answer(410, b"<h1>This video has been removed</h1>", _HTML)


def login() -> Answer:
    """Only for those who have an account."""
    return Answer(401, b"<h1>Sign in</h1>", _HTML | {"WWW-Authenticate": "Bearer"})


def age() -> Answer:
    """Only for those who say how old they are."""
    return Answer(403, b"<h1>Confirm your age</h1>", _HTML)


def country() -> Answer:
    """Not from where we are (RFC 7725)."""
    return Answer(451, b"<h1>Not available in your country</h1>", _HTML)


def robots() -> Answer:
    """Are you human?  As Cloudflare asks it."""
    return Answer(403, b"<h1>Just a moment...</h1>", _HTML | {"cf-mitigated": "challenge", "Server": "cloudflare"})


def too_many(seconds: int | None = None) -> Answer:
    """Slow down; with the moment or without."""
    return Answer(429, b"", {} if seconds is None else {"Retry-After": str(seconds)})


def overloaded(seconds: int | None = None) -> Answer:
    """Not now."""
    return Answer(503, b"", {} if seconds is None else {"Retry-After": str(seconds)})
