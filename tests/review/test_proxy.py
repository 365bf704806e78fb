"""The proxy of deploy/Caddyfile, as the real program, in front of the real pages, with a certificate of its own."""

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from lastseen.settings import Settings
from review import media
from review.desk import desk_of
from review.doors import Door
from storage.objects import DERIVED
from storage.stores import Stores
from tests.review.conftest import serving

CADDYFILE = Path(__file__).parents[2] / "deploy" / "Caddyfile"
CADDY = shutil.which("caddy") or ""
TRIES, REST_SECONDS = 300, 0.1
"""until it answers"""
CLIP = bytes(range(256)) * 256
KEY = "moment/" + "0" * 64 + "/test/0-0.mp4"


@pytest.fixture(autouse=True)
def proxy_program() -> None:
    """Caddy has to be installed; in CI its absence is a fault."""
    if not CADDY:
        missing = "there is no caddy: apt-get install --no-install-recommends caddy"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed one for localhost, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = utcnow()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "review.pem", folder / "review.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def environment(folder: Path, upstream: str, tls: str, http: int, https: int) -> dict[str, str]:
    """What docker-compose.yml gives the proxy."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "REVIEW_HOSTNAME": "localhost",
        "REVIEW_TLS": tls,
        "REVIEW_UPSTREAM": upstream,
        "HTTP_PORT": str(http),
        "HTTPS_PORT": str(https),
        "ALIVE_PORT": str(free_port()),
    }


@contextmanager
def proxied(folder: Path, upstream: str) -> Iterator[tuple[httpx.Client, int]]:
    """A browser in front of the proxy, and the port of plain HTTP."""
    pem, key = certificate(folder)
    http, https = free_port(), free_port()
    environ = environment(folder, upstream, f"tls {pem} {key}", http, https)
    log = folder / "caddy.log"
    with log.open("wb") as output:
        command = [CADDY, "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
        process = subprocess.Popen(command, env=environ, stdout=output, stderr=output, cwd=folder)
    try:
        trusted = ssl.create_default_context(cafile=str(pem))
        with httpx.Client(base_url=f"https://localhost:{https}", verify=trusted, trust_env=False) as browser:
            _wait(process, int(environ["ALIVE_PORT"]), log)
            yield browser, http
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(TRIES):
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/alive", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(REST_SECONDS)
    pytest.fail(log.read_text())


def seen(request: Request) -> Response:
    """What the application is told of the browser."""
    forwarded = {name: value for name, value in request.headers.items() if "forwarded" in name or "real-ip" in name}
    client = request.client.host if request.client else ""
    return JSONResponse({"scheme": request.url.scheme, "client": client, "headers": forwarded})


def clip(request: Request) -> Response:
    return media.stretch(desk_of(request).stores.objects, KEY, request.headers.get("range", ""))[0]


def test_the_pages_know_that_they_are_served_over_tls_and_from_where(
    stores: Stores, settings: Settings, tmp_path: Path
) -> None:
    with (
        serving(stores, settings, [Door("/seen", seen, anyone=True)]) as site,
        proxied(tmp_path, site.url.removeprefix("http://")) as (browser, _),
    ):
        lies = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http", "X-Real-IP": "198.51.100.8"}
        answer = browser.get("/seen", headers={**lies, "Forwarded": "for=198.51.100.9"})
        told = answer.json()
        assert (told["scheme"], told["client"]) == ("https", "127.0.0.1")
        assert "198.51.100" not in answer.text
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert "server" not in answer.headers or "caddy" not in answer.headers["server"].lower()


def test_one_signs_in_through_the_proxy_and_cookies_are_of_this_host_alone(
    stores: Stores, settings: Settings, tmp_path: Path
) -> None:
    with serving(stores, settings) as site, proxied(tmp_path, site.url.removeprefix("http://")) as (browser, http):
        page = browser.get("/sign-in")
        assert page.status_code == 200
        cookies = page.headers.get_list("set-cookie")
        assert cookies
        assert all(one.startswith("__Host-") and "secure" in one.lower() for one in cookies)
        plain = httpx.get(f"http://localhost:{http}/sign-in", trust_env=False)
        assert (plain.status_code, plain.headers["location"].startswith("https://")) == (308, True)
        assert browser.get("/metrics").status_code == 404
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert browser.post("/sign-in", content=b"x" * (2 << 20), headers=form).status_code == 413


def test_a_clip_is_served_piece_by_piece_through_the_proxy(stores: Stores, settings: Settings, tmp_path: Path) -> None:

    digest = hashlib.sha256(CLIP).hexdigest()
    stores.objects.put_verified(ObjectToStore(DERIVED, KEY, CLIP, digest, "video/mp4"))
    with (
        serving(stores, settings, [Door("/clip", clip, anyone=True)]) as site,
        proxied(tmp_path, site.url.removeprefix("http://")) as (browser, _),
    ):
        part = browser.get("/clip", headers={"Range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, CLIP[100:200])
        assert part.headers["content-range"] == f"bytes 100-199/{len(CLIP)}"
        assert browser.get("/clip", headers={"Range": f"bytes={len(CLIP)}-"}).status_code == 416
        assert browser.get("/clip").content == CLIP


def test_the_proxy_says_hsts_also_when_the_pages_are_away(tmp_path: Path) -> None:
    with proxied(tmp_path, f"127.0.0.1:{free_port()}") as (browser, _):
        answer = browser.get("/sign-in")
        assert answer.status_code == 502
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert "tell whoever runs them" in answer.text


def test_without_a_certificate_of_its_own_it_is_a_valid_configuration_too(tmp_path: Path) -> None:
    environ = environment(tmp_path, "review:8470", "", 8080, 8443) | {"REVIEW_HOSTNAME": "review.example.org"}
    command = [CADDY, "validate", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    formatted = subprocess.run([CADDY, "fmt", str(CADDYFILE)], env=environ, capture_output=True, check=True)
    assert formatted.stdout == CADDYFILE.read_bytes()
