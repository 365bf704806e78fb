"""`lastseen bench faces`: the engine `dlib` against `face_recognition`, which runs the same two networks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from extractors.boxes import moved, scaled
from extractors.faces.protocol import Chips
from lastseen.errors import Failure
from lastseen.records import Box, Pixels, Vectors
from pipeline.bench import ours, peer, products
from pipeline.bench.children import Child, child
from pipeline.bench.matching import Agreement, Scored
from pipeline.bench.ours import Chosen
from pipeline.bench.pictures import gathered, people, sized
from pipeline.bench.timing import Spread, Timed
from pipeline.console import say

ENGINE: Final = "dlib"
FACES: Final = 64
"""in a pair of calls: the peer needs some five seconds for them"""
CHIPS: Final = 100
"""real and as many random ones, at least, on which both embedders are held against each other"""
OURS_AT_ONCE: Final = 3
"""calls of ours that are timed as one, since one lasts a few hundredths of a second"""
TIMED_SIDES: Final = {320: 8, 640: 2}
"""longer side of pictures on which detection is timed -> how many of them; both sides double them first"""
COMPARED_SIDES: Final = (320, 480, 640)
"""longer sides at which detections are compared, as they are; the peer needs up to three seconds each"""
COMPARED: Final = 8
"""pictures at each of them"""
JITTER: Final = 0.06
"""of a face's width: boxes are moved and resized a little, so that one face gives many different chips"""

Jobs = list[tuple[Pixels, list[Box]]]


@dataclass(frozen=True, slots=True)
class Embedding:
    """Known faces to vectors."""

    faces: int
    chips: int
    whole: Spread
    """the peer's seconds over ours, landmarks and chips included"""
    alone: Spread
    """the same for the embedders alone, on the same chips"""
    ours_a_face: Spread
    """seconds, whole"""
    peer_a_face: Spread
    ours_a_chip: Spread
    """seconds, the embedder alone"""
    peer_a_chip: Spread
    whole_difference: float
    """largest, between vectors of the same faces"""
    difference: float
    """largest, between vectors of the same chips"""


@dataclass(frozen=True, slots=True)
class Sized:
    """Detection on pictures of one size."""

    side: int
    """the longer one, in pixels, before it is doubled"""
    ours: tuple[float, ...]
    """seconds, a picture each"""
    theirs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Detection:
    """Pictures to faces."""

    timed: tuple[Sized, ...]
    ratio: Spread
    """of all of them"""
    doubled: Agreement
    """on the pictures doubled by each side's own resampling"""
    same_pixels: Agreement


