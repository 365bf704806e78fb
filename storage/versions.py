"""Whether something that is asked for often has changed, without counting it.

Triggers (migration 0008) keep rows of the table `versions`: whoever changes what is meant writes a new token into one
that no other transaction holds, or adds one, so that nobody waits for anybody.  Whatever is committed since has thus
changed a token, in whatever order transactions end.
"""

from enum import StrEnum

from sqlalchemy import Connection, text

VERSION = text("SELECT coalesce(md5(string_agg(token::text, ' ' ORDER BY id)), '') FROM versions WHERE what = :what")


class What(StrEnum):
    """What has a version."""

    GALLERY = "gallery"
    """templates of reference photos, and who is missing"""
    REGISTER = "register"
    """entries, with all that stands in them"""


def version(db: Connection, what: What) -> str:
    """Not the one of before when anything of it has changed.  Ask before reading: then what comes meanwhile shows."""
    found: str = db.execute(VERSION, {"what": what}).scalar_one()
    return found
