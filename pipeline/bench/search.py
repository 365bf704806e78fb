"""`lastseen bench search`: exact search beside faiss' exact indexes and beside the bare product, in one run.

Like is compared with like: all within a threshold with `range_search`, the nearest few with `search`, on the same
vectors of length 1, where the order by distance and by inner product is one.  Each side runs in a process of its own
with the same number of threads; calls alternate.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.bench import rematch, search_ours, search_peer
from pipeline.bench.children import Child, child
from pipeline.bench.drawn import Shape
from pipeline.bench.rematch import Streamed
from pipeline.bench.search_peer import IP, L2
from pipeline.bench.timing import Spread, Timed
from pipeline.console import say

DIMENSIONS: Final = 128, 512
BATCHES: Final = 64, 1
ONE: Final = 1
NEAREST: Final = 5
"""neighbours: as many as people a track are shown"""
REPEATS: Final = {64: 1, 1: 10}
"""calls that are timed as one: a single probe takes hundredths of a second"""
COLUMNS: Final = ("", "ours", "faiss", "ours over faiss")
Found = list[tuple[int, int]]
"""(row, probe)"""
Turns = list[tuple[Timed[Found], Timed[Found]]]
"""ours, and the peer's"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be measured."""

    rows: int
    tracks: int
    """0: no streaming"""
    rounds: int
    threads: int
    scratch: Path
    """where files of tracks go; somebody else removes them"""


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of search, in turns; seconds."""

    dimension: int
    batch: int
    what: str
    ours: tuple[float, ...]
    peer: tuple[float, ...]
    peer_recall: float

    @property
    def ratio(self) -> Spread:
        """How many times as long the peer takes."""
        return Spread.of_ratios(self.peer, self.ours)


@dataclass(frozen=True, slots=True)
class Size:
    """All that was measured at one dimension."""

    dimension: int
    compared: tuple[Compared, ...]
    product: tuple[float, ...]
    """seconds of the bare product of the large batch, a value a round"""
    over_product: Mapping[str, Spread]
    """kind of search -> its time over the product's"""
    recall: float
    """of ours, the least of all searches"""
    in_order: bool
    """the nearest came in the very order of the plain way, and nothing was found that is too far"""
    gallery_mib: float
    peak_mib: float
    peer_mib: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything."""

    wish: Wish
    peer: str
    sizes: tuple[Size, ...]
    streamed: Streamed | None

    def least(self, batch: int) -> float:
        """The ratio of the kind of search that compares worst."""
        return min(one.ratio.middle for size in self.sizes for one in size.compared if one.batch == batch)

    def rows(self) -> Iterator[Sequence[str]]:
        """For people."""
        for size in self.sizes:
            name = f"{self.wish.rows:,} x {size.dimension}"
            for one in size.compared:
                ours, theirs = (Spread.of(side).told(" ms", 1e3) for side in (one.ours, one.peer))
                yield f"{name}, {one.batch} at once: {one.what}", ours, theirs, one.ratio.told("x")
            yield f"{name}, {BATCHES[0]} at once: bare product", Spread.of(size.product).told(" ms", 1e3), "", ""
            for what, over in size.over_product.items():
                yield f"  {what}, over that", over.told("x", digits=2), "", ""
            yield f"{name}: memory at most", f"{size.peak_mib:.0f} MiB", f"{size.peer_mib:.0f} MiB", ""

    def fields(self) -> dict[str, object]:
        """For scripts."""
        return {
            "batch_ratio": round(self.least(BATCHES[0]), 3),
            "single_ratio": round(self.least(ONE), 3),
            "over_product": round(max(over.middle for size in self.sizes for over in size.over_product.values()), 3),
            "recall": min(size.recall for size in self.sizes),
            "in_order": all(size.in_order for size in self.sizes),
            "rows": self.wish.rows,
            "threads": self.wish.threads,
            "rounds": self.wish.rounds,
            "peer": self.peer,
            "sizes": [_size_fields(size) for size in self.sizes],
            **(self.streamed.fields() if self.streamed else {}),
        }


def _size_fields(size: Size) -> dict[str, object]:
    return {
        "dimension": size.dimension,
        "product_seconds": Spread.of(size.product).rounded(4),
        "over_product": {what: over.rounded() for what, over in size.over_product.items()},
        "recall": size.recall,
        "gallery_mib": round(size.gallery_mib),
        "peak_mib": round(size.peak_mib),
        "peer_mib": round(size.peer_mib),
        "searches": [
            {
                "batch": one.batch,
                "what": one.what,
                "ratio": one.ratio.rounded(),
                "seconds": Spread.of(one.ours).rounded(5),
                "peer_seconds": Spread.of(one.peer).rounded(5),
                "peer_recall": one.peer_recall,
            }
            for one in size.compared
        ],
    }


def run(wish: Wish) -> Report:
    """Measure.  Raises Failure (PeerMissing among them)."""
    if wish.tracks:
        rematch.require_room(wish.scratch, wish.tracks)
    with child(wish.threads) as them:
        version = them.ask(search_peer.ready, wish.threads)
    say(f"against faiss {version}, {wish.threads} threads each")
    sizes = tuple(_size(wish, Shape(wish.rows, dimension, BATCHES[0])) for dimension in DIMENSIONS)
    return Report(wish, version, sizes, _streamed(wish) if wish.tracks else None)


def _streamed(wish: Wish) -> Streamed:
    with child(wish.threads) as us:
        return us.ask(rematch.run, wish.scratch, wish.tracks, wish.threads)


# --- one size ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of search that both sides know."""

    what: str
    index: str
    count: int


