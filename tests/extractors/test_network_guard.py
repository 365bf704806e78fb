"""What may be asked of a proxy, and where a guarded process may connect to: what is installed lasts, so in children."""

import socket
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path

import pytest

from extractors import network_guard
from extractors.addresses import NotAllowed

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

CONNECT = """
import socket, sys
from extractors import network_guard
refused = network_guard.install((), sys.argv[1])
for port in sys.argv[2:]:
    try:
        socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()
        print("through")
    except Exception as fault:
        print(type(fault).__name__)
"""


def test_a_proxy_is_not_asked_for_what_a_name_leads_to_if_that_is_private() -> None:
    name = socket.gethostname()
    try:
        found = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine's own name leads nowhere")
    if not found.startswith("127."):
        pytest.skip("this machine's own name leads to its network")
    with pytest.raises(NotAllowed, match="not a public address"):
        network_guard._check_target(f"http://{name}/x", ())
    network_guard._check_target(f"http://{name}/x", LOOPBACK)


@pytest.mark.parametrize("address", ["http://10.0.0.1/", "http://localhost/", "http://0x7f.1/", "http://[::1]/"])
def test_a_proxy_is_not_asked_for_private_addresses_however_they_are_written(address: str) -> None:
    with pytest.raises(NotAllowed):
        network_guard._check_target(address, ())


def test_what_leads_nowhere_from_here_may_lead_somewhere_from_the_proxy() -> None:
    network_guard._check_target("http://nowhere.invalid/", ())
    network_guard._check_target("data:text/plain,x", ())


def test_with_a_proxy_nothing_else_is_connected_to_not_even_another_port_of_its_host() -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [str(each.getsockname()[1]) for each in (proxy, other)]
        command = [sys.executable, "-c", CONNECT, f"http://user:word@127.0.0.1:{ports[0]}", *ports]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.split() == ["through", "NotAllowed"]
