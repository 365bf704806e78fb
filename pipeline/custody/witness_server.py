"""A witness over HTTP (C2SP tlog-witness): POST /add-checkpoint, answered by a cosignature or by why there is none."""

import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipeline.custody import witness
from pipeline.custody.witness import MOST_BYTES, PATH, Malformed, Refused, State

log = logging.getLogger("lastseen.witness")

SILENCE_SECONDS = 15.0
"""after which a connection that says nothing is closed"""
TEXT = "text/plain; charset=utf-8"


class Server(ThreadingHTTPServer):
    """Serves one witness; any number of requests at once."""

    daemon_threads = True

    def __init__(self, state: State, host: str, port: int) -> None:
        super().__init__((host, port), _Handler)
        self.state = state


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    timeout = SILENCE_SECONDS
    server_version = "lastseen-witness"
    sys_version = ""

    def do_POST(self) -> None:
        if self.path.removesuffix("/") != PATH:
            self._say(HTTPStatus.NOT_FOUND, TEXT, f"a witness answers POST {PATH}\n")
            return
        try:
            _, line = witness.cosign(self.server.state, self._body())
        except Refused as fault:
            log.warning("refused a head: %s", type(fault).__name__)
            self._say(fault.status, fault.kind, f"{fault}\n")
        else:
            self._say(HTTPStatus.OK, TEXT, str(line))

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.close_connection = True
            raise Malformed(f"a request states its length, at most {MOST_BYTES} bytes")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            raise Malformed("the request is cut off")
        return body

    def _say(self, status: HTTPStatus, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        log.info("%s", self.requestline if hasattr(self, "requestline") else "a request")
