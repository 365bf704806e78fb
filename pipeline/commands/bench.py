"""The commands `lastseen bench ...`."""

from pathlib import Path
from typing import Annotated

import typer

from lastseen.settings import settings
from pipeline import console
from pipeline.console import AsJson, Voice

app = typer.Typer(help="Measure on this machine, side by side with a peer in one run.", no_args_is_help=True)


def _threads() -> int:
    from extractors.cores import available_cores

    return settings().threads or available_cores()


@app.command("faces")
def faces_(
    pictures: Annotated[
        Path | None,
        typer.Argument(help="A folder of photos of people, or of PERSON/photo.jpg; else the demo's portraits."),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help="How often each side is timed.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Detection and embedding a face, how far they differ, and how near the arithmetic comes to its best; 2 minutes."""
    from pipeline.bench import faces  # what it measures with takes a second to import

    report = faces.run(pictures, settings().models_dir, _threads(), pairs)
    voice = Voice(as_json)
    columns = ("", "ours", "face_recognition", "compared")
    voice.show(console.table(_title(f"{report.pictures} pictures"), columns, report.rows()))
    voice.result(report.fields())


@app.command("video")
def video_(
    clip: Annotated[Path, typer.Argument(help="A video of some seconds: the peer takes several times as long.")],
    register: Annotated[Path, typer.Option("--register", help="A folder of photos, or of PERSON/photo.jpg.")],
    engine: Annotated[
        list[str] | None, typer.Option("--engine", help="May be given again; else dlib, and yunet+dlib if installed.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is timed.")] = 3,
    peer: Annotated[bool, typer.Option(help="Run face_recognition, too.")] = True,
    long: Annotated[
        list[int] | None, typer.Option("--long", min=1, help="Minutes of a film composed from the clip, at 720 lines.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Also what the sandbox costs on a minute.")] = False,
    as_json: AsJson = False,
) -> None:
    """From a file to tracks with templates: time, memory, and who was found."""
    from pipeline.bench import video

    wish = video.Wish(
        clip=clip,
        register=register,
        engines=tuple(engine or ()),
        models=settings().models_dir,
        threads=_threads(),
        rounds=rounds,
        with_peer=peer,
        minutes=tuple(long or ()),
        boxed=sandbox,
    )
    report = video.run(wish)
    voice = Voice(as_json)
    title = _title(f"{report.clip_seconds:.1f} s, {report.pictures} pictures")
    voice.show(console.table(title, video.COLUMNS, report.rows()))
    if wish.minutes or wish.boxed:
        voice.show(console.table("longer films", ("", "film", "came to"), report.more_rows()))
    voice.result(report.fields())


@app.command("pooling")
def pooling_(
    pictures: Annotated[Path, typer.Argument(help="A folder of photos of people, or of PERSON/photo.jpg.")],
    engine: Annotated[str, typer.Option("--engine", help="Which engine.")] = "dlib",
    as_json: AsJson = False,
) -> None:
    """What the pooled template of a track finds that its best single picture does not, on degraded views."""
    from pipeline.bench import pooling
    from pipeline.bench.ours import Chosen

    report = pooling.run(pictures, Chosen(engine, settings().models_dir, _threads()))
    voice = Voice(as_json)
    said = f"TAR at FMR {pooling.FMR:.0%}, at the published threshold (mean genuine distance)"
    title = f"{report.engine}: {said}, {report.people} people"
    voice.show(console.table(title, ("views", *pooling.METHODS), report.lines()))
    voice.result(report.fields())


@app.command("store")
def store_(
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is timed.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Hashing and storing evidence beside a plain copy to the same object store; half a minute."""
    from pipeline import scratch
    from pipeline.bench import store
    from storage.stores import open_stores

    current = settings()
    with open_stores(current) as stores, scratch.folder(scratch.root(current)) as folder:
        report = store.run(stores.objects, folder, rounds)
    voice = Voice(as_json)
    voice.show(console.table("storing: median (least - most)", store.COLUMNS, report.rows()))
    voice.result(report.fields())


@app.command("search")
def search_(
    rows: Annotated[int, typer.Option(min=10_000, help="Templates to search among.")] = 1_000_000,
    tracks: Annotated[
        int, typer.Option(min=0, help="Stored tracks that 100 new photos are compared with, from disk; 0: none.")
    ] = 10_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is timed.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Exact search beside faiss' exact indexes and the bare product, at 128 and 512 numbers; some minutes, 8 GB."""
    from pipeline import scratch
    from pipeline.bench import rematch, search

    current = settings()
    with scratch.folder(scratch.root(current)) as folder:
        report = search.run(search.Wish(rows, tracks, rounds, _threads(), folder))
    voice = Voice(as_json)
    voice.show(console.table(_title(f"{rows:,} templates"), search.COLUMNS, report.rows()))
    if report.streamed:
        title = f"{rematch.PHOTOS} photos, and tracks in sealed files, {rematch.DIMENSION} numbers each"
        voice.show(console.table(title, rematch.COLUMNS, report.streamed.rows()))
    voice.result(report.fields())


def _title(what: str) -> str:
    return f"{what}, {_threads()} threads: median (least - most)"
