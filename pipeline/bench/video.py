"""`lastseen bench video`: from a file to tracks with templates, against the loop of the peer's own video example."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from extractors import sandbox
from lastseen.errors import Failure, WrongUse
from lastseen.records import Analysis, Rejection, Vectors
from lastseen.settings import settings
from pipeline.bench import films, ours, peer
from pipeline.bench.children import Child, child
from pipeline.bench.ours import Chosen, EngineFacts
from pipeline.bench.pictures import people
from pipeline.bench.timing import Spread, Timed, timed
from pipeline.console import say

DEFAULT: Final = "dlib"
IF_INSTALLED: Final = "yunet+dlib"
OURS_AT_ONCE: Final = 2
"""runs of ours and of the decoder that are timed as one: the peer's take tens of seconds, these less than one"""
LONG_HEIGHT: Final = 720
BOXED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured."""

    clip: Path
    register: Path
    engines: tuple[str, ...]
    """empty: DEFAULT, and IF_INSTALLED where it is"""
    models: Path
    threads: int
    rounds: int
    with_peer: bool
    minutes: tuple[int, ...]
    """of the long films"""
    boxed: bool
    """whether the sandbox is measured too"""


@dataclass(frozen=True, slots=True)
class PeerRun:
    """The peer on the clip."""

    seconds: tuple[float, ...]
    watched: peer.Watched
    peak_mib: float

    @property
    def found(self) -> list[str]:
        """Who was within the tolerance of its example."""
        return sorted(person for person, distance in self.watched.nearest.items() if distance <= peer.TOLERANCE)


@dataclass(frozen=True, slots=True)
class LongRun:
    """One long film."""

    minutes: int
    seconds: float
    peak_mib: float

    @property
    def x_real_time(self) -> float:
        """Seconds of film in a second."""
        return self.minutes * 60 / self.seconds


@dataclass(frozen=True, slots=True)
class Boxed:
    """The same minute of film with and without the sandbox, in a child process that is ready."""

    start_seconds: float
    """once for many files: the sandbox, the libraries and the engine"""
    inside: Spread
    """seconds in the sandbox"""
    over: Spread
    """over those without it, pair by pair"""


@dataclass(frozen=True, slots=True)
class EngineRun:
    """One engine on the clip, and on what else was asked for."""

    name: str
    facts: EngineFacts
    seconds: tuple[float, ...]
    decoding: tuple[float, ...]
    """of the clip without anything else, in the same rounds"""
    analysis: Analysis
    nearest: Mapping[str, float]
    peak_mib: float
    long: tuple[LongRun, ...]
    boxed: Boxed | None

    @property
    def found(self) -> list[str]:
        """Who came within the engine's threshold."""
        return sorted(person for person, distance in self.nearest.items() if distance <= self.facts.threshold)

    def fields(self, clip_seconds: float, peers: PeerRun | None) -> dict[str, object]:
        """For scripts."""
        taken = Spread.of(self.seconds)
        over = Spread.of_ratios(self.seconds, self.decoding)
        return {
            "engine": self.facts.engine_id,
            "seconds": round(taken.middle, 3),
            "seconds_spread": taken.rounded(),
            "over_decode": round(over.middle, 2),
            "over_decode_spread": over.rounded(2),
            "x_real_time": round(clip_seconds / taken.middle, 1),
            "pictures_sampled": self.analysis.pictures_sampled,
            "tracks": len(self.analysis.tracks),
            "tracks_searched": sum(not track.gate for track in self.analysis.tracks),
            "people_found": len(self.found),
            "people": {name: round(distance, 4) for name, distance in sorted(self.nearest.items())},
            "peak_mib": round(self.peak_mib),
            **(self._against(peers) if peers else {}),
            **({"long": [_long_fields(one) for one in self.long]} if self.long else {}),
            **(_boxed_fields(self.boxed) if self.boxed else {}),
        }

    def _against(self, peers: PeerRun) -> dict[str, object]:
        ratio = Spread.of_ratios(peers.seconds, self.seconds)
        theirs = peers.watched.nearest
        return {
            "ratio": round(ratio.middle, 2),
            "ratio_spread": ratio.rounded(2),
            "peer_people_found": len(peers.found),
            "same_people": set(peers.found) <= set(self.found),
            "no_larger_distance": all(self.nearest.get(name, 9.0) <= theirs[name] for name in peers.found),
            "nearer_than_share": {name: round(share, 3) for name, share in self.nearer_than(peers).items()},
        }

    def nearer_than(self, peers: PeerRun) -> dict[str, float]:
        """Person that the peer found -> share of the peer's hits that lie no nearer than ours."""
        hits = peers.watched.hits
        return {
            name: sum(self.nearest.get(name, math.inf) <= one for one in hits[name]) / len(hits[name])
            for name in peers.found
        }


def _long_fields(one: LongRun) -> dict[str, object]:
    return {
        "minutes": one.minutes,
        "seconds": round(one.seconds, 2),
        "x_real_time": round(one.x_real_time, 2),
        "peak_mib": round(one.peak_mib),
    }


