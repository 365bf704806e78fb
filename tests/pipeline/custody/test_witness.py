"""A witness signs what extends the last head it saw, whoever asks, however it is asked, and whenever it dies."""

import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from pipeline.custody import signing, witness, witnessing
from pipeline.custody.witness import (
    Contradicts,
    Inconsistent,
    Malformed,
    NotSigned,
    Request,
    Stale,
    State,
    UnknownLog,
)
from pipeline.custody.witness_server import Server
from pipeline.custody.witnessing import Answer
from storage import alerts, custody, custody_keys, heads, merkle, notes
from storage.custody import Action, Entry
from storage.merkle import Frontier
from storage.notes import Checkpoint, Note, Signer
from storage.objects import EVIDENCE
from storage.stores import Stores
from tests.office import PROJECT, Office

LOG = "lastseen/test"


class Origin:
    """A log that is not an office's: entries, and the key that signs its heads."""

    def __init__(self) -> None:
        self.signer = Signer(LOG, notes.private_key(notes.new_private_key()))
        self.entries = [b"%d" % number for number in range(40)]

    def request(self, old: int, size: int, entries: list[bytes] | None = None) -> bytes:
        """Ask for the head over so many of the entries."""
        entries = entries or self.entries
        spans = merkle.consistency_spans(old, size)
        found = merkle.subtrees(entries[:size], spans)
        said = Checkpoint(LOG, size, Frontier().grown(entries[:size]).root)
        note = Note(said.text).signed(self.signer.sign(said.text))
        return Request(old, tuple(found[span] for span in spans), str(note).encode()).written()


@pytest.fixture
def origin() -> Origin:
    """A log."""
    return Origin()


@pytest.fixture
def state(tmp_path: Path, origin: Origin) -> State:
    """A witness that was told of it."""
    return witness.init(tmp_path / "witness", "w.example", [str(origin.signer.verifier())])


@contextmanager
def served(state: State) -> Iterator[str]:
    """The witness over HTTP."""
    with Server(state, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def post(url: str, body: bytes) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"{url}/add-checkpoint", body, timeout=10) as answer:  # noqa: S310  loopback
            return answer.status, answer.headers.get_content_type(), answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.headers.get_content_type(), refusal.read().decode()


def test_what_extends_the_last_head_is_signed(state: State, origin: Origin) -> None:
    for old, size in ((0, 5), (5, 5), (5, 8), (8, 33)):
        note, line = witness.cosign(state, origin.request(old, size))
        assert state.verifier.verified(note.signed(line)) == line
        assert abs(line.time - time.time()) < 60
    last = state.log(LOG).last
    assert last is not None
    assert Checkpoint.parse(last.text).size == 33


def test_what_does_not_is_not(state: State, origin: Origin) -> None:
    witness.cosign(state, origin.request(0, 8))
    other = [b"other", *origin.entries[1:]]
    for body, why in (
        (origin.request(0, 8), Stale),
        (origin.request(5, 12), Stale),
        (origin.request(8, 12, other), Inconsistent),
        (origin.request(8, 8, other), Contradicts),
        (origin.request(8, 12).replace(b"old 8\n", b"old 13\n"), Malformed),
    ):
        with pytest.raises(why):
            witness.cosign(state, body)
    assert state.log(LOG).refused == 2, "what contradicts is kept: it proves what was done"
    witness.cosign(state, origin.request(8, 12))


def test_a_log_that_nobody_told_of_and_heads_of_others(state: State, origin: Origin) -> None:
    stranger = Origin()
    with pytest.raises(NotSigned):
        witness.cosign(state, stranger.request(0, 3))
    with pytest.raises(UnknownLog):
        witness.cosign(state, origin.request(0, 3).replace(LOG.encode(), b"lastseen/other"))
    with pytest.raises(NotSigned):
        witness.cosign(state, origin.request(0, 3).replace(b"\n3\n", b"\n4\n"))
    assert state.log(LOG).last is None
    witness.init(state.folder, "w.example", [str(stranger.signer.verifier())])
    witness.cosign(state, stranger.request(0, 3))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old -1\n\nnote",
        b"old 00\n\nnote",
        b"new 0\n\nnote",
        b"old 0\nnonsense\n\nnote",
        b"old 0\n" + b"A" * 43 + b"=\n" + b"\nno note",
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nnote",
        b"old 0\n\n\xff\n\n\xe2\x80\x94 a AAAA\n",
    ],
)
def test_what_is_no_request_is_refused(state: State, body: bytes) -> None:
    with pytest.raises(Malformed):
        witness.cosign(state, body)


