"""What a run of the tests that was killed has left goes with the next one, and nobody else's."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage import embedded, process_table
from tests import rooms
from tests.office import PROJECT

RUN = """
import sys
from pathlib import Path
from storage.embedded import Part, running
from tests.rooms import room
with room(Path(sys.argv[1])) as data, running(data, [Part.DATABASE]):
    print(data, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_run(place: Path) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """A run with a server, and the server's folder; it ends when its input does."""
    command = [sys.executable, "-c", RUN, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
        process.communicate()


def pids(data: Path) -> list[int]:
    """Of the servers that run there."""
    return [server.pid for server in embedded.status(data) if server.pid is not None]


def test_the_servers_of_a_killed_run_end_with_the_next_and_those_of_a_living_one_stay(tmp_path: Path) -> None:
    with another_run(tmp_path) as (killed, left):
        killed.send_signal(signal.SIGKILL)
    (server,) = pids(left)
    with another_run(tmp_path) as (_, lives):
        assert not left.parent.exists()
        assert process_table.started(server) is None, "whether or not whoever it was left to has buried it"
        with rooms.room(tmp_path) as ours:
            assert len(pids(lives)) == 1
            assert sorted(tmp_path.iterdir()) == sorted([lives.parent, ours.parent])
    assert list(tmp_path.iterdir()) == []
