"""`lastseen models`: which engines and packs there are, bringing one to this machine, and trying one out."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from extractors import faces
from extractors.faces import fetching, installed, packs
from extractors.faces.fetching import Told
from extractors.faces.installed import Held
from extractors.faces.packs import DetectorPack, EmbedderPack, Pack, PackWrong
from extractors.faces.protocol import EngineUnavailable
from lastseen.errors import Failure, WrongUse
from lastseen.settings import settings
from pipeline import console
from pipeline.console import AsJson, Voice, plain, say

app = typer.Typer(help="The engines that find and compare faces, and their files.", no_args_is_help=True)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Every pack and every engine, installed or not, with licence and state."""
    models = settings().models_dir
    described = list(packs.every(models))
    shown = [_described(pack, models) for pack in described if not isinstance(pack, PackWrong)]
    wrong = [str(pack) for pack in described if isinstance(pack, PackWrong)]
    engines = [_engine(name, models) for name in faces.names(models)]
    if settings().engine not in (engine["name"] for engine in engines):
        wrong.append(f"LASTSEEN_ENGINE is {settings().engine!r}, and there is no engine of that name")
    voice = Voice(as_json)
    voice.show(console.table("packs", ("name", "kind", "state", "licence", "bytes", "what it is"), map(_row, shown)))
    rows = [(engine["name"], engine["id"] or "-", engine["said"]) for engine in engines]
    voice.show(console.table("engines", ("name", "id", "state"), rows))
    voice.result(
        {"engine": settings().engine, "packs": shown, "engines": engines, "wrong": wrong},
        [*(f"[red]{plain(said)}[/]" for said in wrong), f"LASTSEEN_ENGINE is {plain(settings().engine)}"],
    )
    if wrong:
        raise Failure(f"{len(wrong)} of what is described or set cannot be used")


