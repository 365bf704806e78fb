"""`lastseen witness`: signs, on another machine, heads that extend what it saw before.  Needs nothing of the office."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from lastseen.errors import Failure, WrongUse
from pipeline.console import AsJson, Voice, plain, say
from pipeline.custody import witness
from pipeline.custody.witness import Refused, State
from pipeline.custody.witness_server import Server

app = typer.Typer(help="Watch, on another machine, that an office's custody log only ever grows.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The witness's own folder.")]


@app.command()
def init(
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="What the witness is called, e.g. its host's name.")],
    log: Annotated[
        list[str], typer.Option("--log", help="A key that `lastseen custody key` printed; may be repeated.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make a witness, or tell the one that is there of another log or key; print its own key."""
    state = witness.init(folder, name, log)
    voice = Voice(as_json)
    voice.result({"key": str(state.verifier)}, [plain(str(state.verifier))])
    voice.advise("The office writes this line into LASTSEEN_WITNESSES, with the URL if there is one.")


@app.command()
def sign(
    folder: Folder,
    file: Annotated[
        Path, typer.Argument(help="What `lastseen custody head` has written.", exists=True, dir_okay=False)
    ],
    to: Annotated[Path | None, typer.Option("--to", help="Write it to this file, instead of printing it.")] = None,
) -> None:
    """Cosign a head that was carried here, and print it for the way back."""
    if to is not None and to.exists():
        raise WrongUse(f"{to} is there already: name another file")
    try:
        note, line = witness.cosign(State(folder), file.read_bytes()[: witness.MOST_BYTES + 1])
    except witness.Stale as known:
        raise Failure(
            f"this witness has last seen a head over {known} events: bring what `lastseen custody head --from {known}`"
            " writes; if that cannot be made, the log was cut off"
        ) from known
    except Refused as fault:
        raise Failure(f"not signed: {fault}") from fault
    content = str(note.signed(line))
    if to is None:
        sys.stdout.write(content)
    else:
        to.write_text(content)


@app.command()
def show(folder: Folder, as_json: AsJson = False) -> None:
    """Show the witness's key, and how far it has seen each log."""
    state = State(folder)
    seen = [(log, witness.checkpoint_of(log.last)) for log in state.logs() if log.last]
    Voice(as_json).result(
        {
            "key": str(state.verifier),
            "logs": [{"origin": said.origin, "size": said.size, "refused": log.refused} for log, said in seen],
        },
        [
            plain(str(state.verifier)),
            *(
                f"{plain(said.origin)}: {said.size} events; {log.refused} heads that contradict it were refused"
                for log, said in seen
            ),
        ],
    )


@app.command()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option("--host", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0: any free port.", min=0, max=65535)] = 8472,
) -> None:
    """Cosign heads that come over HTTP (C2SP tlog-witness); Ctrl-C ends it."""
    state = State(folder)
    key = state.verifier
    try:
        server = Server(state, host, port)
    except OSError as fault:
        raise Failure(f"{host}:{port} cannot be listened on: {fault.strerror or fault}") from fault
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _ending(server))
    say(f"witness {plain(key.name)} listens on http://{host}:{server.server_address[1]}; Ctrl-C ends it")
    with server:
        server.serve_forever()


def _ending(server: Server) -> "signal._HANDLER":
    def end(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown).start()  # it waits for the loop, which this interrupts

    return end