def test_names_and_keys_that_are_none(tmp_path: Path, state: State, origin: Origin) -> None:
    for name, key in (("a b", str(origin.signer.verifier())), ("", str(origin.signer.verifier())), ("w", "nonsense")):
        with pytest.raises(WrongUse):
            witness.init(tmp_path / "new", name, [key])
    with pytest.raises(WrongUse, match="keys of"):
        witness.init(tmp_path / "new", "w", [str(state.verifier)])
    with pytest.raises(WrongUse, match="is called"):
        witness.init(state.folder, "another", [])
    with pytest.raises(WrongUse, match="holds no witness"):
        witness.cosign(State(tmp_path / "nowhere"), origin.request(0, 3))


def test_over_http_as_the_standard_says(state: State, origin: Origin) -> None:
    with served(state) as url:
        status, _, said = post(url, origin.request(0, 5))
        assert status == 200
        assert state.verifier.verified(Note.parse(origin.request(0, 5).partition(b"\n\n")[2] + said.encode()))
        assert post(url, origin.request(0, 7)) == (409, "text/x.tlog.size", "5\n")
        assert post(url, origin.request(5, 9, [b"other", *origin.entries[1:]]))[0] == 422
        assert post(url, origin.request(5, 5, [b"other", *origin.entries[1:]]))[:2] == (409, "text/plain")
        assert post(url, Origin().request(5, 7))[0] == 403
        assert post(url, origin.request(5, 7).replace(LOG.encode(), b"lastseen/other"))[0] == 404
        assert post(url, b"nonsense")[0] == 400
        assert post(url, b"x" * (witness.MOST_BYTES + 1))[0] == 400
        assert post(f"{url}/elsewhere", b"")[0] == 404
        assert post(url, origin.request(5, 7))[0] == 200