@dataclass(frozen=True, slots=True)
class Products:
    """The embedder against matrix products."""

    flop_a_face: float
    embedder: Spread
    """FLOP a second"""
    numpy: Spread
    runtime: Spread
    share: Spread
    """of the faster one's rate, round by round"""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    pictures: int
    threads: int
    pairs: int
    embedding: Embedding
    detection: Detection
    products: Products

    def fields(self) -> dict[str, object]:
        """For scripts."""
        embedding, detection, product = self.embedding, self.detection, self.products
        return {
            "engine": ENGINE,
            "threads": self.threads,
            "pictures": self.pictures,
            "pairs": self.pairs,
            "embed_ratio": round(embedding.whole.middle, 2),
            "embed_ratio_spread": embedding.whole.rounded(2),
            "embed_max_abs_diff": embedding.difference,
            "embed_faces": embedding.faces,
            "embed_chips": {"real": embedding.chips, "random": embedding.chips},
            "encodings_max_abs_diff": embedding.whole_difference,
            "embedder_ratio": round(embedding.alone.middle, 2),
            "embedder_ratio_spread": embedding.alone.rounded(2),
            "embedder_ms_a_chip": round(embedding.ours_a_chip.middle * 1000, 2),
            "ours_ms_a_face": round(embedding.ours_a_face.middle * 1000, 2),
            "peer_ms_a_face": round(embedding.peer_a_face.middle * 1000, 2),
            "detect_ratio": round(detection.ratio.middle, 2),
            "detect_ratio_spread": detection.ratio.rounded(2),
            "detect_by_side": {
                str(one.side): round(Spread.of_ratios(one.theirs, one.ours).middle, 2) for one in detection.timed
            },
            "detect_min_iou": round(detection.same_pixels.min_iou, 4),
            "detect_faces": detection.same_pixels.faces,
            "detect_faces_of_one_only": detection.same_pixels.alone,
            "detect_max_score_diff": detection.same_pixels.max_score_difference,
            "detect_doubled_min_iou": round(detection.doubled.min_iou, 4),
            "gemm_share": round(product.share.middle, 4),
            "gemm_share_spread": product.share.rounded(4),
            "embedder_gflop_a_face": round(product.flop_a_face / 1e9, 4),
            "embedder_gflop_s": round(product.embedder.middle / 1e9, 1),
            "numpy_gflop_s": round(product.numpy.middle / 1e9, 1),
            "onnxruntime_gflop_s": round(product.runtime.middle / 1e9, 1),
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """For people: what, ours, the peer's, how they compare."""
        embedding, detection, product = self.embedding, self.detection, self.products
        return [
            (
                "face_encodings, a face",
                embedding.ours_a_face.told(" ms", 1000),
                embedding.peer_a_face.told(" ms", 1000),
                f"{embedding.whole.told('x')}; {embedding.whole_difference:.1e} apart at most",
            ),
            (
                "the embedder alone, same chips",
                embedding.ours_a_chip.told(" ms", 1000),
                embedding.peer_a_chip.told(" ms", 1000),
                f"{embedding.alone.told('x')}; {embedding.difference:.1e} apart at most",
            ),
            *(
                (
                    f'face_locations(model="cnn"), {one.side} px, doubled',
                    Spread.of(one.ours).told(" s", digits=3),
                    Spread.of(one.theirs).told(" s"),
                    Spread.of_ratios(one.theirs, one.ours).told("x"),
                )
                for one in detection.timed
            ),
            ("both sizes", "", "", detection.ratio.told("x")),
            ("faces, same pixels", "", "", _agreed(detection.same_pixels)),
            ("faces, doubled by each", "", "", _agreed(detection.doubled)),
            (
                f"the embedder's products, {product.flop_a_face / 1e9:.3f} GFLOP a face",
                product.embedder.told(" GFLOP/s", 1e-9),
                f"{max(product.numpy.middle, product.runtime.middle) / 1e9:.1f} GFLOP/s for plain products",
                product.share.told(" %", 100),
            ),
        ]


def run(folder: Path | None, models: Path, threads: int, pairs: int) -> Report:
    """Measure.  Raises WrongUse and Failure (PeerMissing among them)."""
    chosen = Chosen(ENGINE, models, threads)
    if folder is not None:
        people(folder)  # raises what is wrong with it before anything is started
    with child(threads) as us, child(threads) as them:
        us.ask(ours.ready, chosen)
        pictures = gathered(folder, us)
        jobs = [(pixels, [found.box for found in us.ask(ours.find, chosen, pixels)]) for pixels in pictures]
        jobs = [(pixels, boxes) for pixels, boxes in jobs if boxes]
        if not jobs:
            raise Failure(f"no face was found in {len(pictures)} pictures: give a folder of photos of people")
        say(f"against face_recognition on dlib {them.ask(peer.ready)}")
        return Report(
            pictures=len(pictures),
            threads=threads,
            pairs=pairs,
            embedding=_embedding(us, them, chosen, jobs, pairs),
            detection=_detection(us, them, chosen, [pixels for pixels, _ in jobs]),
            products=_products(us, chosen, jobs, pairs),
        )


# --- embedding ---------------------------------------------------------------------------------------------


def _embedding(us: Child, them: Child, chosen: Chosen, jobs: Jobs, pairs: int) -> Embedding:
    random = np.random.default_rng(0)
    each = math.ceil(CHIPS / pairs)
    whole: list[tuple[Timed[Vectors], Timed[Vectors]]] = []
    alone: list[tuple[Timed[Vectors], Timed[Vectors]]] = []
    us.ask(ours.encode, chosen, _many(jobs, random))  # the first call also fills caches
    for number in range(pairs):
        say(f"embedding, pair {number + 1} of {pairs}")
        many = _many(jobs, random)
        whole.append((us.timed(OURS_AT_ONCE, ours.encode, chosen, many), them.timed(1, peer.encode, many)))
        chips = _chips(us.ask(ours.chips, chosen, many), each, random)
        alone.append((us.timed(OURS_AT_ONCE, ours.embed, chosen, chips), them.timed(1, peer.describe, chips)))
    faces = sum(len(one.made) for one, _ in whole)
    return Embedding(
        faces=faces,
        chips=each * pairs,
        whole=_ratio(whole),
        alone=_ratio(alone),
        ours_a_face=_each(one for one, _ in whole),
        peer_a_face=_each(other for _, other in whole),
        ours_a_chip=_each(one for one, _ in alone),
        peer_a_chip=_each(other for _, other in alone),
        whole_difference=_difference(whole),
        difference=_difference(alone),
    )


def _many(jobs: Jobs, random: np.random.Generator) -> Jobs:
    """FACES of them or a few more: the pictures and their mirror images, with boxes that differ each time."""
    faces = sum(len(boxes) for _, boxes in jobs)
    versions = max(1, math.ceil(FACES / faces / 2))
    made: Jobs = []
    for pixels, boxes in jobs:
        made.append((pixels, [_jittered(box, random) for box in boxes * versions]))
        mirrored = np.ascontiguousarray(pixels[:, ::-1])
        made.append((mirrored, [_jittered(_mirrored(box, pixels), random) for box in boxes * versions]))
    return made


def _jittered(box: Box, random: np.random.Generator) -> Box:
    right, down, larger = random.uniform(-JITTER, JITTER, 3) * box.width
    other = moved(scaled(box, 1 + larger / box.width), right, down)
    return Box(round(other.x), round(other.y), round(other.width), round(other.height))


def _mirrored(box: Box, pixels: Pixels) -> Box:
    return Box(pixels.shape[1] - box.x - box.width, box.y, box.width, box.height)


def _chips(real: Chips, each: int, random: np.random.Generator) -> Chips:
    """So many real ones and as many of pure noise."""
    chosen = real[random.permutation(len(real))[:each]]
    return np.concatenate([chosen, random.integers(0, 256, (each, *real.shape[1:]), np.uint8)])


def _each(calls: Iterable[Timed[Vectors]]) -> Spread:
    return Spread.of(call.seconds / len(call.made) for call in calls)


def _ratio(pairs: Sequence[tuple[Timed[Vectors], Timed[Vectors]]]) -> Spread:
    return Spread.of_ratios([other.seconds for _, other in pairs], [one.seconds for one, _ in pairs])


def _difference(pairs: Sequence[tuple[Timed[Vectors], Timed[Vectors]]]) -> float:
    return max(float(np.abs(one.made - other.made).max()) for one, other in pairs)


# --- detection ---------------------------------------------------------------------------------------------


def _detection(us: Child, them: Child, chosen: Chosen, pictures: Sequence[Pixels]) -> Detection:
    timed = []
    agreements = []
    for side, count in TIMED_SIDES.items():
        pairs = []
        for number, pixels in enumerate(sized(one, side) for one in pictures[:count]):
            say(f"detection at {side} px, doubled: picture {number + 1} of {min(count, len(pictures))}")
            us.ask(ours.locate, chosen, pixels)
            one, other = us.timed(OURS_AT_ONCE, ours.locate, chosen, pixels), them.timed(1, peer.locate, pixels)
            pairs.append((one.seconds, other.seconds))
            agreements.append(Agreement.of(_unscored(one.made, pixels), _unscored(other.made, pixels)))
        timed.append(Sized(side, tuple(mine for mine, _ in pairs), tuple(theirs for _, theirs in pairs)))
    return Detection(
        timed=tuple(timed),
        ratio=Spread.of_ratios([*chain(*(one.theirs for one in timed))], [*chain(*(one.ours for one in timed))]),
        doubled=Agreement.of_all(agreements),
        same_pixels=_compared(us, them, chosen, pictures),
    )


def _compared(us: Child, them: Child, chosen: Chosen, pictures: Sequence[Pixels]) -> Agreement:
    parts: list[Agreement] = []
    for side in COMPARED_SIDES:
        say(f"detections compared at {side} px")
        shown = [sized(one, side) for one in pictures[:COMPARED]]
        parts += [Agreement.of(us.ask(ours.detect, chosen, one), them.ask(peer.detect, one)) for one in shown]
    return Agreement.of_all(parts)


def _unscored(boxes: Sequence[Box], pixels: Pixels) -> list[Scored]:
    """Boxes as far as they lie in the picture, which is how the peer gives them."""
    height, width = pixels.shape[:2]
    return [Scored(_within(box, width, height), 1.0) for box in boxes]


def _within(box: Box, width: int, height: int) -> Box:
    left, top = max(0.0, box.x), max(0.0, box.y)
    return Box(left, top, min(width, box.x + box.width) - left, min(height, box.y + box.height) - top)


def _agreed(found: Agreement) -> str:
    score = f", scores within {found.max_score_difference:.3f}" if found.max_score_difference else ""
    return f"{found.faces} faces, {found.alone} found by one only, IoU {found.min_iou:.3f} at least{score}"


# --- products ----------------------------------------------------------------------------------------------


def _products(us: Child, chosen: Chosen, jobs: Jobs, rounds: int) -> Products:
    chips = us.ask(ours.chips, chosen, _many(jobs, np.random.default_rng(1)))[:FACES]
    flop = us.ask(ours.embedder_flop)
    plain, runtime, reached = [], [], []
    us.ask(products.rates, chosen.threads)
    for number in range(rounds):
        say(f"matrix products, round {number + 1} of {rounds}")
        rates = us.ask(products.rates, chosen.threads)
        plain.append(rates[0])
        runtime.append(rates[1])
        reached.append(flop * len(chips) / us.timed(OURS_AT_ONCE, ours.embed, chosen, chips).seconds)
    fastest = [max(pair) for pair in zip(plain, runtime, strict=True)]
    return Products(flop, Spread.of(reached), Spread.of(plain), Spread.of(runtime), Spread.of_ratios(reached, fastest))