def _boxed_fields(boxed: Boxed) -> dict[str, object]:
    return {
        "sandbox_cost": round(boxed.over.middle - 1, 4),
        "sandbox_cost_spread": [round(value - 1, 4) for value in boxed.over.rounded(4)],
        "sandbox_start_seconds": round(boxed.start_seconds, 2),
    }


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    clip_seconds: float
    threads: int
    pictures: int
    decoding: Spread
    runs: tuple[EngineRun, ...]
    peers: PeerRun | None

    def fields(self) -> dict[str, object]:
        """For scripts: the first engine's beside what holds for all, and each engine's under its name."""
        engines = {run.name: run.fields(self.clip_seconds, self.peers) for run in self.runs}
        return {
            **engines[self.runs[0].name],
            "threads": self.threads,
            "clip_seconds": round(self.clip_seconds, 2),
            "pictures": self.pictures,
            "decode_seconds": round(self.decoding.middle, 3),
            **({"peer": _peer_fields(self.peers)} if self.peers else {}),
            "engines": engines,
        }

    def rows(self) -> Iterator[tuple[str, ...]]:
        """For people: COLUMNS."""
        for run in self.runs:
            against = Spread.of_ratios(self.peers.seconds, run.seconds).told("x") if self.peers else ""
            taken = Spread.of(run.seconds)
            over = Spread.of_ratios(run.seconds, run.decoding).told("x")
            real = f"{self.clip_seconds / taken.middle:.1f}x"
            yield (run.name, taken.told(" s", digits=2), against, over, real, _told(run), f"{run.peak_mib:.0f} MiB")
        if self.peers:
            taken = Spread.of(self.peers.seconds)
            real = f"{self.clip_seconds / taken.middle:.2f}x"
            over = Spread.of([taken.middle / self.decoding.middle]).told("x")
            yield ("face_recognition", taken.told(" s"), "1", over, real, _told(self.peers), _mib(self.peers.peak_mib))
        yield ("decoding alone", self.decoding.told(" s", digits=3), "", "1", "", "", "")

    def more_rows(self) -> Iterator[tuple[str, ...]]:
        """For people: what else was measured, with what it came to."""
        for run in self.runs:
            for name, share in run.nearer_than(self.peers).items() if self.peers else ():
                told = f"its distance is no larger than {share:.1%} of those of the peer's pictures"
                yield (run.name, name, told)
            for one in run.long:
                told = f"{one.seconds:.1f} s, {one.x_real_time:.1f} times real time, at most {one.peak_mib:.0f} MiB"
                yield (run.name, f"{one.minutes} minutes at {LONG_HEIGHT} lines", told)
            if run.boxed:
                over = Spread.of([value - 1 for value in run.boxed.over.rounded(4)])
                told = f"{over.told(' %', 100)} more; {run.boxed.start_seconds:.1f} s once to start"
                yield (run.name, "one minute in the sandbox", told)


COLUMNS: Final = ("", "the clip", "faster than the peer", "over decoding", "times real time", "people", "memory")


def _told(run: EngineRun | PeerRun) -> str:
    nearest = run.nearest if isinstance(run, EngineRun) else run.watched.nearest
    return ", ".join(f"{name} {nearest[name]:.3f}" for name in run.found) or "nobody"


def _mib(value: float) -> str:
    return f"{value:.0f} MiB"


def _peer_fields(peers: PeerRun) -> dict[str, object]:
    taken = Spread.of(peers.seconds)
    return {
        "seconds": round(taken.middle, 2),
        "seconds_spread": taken.rounded(2),
        "frames": peers.watched.frames,
        "faces": peers.watched.faces,
        "people": {name: round(distance, 4) for name, distance in sorted(peers.watched.nearest.items())},
        "peak_mib": round(peers.peak_mib),
    }


# --- measuring ---------------------------------------------------------------------------------------------


def run(wish: Wish) -> Report:
    """Measure.  Raises WrongUse and Failure (PeerMissing and EngineUnavailable among them)."""
    if not wish.clip.is_file():
        raise WrongUse(f"there is no file {wish.clip}")
    photos = people(wish.register)
    with ExitStack() as stack:
        them = stack.enter_context(child(wish.threads)) if wish.with_peer else None
        known_there = _peer_register(them, photos) if them else {}
        bare = stack.enter_context(child(wish.threads))
        engines = list(_engines(wish, stack))
        known = [_register(chosen, photos) for chosen, _, _ in engines]
        if not any(known):
            raise Failure(f"no photo in {wish.register} was accepted: each needs one face, large and sharp enough")
        pictures = bare.ask(ours.decode, wish.clip)
        rounds = [_round(wish, number, engines, bare, them, known_there) for number in range(wish.rounds)]
        runs = tuple(
            _engine_run(wish, engine, gallery, [one.ours[place] for one in rounds])
            for place, (engine, gallery) in enumerate(zip(engines, known, strict=True))
        )
        decoding = Spread.of(seconds for one in runs for seconds in one.decoding)
        peers = _peer_run(them, rounds) if them else None
        return Report(films.seconds(wish.clip), wish.threads, pictures, decoding, runs, peers)


