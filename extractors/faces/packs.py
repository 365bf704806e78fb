"""What a pack says of itself: one detector or one embedder, described by a TOML of some thirty lines.

The descriptions in `packs/` come with the program; an office adds its own as `packs/NAME.toml` in its folder of models
(docs/models.md).  A description holds everything that is needed to fetch, check and run the file, so that adding a
model takes no code.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from extractors.addresses import is_shielded
from extractors.faces.protocol import EngineUnavailable

SHIPPED: Final = Path(__file__).with_name("packs")
FOLDER: Final = "packs"
"""of an office's own descriptions, in its folder of models"""
BUILT_IN: Final = ("dlib", "mmod")
"""names of what is no pack"""
TAKEN: Final = ("converted", "packs")
"""folders of other things beside those of the packs"""
LARGEST: Final = 2 << 30
"""bytes of a file: what one ONNX file can hold"""

# Where eyes, nose tip and corners of the mouth lie in a 112 x 112 chip: the template of ArcFace (Deng et al., CVPR
# 2019) and of what was trained after it, the left of the picture first.
SIDE: Final = 112
ARCFACE_112: Final = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=40)]
Three = tuple[float, float, float]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class PackWrong(EngineUnavailable):
    """A description cannot be used: its message names the file, the field and what to write there."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Licence(_Strict):
    """Under what the weights may be used."""

    spdx: str = Field(min_length=1, description='an SPDX identifier such as "MIT", or "LicenseRef-" and a name')
    free: bool = Field(description="true if anybody may use the weights for this work; false: it must be accepted")
    url: str = Field(pattern=r"^https://", description="where the licence can be read, https://...")
    text: str = Field("", description="what whoever accepts it must know, in a sentence or two")

    @model_validator(mode="after")
    def _told_what_is_accepted(self) -> "Licence":
        if not self.free and not self.text.strip():
            raise ValueError("a licence that must be accepted needs `text`: what the office agrees to")
        return self


class File(_Strict):
    """One file of weights."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.onnx$", description="a file name that ends in .onnx")
    size: int = Field(gt=0, le=LARGEST, description="its size in bytes")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="its sha256 as 64 lower-case hex digits (`sha256sum`)")
    urls: tuple[str, ...] = Field((), description='where it is, the first that answers is used: ["https://..."]')
    licence: Licence = Field(description="a table [files.licence] with spdx, free and url")

    @field_validator("urls")
    @classmethod
    def _safe(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if not is_shielded(url):
                raise ValueError(f"{url} is not https://")
        return urls


class Input(_Strict):
    """What the network is given: (pixel - mean) x scale, channels first."""

    colour: Literal["RGB", "BGR"] = Field(description='the order of the channels, "RGB" or "BGR"')
    mean: Three = Field(description="what is taken from each channel, in that order: [127.5, 127.5, 127.5]")
    scale: float = Field(gt=0, description="what that is multiplied with: 0.0078125 for 1/128, 1.0 for nothing")


class Picture(Input):
    """What a detector is given."""

    size: tuple[Annotated[int, Field(ge=32)], Annotated[int, Field(ge=32)]] | None = Field(
        None,
        description="[width, height] if the network takes only that (larger pictures are shrunk); leave it out: any",
    )


class Outputs(_Strict):
    """How an SCRFD-type detector names what it says, one name for each stride in their order."""

    strides: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        (8, 16, 32), min_length=1, description="pixels between the centres of cells: [8, 16, 32]"
    )
    anchors: int = Field(2, ge=1, le=9, description="how many answers there are for each cell")
    scores: Names = Field(description="names of the outputs that hold scores")
    boxes: Names = Field(description="names of the outputs that hold distances to the four sides")
    points: Names = Field(description="names of the outputs that hold the five points")

    @model_validator(mode="after")
    def _one_for_each_stride(self) -> "Outputs":
        for name in ("scores", "boxes", "points"):
            if len(getattr(self, name)) != len(self.strides):
                raise ValueError(f"`{name}` needs a name for each of the {len(self.strides)} strides")
        return self


