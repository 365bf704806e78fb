"""`lastseen demo`: the main job on material composed here and now, driven by the real DAGs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from time import monotonic

from lastseen import chance
from lastseen.errors import Failure
from lastseen.lifecycle import CandidateState
from lastseen.records import Platform
from lastseen.roles import Role
from lastseen.settings import Settings
from pipeline import airflow_home, console, servers
from pipeline.app import open_app
from pipeline.console import Voice, plain, say
from pipeline.demo import clip, register, site
from pipeline.demo.clip import ClipFacts
from pipeline.demo.register import RegisterFacts
from pipeline.servers import Guests
from pipeline.serving import processes
from storage import candidates, embedded, keeping_accounts, running, sources, status
from storage.candidates import Listed
from storage.stores import Stores, open_stores

ACTOR = "local:demo"
REASON = "a demonstration on material composed by lastseen itself"
GUESTS: Mapping[str, Role] = {"ada": Role.ANALYST, "ben": Role.ANALYST, "senior": Role.SENIOR}
"""who tries the review pages: enough for a possible sighting, and for a disagreement"""
A_DAY_MINUTES = 12 * 60
"""for so long their links work: nobody in the demo could make new ones"""
TRY_IT = (
    "Try it as three people, one after the other: open a link, press Sign in; whoever was there before is signed out.",
    "  1  ada: Review next, tick what you can see of the face, Go on, compare what you ticked, 7, Ctrl+Enter.",
    "     The second face comes by itself: answer it in the same way, before you open the next link.",
    "  2  ben: the same two faces; nothing tells him what ada said. Say 7 to the first: two clear yes, a possible",
    "     sighting. Say 4 to the second, with a word why.",
    "  3  senior: is asked about the second, since one said yes and the other did not. Then: Possible sightings.",
    "  ?  shows the keys, docs/review.md the rest. Nothing here leaves this machine; Ctrl-C ends it.",
)


class DemoFailed(Failure):
    """The demo did not find what it had put there; the message says what and where to look."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came out of the demo."""

    counts: Mapping[str, object]
    candidates: list[Listed]


def run(folder: Path, *, serve: bool, voice: Voice) -> None:
    """Compose, serve, import, run the DAGs, show the candidates; `folder` is emptied first.  Raises DemoFailed.

    `serve`: the review pages, until they are told to end.
    """
    with _played(_settings(folder), voice) as settings:
        if serve:
            guests = _invite(settings)
            servers.serve_review(guests=guests, folder=settings.data_dir)


def up(folder: Path, review_port: int | None, voice: Voice) -> None:
    """The same, and afterwards everything that `lastseen up` starts.  Raises DemoFailed and CannotServe."""
    _fresh(folder)  # what a killed one has left holds its ports
    port = servers.require_ports(_settings(folder), review_port)
    with _played(_settings(folder), voice) as settings:
        servers.up(settings, port, say, _invite(settings), folder=settings.data_dir)


@contextmanager
def _played(settings: Settings, voice: Voice) -> Iterator[Settings]:
    """Everything is found and checked, its servers run, and so does the site, until the block ends."""
    began = monotonic()
    folder = _fresh(settings.data_dir)
    media = folder / "site"
    media.mkdir()
    say("composing a clip and a register ...")
    facts = clip.compose(media / site.CLIP)
    clip.compose_mirrored(media / site.MIRRORED)
    listed = register.write(folder / "register")
    with (
        _settings_for_children(settings),
        embedded.running(folder),
        site.serving(media) as address,
    ):
        shown = _work(settings, address, listed)
        _show(shown, voice)
        seconds = round(monotonic() - began, 1)
        voice.result(
            {**shown.counts, "seconds": seconds},
            [f"{to_judge(shown.candidates)}, in {seconds} s; all of it lies in {folder}"],
        )
        _check(shown, facts)
        yield settings


def _work(settings: Settings, address: str, listed: RegisterFacts) -> Shown:
    with open_app(settings, ACTOR) as app:
        with app.stores.db.begin() as db:
            sources.add(db, Platform.VIDEO_SITE, address + site.FEED, REASON, settings.legal_basis, app.actor)
        say(f"a video site is served at {address}{site.FEED}; running the DAGs on it ...")
        _run_dags(settings, app.stores, listed.table)
        with app.stores.db.begin() as db:
            return Shown(status.counts(db), candidates.listed(db))


