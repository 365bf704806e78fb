"""Which addresses may be visited, and the guard that holds a process to it."""

import subprocess
import sys
from ipaddress import ip_network

import pytest

from extractors.addresses import NotAllowed, check, check_ip, host_of, normal, site_of, without_secrets

LOOPBACK = (ip_network("127.0.0.1/32"),)


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://www.youtube.com/@someone", "youtube.com"),
        ("https://m.youtube.com/watch?v=x", "youtube.com"),
        ("https://youtu.be/x", "youtube.com"),
        ("ytsearch50:two words", "youtube.com"),
        ("https://video.example.org/w/x", "video.example.org"),
        ("https://www.example/x", "www.example"),
        ("http://127.0.0.1:8080/feed.rss", "127.0.0.1:8080"),
        ("https://host.example:443/", "host.example"),
        ("https://HOST.example./", "host.example"),
        ("jwplatform:abc", "jwplatform"),
        ("http://[broken", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_site_is_its_host(address: str, site: str) -> None:
    assert site_of(address) == site


@pytest.mark.parametrize(
    "address",
    ["https://example.org/", "http://example.org:8080/a?b=c#d", "https://93.184.215.14/x", "https://münchen.example/"],
)
def test_public_addresses_pass(address: str) -> None:
    check(address)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/a.mp4", "only http and https"),
        ("example.org/a", "only http and https"),
        ("https:///path", "names no host"),
        ("https://user:word@example.org/", "leave the user name"),
        ("https://example.org\\@evil.example/", "no spaces, backslashes"),
        ("https://example.org/\x1b[2J", "control characters"),
        ("https://example.org:99999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("https://example.org/" + "a" * 3000, "2048"),
        ("http://127.0.0.1/", "127.0.0.1/32 to LASTSEEN_ALLOW_PRIVATE_ADDRESSES"),
        ("http://localhost:9000/", "not a public address"),
        ("http://files.localhost/", "not a public address"),
        ("http://2130706433/", "127.0.0.1 is not a public address"),
        ("http://0x7f.1/", "127.0.0.1 is not a public address"),
        ("http://127.1/", "127.0.0.1 is not a public address"),
        ("http://169.254.169.254/latest/meta-data", "not a public address"),
        ("http://10.0.0.1/", "not a public address"),
        ("http://100.64.0.1/", "not a public address"),
        ("http://224.0.0.1/", "not a public address"),
        ("http://[::1]/", "not a public address"),
        ("http://[::ffff:127.0.0.1]/", "not a public address"),
        ("http://[64:ff9b::a00:1]/", "10.0.0.1 is not a public address"),
        ("http://[2002:7f00:1::]/", "not a public address"),
        ("http://[fe80::1%25eth0]/", "not a public address"),
        ("http://[::127.0.0.1]/", "::7f00:1 is not a public address"),
        ("http://[::ffff:0:127.0.0.1]/", "not a public address"),
        ("http://[64:ff9b:1::a00:1]/", "not a public address"),
        ("http://[5f00::1]/", "not a public address"),
        ("http://[3fff::1]/", "not a public address"),
        ("http://192.0.0.192/opc/v1/instance/", "not a public address"),
        ("http://192.88.99.1/", "not a public address"),
        ("http://168.63.129.16/machine", "not a public address"),
    ],
)
def test_others_do_not_and_the_message_says_what_to_do(address: str, reason: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        check(address)
    assert reason in str(refused.value)


def test_a_setting_lets_one_private_network_in_and_no_other() -> None:
    check("http://127.0.0.1:8000/", LOOPBACK)
    check("http://localhost:8000/", LOOPBACK)
    with pytest.raises(NotAllowed):
        check("http://127.0.0.2/", LOOPBACK)
    check_ip("127.0.0.1", LOOPBACK)
    with pytest.raises(NotAllowed):
        check_ip("::1", LOOPBACK)


def test_one_host_whatever_its_case_and_www() -> None:
    assert host_of("https://WWW.Example.org:443/x") == host_of("http://example.org") == "example.org"


def test_identity_does_not_hang_on_what_changes_by_itself() -> None:
    same = {
        normal("https://www.example.org:443/watch?v=1&Signature=abc&X-Amz-Date=3#t=5"),
        normal("http://example.org/watch?v=1&expires=17"),
        normal("http://example.org:80/watch?v=1"),
    }
    assert same == {"example.org/watch?v=1"}
    assert normal("https://example.org/a/video.mp4") != normal("https://example.org/b/video.mp4")
    assert normal("https://example.org:8443/") != normal("https://example.org/")


@pytest.mark.parametrize("name", ["key", "hash", "sid", "ip", "policy", "secure", "token", "session_id"])
def test_pages_that_differ_by_a_parameter_are_different_pages(name: str) -> None:
    one, other = (f"https://example.org/show?{name}={value}" for value in (1, 2))
    assert normal(one) != normal(other)
    assert without_secrets(one) == without_secrets(other) == "https://example.org/show"


def test_secrets_are_taken_out_of_addresses() -> None:
    assert without_secrets("https://u:p@example.org/a?v=1&sig=xyz&ip=192.0.2.1") == "https://example.org/a?v=1"
    assert without_secrets("https://example.org/a?v=1&x=2", whole_query=True) == "https://example.org/a"
    assert without_secrets("https://example.org/a?v=%20+1") == "https://example.org/a?v=%20+1"
    assert "cannot be read" in without_secrets("http://[broken")


GUARDED = """
import socket, subprocess, sys
from ipaddress import ip_network
from extractors import network_guard
refused = network_guard.install((ip_network("127.0.0.1/32"),))
try:
    {act}
except Exception as error:
    print(type(error).__name__, len(refused))
else:
    print("let through", len(refused))
"""


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ("socket.create_connection(('127.0.0.1', 1), 1)", "ConnectionRefusedError 0"),
        ("socket.create_connection(('127.0.0.2', 1), 1)", "NotAllowed 1"),
        ("socket.create_connection(('10.0.0.1', 1), 1)", "NotAllowed 1"),
        ("socket.socket().connect(('localhost', 1))", "NotAllowed 1"),
        ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.2', 53))", "NotAllowed 1"),
        ("socket.socket(socket.AF_UNIX).connect('/tmp/none')", "NotAllowed 1"),
        ("subprocess.run(['true'])", "PermissionError 0"),
    ],
)
def test_the_guard_stands_where_connections_are_made(act: str, outcome: str) -> None:
    done = subprocess.run([sys.executable, "-c", GUARDED.format(act=act)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == outcome