@app.command("fetch")
def fetch_(
    name: Annotated[str, typer.Argument(help="A pack, or an engine: then what it is made of.")],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take this file instead of asking the network.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence and the office may use it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a pack's file here, checked against its description; an interrupted download is gone on with."""
    models = settings().models_dir
    wanted = _packs_of(name, models)
    if source is not None and len(wanted) != 1:
        raise WrongUse(f"--from gives one file, and {name} has {len(wanted)} packs: name one of them")
    done = [_bring(pack, models, source, accept_licence) for pack in wanted]
    if name in faces.names(models):
        faces.prepare(name, models)
    lines = [f"{kept['name']}: {kept['state']}, licence {plain(str(kept['licence']))}" for kept in done]
    Voice(as_json).result({"packs": done}, lines or [f"{name} comes with the program, and is ready"])


@app.command("check")
def check_(
    name: Annotated[str | None, typer.Argument(help="An engine or a pack; LASTSEEN_ENGINE unless given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load an engine, compare a genuine and an impostor pair with it, and measure what it costs a face."""
    from extractors.faces import check

    current = settings()
    models = current.models_dir
    engine_name = _engine_of(current.engine if name is None else name, models)
    faces.prepare(engine_name, models)
    engine = faces.load(engine_name, models, current.threads)
    seen, costs = check.check(engine, faces.embedder_pack(engine_name, models)), check.costs(engine)
    finds = check.finds_drawn_heads(engine)
    Voice(as_json).result(
        {
            "engine": faces.engine_id(engine_name, models),
            "ok": True,
            "licence": engine.licence,
            "likeness": round(seen.likeness, 5),
            "other": round(seen.other, 5),
            "known": seen.known,
            "finds_drawn_heads": finds,
            "threshold": round(engine.published_threshold, 4),
            "detect_ms": round(costs.detect, 2),
            "align_ms": round(costs.align, 3),
            "embed_ms": round(costs.embed, 2),
            "embed_batch_ms": round(costs.embed_batch, 2),
        },
        [
            f"{faces.engine_id(engine_name, models)} passed its self-check, licence {plain(engine.licence)}",
            f"  a likeness lies {seen.likeness:.5f} away, another head {seen.other:.5f}; "
            + ("as when it was released" if seen.known else "no figures of its release are known"),
            f"  drawn heads are {'' if finds else 'not '}found (no detector has to)",
            f"  a picture of 640 x 360: {costs.detect:.1f} ms; a face: cut out {costs.align:.2f} ms, "
            f"embedded {costs.embed:.1f} ms, {costs.embed_batch:.1f} ms among {check.AT_ONCE}",
        ],
    )


def _described(pack: Pack, models: Path) -> dict[str, object]:
    """A pack as `list` shows it."""
    here = installed.found(pack, models)
    file = here.file if here else pack.files[0]
    kept = installed.record(pack, models)
    return {
        "name": pack.name,
        "kind": pack.kind,
        "state": _state(pack, here, models),
        "file": str(here.path) if here else None,
        "sha256": file.sha256,
        "size": file.size,
        "licence": file.licence.spdx,
        "licence_url": file.licence.url,
        "free": file.licence.free,
        "accepted_by": kept.by if kept and kept.accepted is not None else None,
        "about": pack.about,
    }


def _state(pack: Pack, here: Held | None, models: Path) -> str:
    if here is None:
        return "missing"
    if fetching.held(pack, models) is None:
        return "damaged"
    return "installed" if installed.is_accepted(pack, here.file, models) else "licence not accepted"


def _row(shown: Mapping[str, object]) -> tuple[object, ...]:
    licence = f"{shown['licence']}{'' if shown['free'] else ' (must be accepted)'}"
    return shown["name"], shown["kind"], shown["state"], licence, shown["size"], shown["about"]


def _engine(name: str, models: Path) -> dict[str, object]:
    """An engine as `list` shows it; dlib's files are looked at, not converted."""
    try:
        for pack in _packs_of(name, models):
            installed.verified(pack, models)
        return {"name": name, "id": faces.engine_id(name, models), "usable": True, "said": "usable"}
    except EngineUnavailable as missing:
        return {"name": name, "id": None, "usable": False, "said": str(missing)}


def _packs_of(name: str, models: Path) -> list[Pack]:
    """The packs behind the name of a pack or an engine.  Raises WrongUse, and PackWrong if a description is wrong."""
    found = [pack for pack in (packs.named(part, models) for part in name.split("+")) if pack is not None]
    if name in faces.names(models) or [pack.name for pack in found] == [name]:
        return found
    known = ", ".join(pack.name for pack in packs.every(models) if not isinstance(pack, PackWrong))
    raise WrongUse(
        f"there is no pack or engine {name!r}: there are the packs {known}, and the engines "
        f"{', '.join(faces.names(models))}; {models / packs.FOLDER} is where to add a pack"
    )


def _engine_of(name: str, models: Path) -> str:
    """The engine itself, or one that a pack is a half of.

    Raises WrongUse if there is none, or no detector for an embedder; PackWrong if a description is wrong.
    """
    _packs_of(name, models)
    pack = packs.named(name, models)
    if isinstance(pack, DetectorPack):
        return f"{name}+{faces.DLIB}"
    if not isinstance(pack, EmbedderPack):
        return name
    for other in packs.every(models):
        if isinstance(other, DetectorPack) and installed.found(other, models):
            return f"{other.name}+{name}"
    raise WrongUse(f"{name} needs a detector before it: `lastseen models fetch yunet` brings one")


def _bring(pack: Pack, models: Path, source: Path | None, accept: bool) -> dict[str, object]:
    here = fetching.held(pack, models) if source is None else None
    file = here.file if here else fetching.described(pack, source) if source else fetching.first_with_address(pack)
    if here is not None and installed.is_accepted(pack, file, models):
        return {**_described(pack, models), "fetched": False}
    accepted = _accepted(pack, file, accept)
    if here is not None:
        fetching.keep_record(pack, file, models, str(here.path), accepted)
    elif source is not None:
        fetching.take(pack, source, models, accepted)
    else:
        with _progress(file.name) as told:
            fetching.fetch(pack, models, accepted, told)
    return {**_described(pack, models), "fetched": here is None}


def _accepted(pack: Pack, file: packs.File, accept: bool) -> bool:
    """Whether the licence was accepted here and now; free ones need not be.  Raises Failure or WrongUse."""
    licence = file.licence
    if licence.free or accept:
        return not licence.free
    say(f"[bold]{plain(pack.name)}[/] is under {plain(licence.spdx)} ({plain(licence.url)}): {plain(licence.text)}")
    if not sys.stdin.isatty():
        raise WrongUse(f"read the licence of {pack.name}, and say with --accept-licence that the office may use it")
    if not typer.confirm("Has the office the right to use it, and do you accept this licence for it?", err=True):
        raise Failure(f"the licence of {pack.name} was not accepted: nothing was fetched")
    return True


@contextmanager
def _progress(name: str) -> Iterator[Told]:
    """A bar on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console.err, transient=True) as bar:
        task = bar.add_task(plain(name), total=None)

        def told(_url: str, size: int, there: int) -> None:
            bar.update(task, total=size, completed=there)

        yield told