# faiss has `range_search` for the first, and `search` for the others.
KINDS: Final = (
    _Kind("all near, L2", L2, 0),
    _Kind(f"nearest {NEAREST}, L2", L2, NEAREST),
    _Kind(f"nearest {NEAREST}, IP", IP, NEAREST),
)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both children, and what they work on."""

    us: Child
    them: Child
    shape: Shape
    wish: Wish

    def turns(self, kind: _Kind, batch: int) -> Turns:
        """A first call of each that does not count, then one after the other."""
        mine = search_ours.Asked(self.shape, batch, kind.count, self.wish.threads)
        theirs = search_peer.Asked(self.shape, kind.index, batch, kind.count)
        times = REPEATS[batch]
        made = [
            (self.us.timed(times, search_ours.search, mine), self.them.timed(times, search_peer.search, theirs))
            for _ in range(self.wish.rounds + 1)
        ]
        return made[1:]


def _size(wish: Wish, shape: Shape) -> Size:
    say(f"{shape.rows:,} x {shape.dimension}")
    with child(wish.threads) as us, child(wish.threads) as them:
        them.ask(search_peer.ready, wish.threads)
        gallery_mib = us.ask(search_ours.load, shape)
        sides = _Sides(us, them, shape, wish)
        turns: dict[tuple[_Kind, int], Turns] = {}
        for kind in KINDS:
            them.ask(search_peer.load, shape, kind.index)
            turns |= {(kind, batch): sides.turns(kind, batch) for batch in BATCHES}
        peak, peer_peak = us.peak_mib(), them.peak_mib()
        product, over = _over_product(sides)
        within, nearest = us.ask(search_ours.truth, shape, NEAREST)
    wanted = {0: within, NEAREST: nearest}
    return Size(
        dimension=shape.dimension,
        compared=tuple(_compared(shape, kind, batch, made, wanted) for (kind, batch), made in turns.items()),
        product=product,
        over_product=over,
        recall=min(
            _recall(one.made, _first(wanted[kind.count], batch))
            for (kind, batch), made in turns.items()
            for one, _ in made
        ),
        in_order=all(
            _ordered(one.made, kind.count) == _first(wanted[kind.count], batch)
            for (kind, batch), made in turns.items()
            for one, _ in made
        ),
        gallery_mib=gallery_mib,
        peak_mib=peak,
        peer_mib=peer_peak,
    )


def _over_product(sides: _Sides) -> tuple[tuple[float, ...], dict[str, Spread]]:
    """The bare product, and each kind of ours, in turns."""
    asked = {
        what: search_ours.Asked(sides.shape, BATCHES[0], count, sides.wish.threads)
        for what, count in (("all near", 0), (f"nearest {NEAREST}", NEAREST))
    }
    sides.us.ask(search_ours.product, sides.shape)
    product: list[float] = []
    took: dict[str, list[float]] = {what: [] for what in asked}
    for _ in range(sides.wish.rounds):
        product.append(sides.us.timed(1, search_ours.product, sides.shape).seconds)
        for what, one in asked.items():
            took[what].append(sides.us.timed(1, search_ours.search, one).seconds)
    return tuple(product), {what: Spread.of_ratios(seconds, product) for what, seconds in took.items()}


def _compared(shape: Shape, kind: _Kind, batch: int, made: Turns, wanted: Mapping[int, Found]) -> Compared:
    return Compared(
        dimension=shape.dimension,
        batch=batch,
        what=kind.what,
        ours=tuple(ours.seconds for ours, _ in made),
        peer=tuple(theirs.seconds for _, theirs in made),
        peer_recall=min(_recall(theirs.made, _first(wanted[kind.count], batch)) for _, theirs in made),
    )


def _first(pairs: Found, batch: int) -> Found:
    """Those of the first probes."""
    return [(row, probe) for row, probe in pairs if probe < batch]


def _recall(found: Found, wanted: Found) -> float:
    """Which part of what is to be found was found."""
    return len(set(found) & set(wanted)) / len(wanted) if wanted else 1.0


def _ordered(found: Found, count: int) -> Found:
    """What is within a threshold comes in no order."""
    return found if count else sorted(found, key=lambda pair: pair[::-1])
