"""The pages under a path of somebody else's server: our addresses, wherever they stand, begin with that path.

Pages and redirects are written with addresses from `/` on, so that none can forget where it is mounted; where they are,
the path is put before each here.  What came from outside cannot pass for an attribute: templates escape its quotes.
"""

import re
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ADDRESS: Final = re.compile(r'(?<=\s)((?:href|src|action|formaction|poster|data-here)="|content="0;url=)/(?!/)')


def page(html: str, root: str) -> str:
    """A page of ours, to be reached under `root`."""
    return _ADDRESS.sub(rf"\g<1>{root}/", html) if root else html


class Mounted:
    """ASGI middleware: redirects lead to addresses under the path at which the application is mounted."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root: str = scope.get("root_path", "").rstrip("/")

        async def led(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                to = headers.get("location", "")
                if to.startswith("/") and not to.startswith("//"):
                    headers["location"] = root + to
            await send(message)

        await self.app(scope, receive, led if root else send)