def test_of_two_histories_at_once_one_is_signed(state: State, origin: Origin) -> None:
    with served(state) as url:
        bodies = [origin.request(0, 9, [b"%d" % n, *origin.entries[1:]]) for n in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = [status for status, *_ in pool.map(lambda body: post(url, body), bodies)]
    assert sorted(answers) == [200, *[409] * 7]


SIGN = """
import sys
from pathlib import Path
from pipeline.custody import witness
for body in sys.argv[2:]:
    note, line = witness.cosign(witness.State(Path(sys.argv[1])), Path(body).read_bytes())
    print(witness.checkpoint_of(note).size, flush=True)
"""


def test_a_witness_that_is_killed_never_forgets_what_it_signed(state: State, origin: Origin, tmp_path: Path) -> None:
    bodies = []
    for size in range(1, 40):
        body = tmp_path / f"{size}.txt"
        body.write_bytes(origin.request(size - 1, size))
        bodies.append(str(body))
    said = 0
    while said < 39:
        last = state.log(LOG).last
        begin = witness.checkpoint_of(last).size if last else 0
        assert begin >= said, "it signed more than it remembers"
        command = [sys.executable, "-c", SIGN, str(state.folder), *bodies[begin:]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
            assert process.stdout is not None
            for _ in range(9):
                said = int(process.stdout.readline() or said)
            process.send_signal(signal.SIGKILL)
            said = max([said, *map(int, process.stdout.read().split())])
    assert said == 39


# --- the office's side -------------------------------------------------------------------------------------


def grown(stores: Stores, settings: Settings, count: int = 3) -> heads.SignedHead:
    with stores.db.begin() as db:
        custody.append_all(db, "tester", [Entry(Action.STORED, f"blob:{n}") for n in range(count)])
    head = signing.sign(settings, stores).head
    assert head is not None
    return head


@pytest.fixture
def own(settings: Settings, stores: Stores, tmp_path: Path) -> State:
    """A witness of this office's log."""
    grown(stores, settings)
    (key,) = custody_keys.public_keys(settings)
    return witness.init(tmp_path / "own", "own.example", [str(key)])


def asking(settings: Settings, state: State, url: str = "") -> Settings:
    return settings.model_copy(update={"witnesses": (f"{state.verifier} {url}".strip(),)})


def test_a_witness_is_asked_and_what_it_signs_is_kept(settings: Settings, stores: Stores, own: State) -> None:
    with served(own) as url:
        office = asking(settings, own, url)
        for count in (3, 8):
            head = grown(stores, office, count)
            assert [one.answer for one in witnessing.ask_all(office, stores, head)] == [Answer.COSIGNED]
            assert [one.answer for one in witnessing.ask_all(office, stores, head)] == [Answer.ALREADY]
        with stores.db.begin() as db:
            assert [one.size for one in heads.cosignatures_of(db)] == [6, 14]
            assert heads.witnessed(db, own.verifier) == 14
    keys = list(stores.objects.keys(EVIDENCE, "cosignature/"))
    assert len(keys) == 2
    note = Note.parse(stores.objects.read(EVIDENCE, keys[-1]))
    assert own.verifier.verified(note)
    assert note.text == head.note.text


def test_a_witness_that_has_seen_more_than_we_remember_is_asked_from_there(
    settings: Settings, stores: Stores, own: State
) -> None:
    """Its answer got lost on the way: it names its size, which is no head's of ours."""
    head = grown(stores, settings, 9)
    with stores.db.begin() as db:
        witness.cosign(own, witnessing.request_by_hand(db, head, 0))
    with served(own) as url:
        office = asking(settings, own, url)
        assert [one.answer for one in witnessing.ask_all(office, stores, grown(stores, office))] == [Answer.COSIGNED]


def test_a_witness_that_is_away_is_asked_again(settings: Settings, stores: Stores, own: State) -> None:
    office = asking(settings, own, "http://127.0.0.1:9")
    head = grown(stores, office)
    (asked,) = witnessing.ask_all(office, stores, head)
    assert asked.answer is Answer.AWAY
    assert standing(stores) == [alerts.WITNESS_AWAY]
    with served(own) as url:
        (asked,) = witnessing.ask_all(asking(settings, own, url), stores, head)
    assert asked.answer is Answer.COSIGNED
    assert standing(stores) == []


def test_a_witness_with_another_key_is_not_believed(
    settings: Settings, stores: Stores, own: State, tmp_path: Path
) -> None:
    (key,) = custody_keys.public_keys(settings)
    other = witness.init(tmp_path / "other", "own.example", [str(key)])
    with served(other) as url:
        (asked,) = witnessing.ask_all(asking(settings, own, url), stores, grown(stores, settings))
    assert asked.answer is Answer.AWAY
    assert "another key" in asked.said


def test_a_witness_that_refuses_raises_an_alert(settings: Settings, stores: Stores, own: State) -> None:
    """It has seen another history by our key, or more of ours than there is."""
    name = heads_origin(stores)
    signer = Signer(name, custody_keys.private_key(settings, make=False))
    other = Checkpoint(name, 5, Frontier().grown([b"x"] * 5).root)
    note = Note(other.text).signed(signer.sign(other.text))
    witness.cosign(own, Request(0, (), str(note).encode()).written())
    with served(own) as url:
        office = asking(settings, own, url)
        with stores.db.begin() as db:
            short = heads.newest(db)
        (asked,) = witnessing.ask_all(office, stores, short)
        assert (asked.answer, "over 5 events, and ours is over 3" in asked.said) == (Answer.REFUSED, True)
        (asked,) = witnessing.ask_all(office, stores, grown(stores, office))
        assert (asked.answer, "does not extend" in asked.said) == (Answer.REFUSED, True)
    assert standing(stores) == [alerts.LOG_UNWITNESSED]
    assert own.log(name).refused == 1


def test_heads_are_carried_by_hand(office: Office, tmp_path: Path) -> None:
    grown(office.stores, office.settings)
    key = str(office.ask("custody", "key")["key"])
    printed = office.run("custody", "key")
    assert (printed.stdout, "keep a copy" in printed.stderr) == (f"{key}\n", True), "a script takes it as it is"
    folder, there, back = tmp_path / "w", tmp_path / "there.txt", tmp_path / "back.txt"
    told = office.ask("witness", "init", str(folder), "--name", "w.example", "--log", key)
    office.run("custody", "head", "--to", str(there))
    office.run("witness", "sign", str(folder), str(there), "--to", str(back))
    assert "LASTSEEN_WITNESSES" in office.run("custody", "cosigned", str(back), status=2).stderr
    knowing = Office(office.settings.model_copy(update={"witnesses": (str(told["key"]),)}), office.stores)
    assert knowing.ask("custody", "cosigned", str(back)) == {"witnesses": ["w.example"]}
    assert knowing.run("custody", "head").stdout.startswith("old 3\n")
    assert knowing.ask("custody", "check", str(back)) == {"ok": True, "incidents": []}
    assert knowing.ask("witness", "show", str(folder))["key"] == told["key"]
    assert "no signed head" in knowing.run("custody", "check", str(folder / "name"), status=2).stderr


def test_serve_ends_when_it_is_told(state: State) -> None:
    program = "from pipeline.cli import main; main()"
    command = [sys.executable, "-c", program, "witness", "serve", str(state.folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stderr is not None
        assert "listens on http://127.0.0.1:" in process.stderr.readline()
        process.terminate()
        assert process.wait(20) == 0


def standing(stores: Stores) -> list[str]:
    with stores.db.begin() as db:
        return [alert.kind for alert in alerts.standing(db)]


def heads_origin(stores: Stores) -> str:
    with stores.db.begin() as db:
        return heads.origin(db)
