"""Bring a pack's file to this machine, and write down where it came from and who accepted its licence."""

import getpass
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from extractors import downloads
from extractors.downloads import PATIENT, NotFetched, Patience
from extractors.faces.installed import RECORD, Held, Installed, found, incomplete, place
from extractors.faces.packs import File, Pack
from extractors.faces.weights import sha256_of
from lastseen.clock import utcnow

Told = Callable[[str, int, int], None]
"""is told an address, how many bytes there will be, and how many are there"""


def held(pack: Pack, models: Path) -> Held | None:
    """The pack's file if it is here and the described one."""
    here = found(pack, models)
    return here if here is not None and sha256_of(here.path) == here.file.sha256 else None


def described(pack: Pack, source: Path) -> File:
    """Which of the pack's files a file of this machine is.  Raises NotFetched."""
    if not source.is_file():
        raise NotFetched(f"{source} is not there, or no file")
    actual = sha256_of(source)
    for file in pack.files:
        if file.sha256 == actual:
            return file
    known = ", ".join(f"{file.name} ({file.sha256[:12]}...)" for file in pack.files)
    raise NotFetched(f"{source} (sha256 {actual[:12]}...) is none of the files of {pack.name}: {known}")


def first_with_address(pack: Pack) -> File:
    """The file that `fetch` brings.  Raises NotFetched if its publisher gives none away."""
    file = next((file for file in pack.files if file.urls), None)
    if file is None:
        raise NotFetched(f"the description of {pack.name} says of no file where it is: give it with --from FILE")
    return file


def fetch(pack: Pack, models: Path, accepted: bool, told: Told, patience: Patience = PATIENT) -> Installed:
    """Bring the first of the pack's files that says where it is.  Raises NotFetched; what was installed stays then."""
    file = first_with_address(pack)
    target = place(pack, file, models)
    url, part = _first_that_answers(file.urls, file, target, told, patience)
    return _put(pack, file, part, models, url, accepted)


def take(pack: Pack, source: Path, models: Path, accepted: bool) -> Installed:
    """Install a file of this machine.  Raises NotFetched."""
    file = described(pack, source)
    target = place(pack, file, models)
    part = downloads.take(source, target, file.size, file.sha256)
    return _put(pack, file, part, models, str(source.resolve()), accepted)


def keep_record(pack: Pack, file: File, models: Path, source: str, accepted: bool) -> Installed:
    """Write down how a file came here.  Raises OSError."""
    licence = file.licence
    kept = Installed(
        file=file.name,
        sha256=file.sha256,
        source=source,
        at=utcnow(),
        by=_user(),
        licence=licence.spdx,
        licence_url=licence.url,
        accepted=licence.text if accepted and not licence.free else None,
    )
    target = models / pack.name / RECORD
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    part.write_text(kept.model_dump_json(indent=2) + "\n", encoding="utf-8")
    part.replace(target)
    return kept


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in containers a user may have a number only
        return f"uid {os.getuid()}"


def _first_that_answers(
    urls: Sequence[str], file: File, target: Path, told: Told, patience: Patience
) -> tuple[str, Path]:
    faults = []
    for url in urls:
        try:
            part = downloads.fetch(url, target, file.size, file.sha256, partial(told, url, file.size), patience)
        except NotFetched as fault:
            faults.append(str(fault))
        else:
            return url, part
    raise NotFetched("; ".join(faults))


def _put(pack: Pack, file: File, part: Path, models: Path, source: str, accepted: bool) -> Installed:
    """The record first: a file whose licence must be accepted is of no use without it."""
    if why := incomplete(part):
        raise NotFetched(why.replace(part.name, file.name))
    try:
        kept = keep_record(pack, file, models, source, accepted)
    except OSError as fault:
        raise NotFetched(f"{models / pack.name / RECORD} cannot be written: {fault}") from fault
    downloads.install(part, place(pack, file, models))
    return kept
