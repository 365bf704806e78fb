"""The minute after an answer: which one it was stands in the address of whatever page came next."""

from typing import Final
from uuid import UUID

from starlette.requests import Request

from storage import review_screen
from storage.accounts import User
from storage.database import Connection
from storage.review_screen import Answered

ANSWERED: Final = "answered"
"""in an address: the token of the review that was just answered"""


def just_answered(db: Connection, request: Request, reviewer: User) -> Answered | None:
    """The answer that was just given, while it can be undone."""
    try:
        token = UUID(request.query_params.get(ANSWERED, ""))
    except ValueError:
        return None
    found = review_screen.answered(db, token, reviewer)
    return found if found and found.undo_seconds and not found.instead else None