Held = tuple[Chosen, Child, EngineFacts]


@dataclass(frozen=True, slots=True)
class Round:
    """Each engine once, with the decoder just before, then the peer."""

    ours: list[tuple[Timed[int], Timed[Analysis]]]
    theirs: Timed[peer.Watched] | None


def _engines(wish: Wish, stack: ExitStack) -> Iterator[Held]:
    for name in wish.engines or (DEFAULT, IF_INSTALLED):
        chosen = Chosen(name, wish.models, wish.threads)
        us = stack.enter_context(child(wish.threads))
        try:
            yield chosen, us, us.ask(ours.ready, chosen)
        except Failure as fault:
            if wish.engines or name == DEFAULT:
                raise
            say(f"without {name}: {fault}")


def _register(chosen: Chosen, photos: Mapping[str, Sequence[Path]]) -> dict[str, Vectors]:
    """In a child of its own: photos are larger than pictures of videos, and the peak is to be the videos'."""
    with child(chosen.threads) as another:
        return another.ask(ours.register, chosen, photos)


def _peer_register(them: Child, photos: Mapping[str, Sequence[Path]]) -> dict[str, Vectors]:
    say(f"face_recognition on dlib {them.ask(peer.ready)} reads the register")
    return them.ask(peer.register, photos)


def _round(
    wish: Wish, number: int, engines: Sequence[Held], bare: Child, them: Child | None, known: Mapping[str, Vectors]
) -> Round:
    say(f"round {number + 1} of {wish.rounds}")
    mine = []
    for chosen, us, _ in engines:
        decoding = bare.timed(OURS_AT_ONCE, ours.decode, wish.clip)
        mine.append((decoding, us.timed(OURS_AT_ONCE, ours.analyze, chosen, wish.clip)))
    return Round(mine, them.timed(1, peer.watch, wish.clip, known) if them else None)


def _engine_run(
    wish: Wish,
    engine: Held,
    gallery: Mapping[str, Vectors],
    measured: Sequence[tuple[Timed[int], Timed[Analysis]]],
) -> EngineRun:
    chosen, us, facts = engine
    analysis = measured[0][1].made
    return EngineRun(
        name=chosen.name,
        facts=facts,
        seconds=tuple(one.seconds for _, one in measured),
        decoding=tuple(one.seconds for one, _ in measured),
        analysis=analysis,
        nearest=us.ask(ours.nearest, chosen, analysis, gallery),
        peak_mib=us.peak_mib(),
        long=tuple(_long(wish, chosen)),
        boxed=_boxed(wish, chosen, us) if wish.boxed else None,
    )


def _peer_run(them: Child, rounds: Sequence[Round]) -> PeerRun:
    taken = [one.theirs for one in rounds if one.theirs]
    return PeerRun(tuple(one.seconds for one in taken), taken[0].made, them.peak_mib())


# --- what takes long ---------------------------------------------------------------------------------------


def _long(wish: Wish, chosen: Chosen) -> Iterator[LongRun]:
    """Each film in a child of its own, so that its peak is its own."""
    if not wish.minutes:
        return
    with TemporaryDirectory(prefix="lastseen-bench-") as made:
        once = films.encoded(wish.clip, Path(made, "once.mp4"), LONG_HEIGHT)
        for minutes in wish.minutes:
            film = films.looped(once, Path(made, "long.mp4"), minutes * 60.0)
            say(f"{chosen.name}: {minutes} minutes at {LONG_HEIGHT} lines")
            with child(chosen.threads) as us:
                us.ask(ours.ready, chosen)
                taken = us.timed(1, ours.analyze, chosen, film)
                yield LongRun(minutes, taken.seconds, us.peak_mib())


def _boxed(wish: Wish, chosen: Chosen, us: Child) -> Boxed:
    chose = {"engine": chosen.name, "models_dir": chosen.models, "threads": chosen.threads}
    current = settings().model_copy(update=chose)
    with TemporaryDirectory(prefix="lastseen-bench-") as made:
        once = films.encoded(wish.clip, Path(made, "once.mp4"))
        film = films.looped(once, Path(made, "minute.mp4"), BOXED_SECONDS)
        with sandbox.opened(current) as box:
            start = timed(box.warm).seconds
            inside, outside = [], []
            for number in range(wish.rounds):
                say(f"{chosen.name}: one minute without and in the sandbox, pair {number + 1} of {wish.rounds}")
                outside.append(us.timed(1, ours.analyze, chosen, film).seconds)
                inside.append(timed(lambda: _verdict(box.analyze(film))).seconds)
    return Boxed(start, Spread.of(inside), Spread.of_ratios(inside, outside))


def _verdict(found: Analysis | Rejection) -> Analysis:
    if isinstance(found, Rejection):
        raise Failure(f"the sandbox refuses the film: {found.why}")
    return found
