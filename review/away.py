"""While the database is away every page says so plainly, and works again when it is back."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.doors import Refusal, Visit
from review.language import gettext as _
from storage.database import DatabaseError, is_away

RETRY_SECONDS = 10
"""after which a browser or program may ask again; on one machine the database is back by then"""


class WhenAway:
    """ASGI middleware: 503 instead of a fault, for whatever stands behind it."""

    def __init__(self, app: ASGIApp, refuse: Refusal) -> None:
        self.app = app
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except DatabaseError as fault:
            if begun or not is_away(fault):
                raise
            await self._answer(Request(scope), receive, scope, send)

    async def _answer(self, request: Request, receive: Receive, scope: Scope, send: Send) -> None:
        if not hasattr(request.state, "visit"):
            request.state.visit = Visit(None, "", {})
        title = _("The database does not answer")
        why = _("What you sent before is kept; what you sent just now may not be. Go back and try again in a minute.")
        answer = self.refuse(request, 503, title, why)
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
        await answer(scope, receive, send)