class Known(_Strict):
    """What the self-check gave where the pack was made: proves that the same numbers come out here."""

    likeness: float = Field(ge=0, description="the distance that `lastseen models check` prints for the likeness")
    other: float = Field(ge=0, description="the distance that `lastseen models check` prints for the other head")


class Quality(_Strict):
    """Which length of its vectors a network gives to poor and to good pictures (MagFace, AdaFace and their like)."""

    low: float = Field(ge=0, description="length of the vector of a picture that is of no use")
    high: float = Field(gt=0, description="length of the vector of a good portrait")

    @model_validator(mode="after")
    def _rising(self) -> "Quality":
        if self.low >= self.high:
            raise ValueError("`low` must be less than `high`")
        return self


class _Pack(_Strict):
    name: Name = Field(description="the name of the description's file without .toml: a-z, 0-9 and single hyphens")
    version: int = Field(ge=1, description="1, and more whenever the same picture would give another answer")
    about: str = Field(min_length=1, description="what it is and where it comes from, in a sentence")
    files: tuple[File, ...] = Field(
        min_length=1, description="[[files]]: the file of weights; several if one network was published in several"
    )

    @model_validator(mode="after")
    def _files_differ(self) -> "_Pack":
        if len({file.name for file in self.files}) != len(self.files):
            raise ValueError("two `files` have one name")
        return self


class DetectorPack(_Pack):
    """Finds faces and five points on each."""

    kind: Literal["detector"] = Field(description='"detector"')
    reads: Literal["yunet", "scrfd"] = Field(description='how its outputs are read: "yunet" or "scrfd"')
    smallest: float = Field(gt=0, description="width in pixels of the smallest face that it finds reliably")
    reported_score: float = Field(ge=0, lt=1, description="from which score on a detection is a finding at all")
    min_score: float = Field(gt=0, le=1, description="from which score on a face is worth searching with")
    sure_score: float = Field(gt=0, le=1, description="the score beyond which a detection cannot be better")
    overlap: float = Field(gt=0, lt=1, description="intersection over union of two detections that are one face")
    input: Picture = Field(description="a table [input] with colour, mean and scale")
    outputs: Outputs | None = Field(None, description="a table [outputs] with scores, boxes, points (scrfd only)")

    @model_validator(mode="after")
    def _fits(self) -> "DetectorPack":
        if (self.outputs is None) == (self.reads == "scrfd"):
            raise ValueError("`outputs` describes what scrfd says, and is needed for it; leave it out for yunet")
        if not self.reported_score <= self.min_score <= self.sure_score:
            raise ValueError("`reported_score`, `min_score` and `sure_score` must not fall in this order")
        return self


class EmbedderPack(_Pack):
    """Turns a chip cut out by five points into a vector."""

    kind: Literal["embedder"] = Field(description='"embedder"')
    dimension: int = Field(ge=8, le=4096, description="how many numbers its vectors have")
    distance: Literal["cosine", "euclidean"] = Field(
        description='"cosine" if only the direction of its vectors counts (ArcFace and its like), else "euclidean"'
    )
    threshold: float = Field(
        description="what its publishers take for the same person: the smallest cosine, or the largest distance"
    )
    threshold_source: str = Field(min_length=1, description="where that is said, and what error rate it has there")
    side: int = Field(SIDE, ge=32, le=512, description="width and height of a chip in pixels")
    template: tuple[tuple[float, float], ...] = Field(
        ARCFACE_112,
        min_length=5,
        max_length=5,
        description="[x, y] of eyes, nose tip and corners of the mouth in the chip, the left of the picture first",
    )
    input: Input = Field(description="a table [input] with colour, mean and scale")
    quality: Quality | None = Field(None, description="a table [quality] with low and high, if lengths say how good")
    check: Known | None = Field(None, description="a table [check] with likeness and other")

    @model_validator(mode="after")
    def _fits(self) -> "EmbedderPack":
        low, high = (-1.0, 1.0) if self.distance == "cosine" else (0.0, float("inf"))
        if not low < self.threshold < high:
            raise ValueError(f"`threshold` of distance {self.distance} lies between {low:g} and {high:g}")
        if self.side != SIDE and "template" not in self.model_fields_set:
            raise ValueError(f"`template` is needed with a `side` other than {SIDE}")
        if any(not 0 <= place < self.side for point in self.template for place in point):
            raise ValueError("a point of `template` lies outside of the chip")
        if self.quality is not None and self.distance != "cosine":
            raise ValueError("`quality` needs distance cosine: otherwise a vector's length says who it is")
        return self

    @property
    def published_threshold(self) -> float:
        """As a distance: for unit vectors |a - b|^2 = 2 - 2 cos(a, b)."""
        return float((2 - 2 * self.threshold) ** 0.5) if self.distance == "cosine" else self.threshold


