"""ASGI middleware that gives each request an id: its answer and all that is logged for it bear it."""

import re
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lastseen import logs

HEADER: Final = "X-Request-ID"
_FITS: Final = re.compile("[A-Za-z0-9._-]{1,64}", re.ASCII)
"""of an id that a proxy gave; any other is replaced, since it will stand in logs"""


class Named:
    """Keeps the id that came, if it is one, or else makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request = given if _FITS.fullmatch(given) else uuid4().hex

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER.lower().encode(), request.encode())]
            await send(message)

        with logs.of_context(request=request):
            await self.app(scope, receive, named)