def _run_dags(settings: Settings, stores: Stores, table: Path) -> None:
    command = airflow_home.run_once(
        {
            "register_import": {"path": str(table.resolve())},
            "collect_video_sites": {},
            "process_media": {},
            "match_register": {},
            "rematch_register": {},
        }
    )
    log = settings.data_dir / "logs" / "dags.log"
    environ = airflow_home.environment(settings, stores.owner)
    with (
        log.open("ab") as file,
        subprocess.Popen(
            command,
            env=environ,
            cwd=settings.data_dir,
            stdout=subprocess.PIPE,
            stderr=file,
            start_new_session=True,
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                say(f"  DAG {line.decode().strip()}")
            process.wait()
        finally:
            processes.end([process])
    if process.returncode:
        raise DemoFailed(f"a DAG did not succeed: see {log}")


def _show(shown: Shown, voice: Voice) -> None:
    rows = [
        (c.person, chance.short(c.expected_false), f"{c.at_seconds:.1f}", c.state, c.post) for c in shown.candidates
    ]
    voice.show(console.table("candidates", ("person", "by chance", "at second", "state", "post"), rows))


def to_judge(found: Sequence[Listed]) -> str:
    """A face that several tracks show is asked about once."""
    waiting = sum(one.state == CandidateState.OPEN for one in found)
    return f"{len(found)} candidates, {waiting} of them for people to judge"


def _check(shown: Shown, facts: ClipFacts) -> None:
    """Hold what was found against what was composed."""
    found = [(c.person, round(c.at_seconds * 1000)) for c in shown.candidates]
    strangers = {person for person, _ in found} - {register.WANTED_NUMBER}
    if strangers:
        raise DemoFailed(f"{', '.join(sorted(strangers))} was matched, but is not in the clip")
    for appearance in facts.of(register.WANTED):
        if not any(appearance.start_ms <= at_ms < appearance.end_ms for _, at_ms in found):
            raise DemoFailed(f"the wanted person was not found at {appearance.start_ms} ms of the clip")


def _invite(settings: Settings) -> Guests:
    """Accounts for those who try it, and what they are to do."""
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        for name, role in GUESTS.items():
            keeping_accounts.add(db, ACTOR, name, None, [role])
    for line in TRY_IT:
        say(line)
    return Guests(tuple(GUESTS), A_DAY_MINUTES, browser=True)


def _fresh(folder: Path) -> Path:
    if folder.exists():
        with running.alone(folder) as alone:
            if alone:
                servers.end_left_behind(folder, say)
        users = sum(part.users for part in embedded.status(folder))
        if users:
            raise DemoFailed(f"another demo runs in {plain(str(folder))}: end it first")
        embedded.stop(folder)
        shutil.rmtree(folder)
    (folder / "logs").mkdir(parents=True)
    return folder


def _settings(folder: Path) -> Settings:
    """The demo's own settings: nothing of the office's installation is read or touched."""
    return Settings(
        _env_file=None,
        data_dir=folder.resolve(),
        database_url=None,
        s3_endpoint=None,
        legal_basis="demonstration",
        allow_private_addresses=(ip_network("127.0.0.0/8"),),
        review_port=0,
        site_pause_seconds=0,  # the site is our own
    )


@contextmanager
def _settings_for_children(settings: Settings) -> Iterator[None]:
    """Airflow's tasks and the review pages read the same settings from their environment."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("LASTSEEN_")]:
        del os.environ[name]
    os.environ |= {
        "LASTSEEN_DATA_DIR": str(settings.data_dir),
        "LASTSEEN_LEGAL_BASIS": settings.legal_basis,
        "LASTSEEN_ALLOW_PRIVATE_ADDRESSES": ",".join(map(str, settings.allow_private_addresses)),
        "LASTSEEN_REVIEW_PORT": str(settings.review_port),
        "LASTSEEN_SITE_PAUSE_SECONDS": str(settings.site_pause_seconds),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