Pack = DetectorPack | EmbedderPack
_ANY: TypeAdapter[Pack] = TypeAdapter(Annotated[Pack, Field(discriminator="kind")])
_SAYS_NOTHING_OF_THE_NUMBERS: Final = {"about", "files", "threshold", "threshold_source", "check"}


def named(name: str, models: Path) -> Pack | None:
    """The pack of that name, if there is one; no other description of the office's is read.  Raises PackWrong."""
    path = models / FOLDER / f"{name}.toml"
    if name in _shipped():
        return _shipped()[name]
    return _own(path) if name and path.is_file() else None


def every(models: Path) -> Iterator[Pack | PackWrong]:
    """Those that come with the program, then those of this office; for a description that is wrong, what is wrong."""
    yield from _shipped().values()
    for path in sorted((models / FOLDER).glob("*.toml")):
        try:
            yield _own(path)
        except PackWrong as wrong:
            yield wrong


def _own(path: Path) -> Pack:
    if path.stem in (*_shipped(), *BUILT_IN, *TAKEN):
        raise PackWrong(f"{path}: {path.stem} is the name of something that comes with the program: choose another")
    return read(path)


@cache
def _shipped() -> Mapping[str, Pack]:
    return {pack.name: pack for pack in map(read, sorted(SHIPPED.glob("*.toml")))}


def read(path: Path) -> Pack:
    """One description.  Raises PackWrong with everything that is wrong in it."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise PackWrong(f"{path} cannot be read: {fault}") from fault
    try:
        # TOML knows arrays only, and strict models want tuples: JSON's rules take the one for the other.
        pack = _ANY.validate_json(json.dumps(given, default=str))
    except ValidationError as fault:
        raise PackWrong(f"{path}: " + "; ".join(_mistakes(fault, given))) from fault
    if pack.name != path.stem:
        raise PackWrong(f"{path}: name: it says {pack.name!r}: write {path.stem!r}, or rename the file")
    return pack


def digest(pack: Pack) -> str:
    """Of everything in the description that decides over numbers: whoever changes it makes another engine."""
    said = pack.model_dump_json(exclude=_SAYS_NOTHING_OF_THE_NUMBERS)
    return hashlib.sha256(said.encode()).hexdigest()


def _mistakes(fault: ValidationError, given: Mapping[str, Any]) -> Iterator[str]:
    errors = fault.errors(include_url=False, include_input=False)
    inside = {error["loc"][:-depth] for error in errors for depth in range(1, len(error["loc"]))}
    for error in errors:
        if error["type"] == "too_short" and error["loc"] in inside:
            continue  # the list is only short of the entry that is wrong
        where = [part for part in error["loc"] if part not in ("detector", "embedder")]
        said = error["msg"].removeprefix("Value error, ")
        if error["type"].startswith("union_tag"):
            where, said = ["kind"], "it must say what the pack is"
        hint = "" if error["type"] == "value_error" else _hint(given, where)
        yield f"{'.'.join(map(str, where))}: {said[:1].lower()}{said[1:]}{hint and f': write {hint}'}".removeprefix(
            ": "
        )


def _hint(given: Mapping[str, Any], where: list[Any]) -> str:
    """What the field's own description says."""
    if where == ["kind"]:
        return '"detector" or "embedder"'
    model: Any = EmbedderPack if given.get("kind") == "embedder" else DetectorPack
    hint = ""
    for part in where:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return ""
        model, hint = _inside(fields[part].annotation), fields[part].description or ""
    return hint


def _inside(annotation: Any) -> Any:
    """The model that a field holds, one or several of."""
    kinds = [annotation, *get_args(annotation)]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
