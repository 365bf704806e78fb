"""What the small servers of this folder share: a thread with `http.server` on loopback, and answers as plain values."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Said:
    """One answer."""

    body: bytes = b""
    status: int = 200
    media_type: str = "application/octet-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    """nothing is said: the connection is closed"""


class LoopbackServer:
    """A context manager that answers with `answer` until its end."""

    def __init__(self, port: int = 0) -> None:
        """0: any free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.ending = threading.Event()
        """an answer that is late waits on this"""

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, body: bytes) -> Said:
        """What a subclass says."""
        raise NotImplementedError

    def hear(self, headers: Mapping[str, str]) -> None:
        """The headers of what is asked; called before `answer`, by whose subclass they are wanted."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: LoopbackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say("GET", b"")

        def do_POST(self) -> None:
            self._say("POST", self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def _say(self, method: str, body: bytes) -> None:
            server.hear(dict(self.headers.items()))
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has left
                self._send(server.answer(method, self.path, body))

        def _send(self, said: Said) -> None:
            if said.cut:
                self.close_connection = True
                return
            self.send_response(said.status)
            self.send_header("Content-Type", said.media_type)
            self.send_header("Content-Length", str(len(said.body)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
