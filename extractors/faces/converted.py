"""dlib's networks as ONNX Runtime wants them, kept in the folder of models.

A network is converted once by a process that may write (`prepare`); the sandboxed child only reads (`load`).  What is
kept is the graph after ONNX Runtime has made it ready for this processor, with the weights in a file of their own that
is mapped, not read: a session opens in 5 ms instead of 60, and processes share the memory.  Such a graph must not be
used by another processor or another ONNX Runtime, so these are part of its key, beside the sha256 of dlib's file and
the version of the conversion.

A short JSON file, written last, names the two files of a network and their sha256, which `load` and `prepare` hold them
against.  Each file gets its name in one step when it is whole, and names contain what they hold: processes that convert
at once do the work twice and end with the same.
"""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import cv2

from extractors.faces.protocol import EngineUnavailable
from extractors.faces.sessions import RUNTIME_VERSION, Session, session
from extractors.faces.weights import CNN_DETECTOR, EMBEDDER, WeightFile, sha256_of, verified

if TYPE_CHECKING:
    from onnx import ModelProto

    from extractors.faces.dlib_format import Network

VERSION: Final = 1
"""raised whenever the same weights would become another graph"""
FOLDER: Final = "converted"
PAGE: Final = 4096
"""where a weight may start in a file that is mapped"""
INSIDE: Final = 1024
"""bytes of a weight that stay in the graph"""


@dataclass(frozen=True, slots=True)
class _Files:
    """What a network was kept as."""

    graph: Path
    weights: Path


def prepare(models: Path) -> None:
    """Convert what is not there yet or was damaged (about 1 s).  Raises EngineUnavailable."""
    for weights in (CNN_DETECTOR, EMBEDDER):
        try:
            _kept(models, weights)
        except EngineUnavailable:
            _convert(models, weights)


def load(models: Path, weights: WeightFile, threads: int) -> Session:
    """A session of the network that was converted from these weights; writes nothing.

    Raises EngineUnavailable if it was not converted here, or was damaged since.
    """
    return session(_kept(models, weights).graph, threads)


def _kept(models: Path, weights: WeightFile) -> _Files:
    """The files of a network, found to be whole."""
    folder, name = models / FOLDER, key(weights)
    try:
        said = json.loads((folder / f"{name}.json").read_bytes())
        files = _Files(folder / Path(said["graph"]["name"]).name, folder / Path(said["weights"]["name"]).name)
        whole = (
            sha256_of(files.graph) == said["graph"]["sha256"] and sha256_of(files.weights) == said["weights"]["sha256"]
        )
    except FileNotFoundError as fault:
        raise EngineUnavailable(f"{weights.name} is not converted in {models}: {_REMEDY}") from fault
    except (OSError, ValueError, LookupError, TypeError) as fault:
        raise EngineUnavailable(
            f"what {weights.name} was converted to cannot be read in {folder}: {_REMEDY}"
        ) from fault
    if not whole:
        raise EngineUnavailable(f"what {weights.name} was converted to was damaged in {folder}: {_REMEDY}")
    return files


_REMEDY: Final = "`lastseen models check` converts it (again)"


def _convert(models: Path, weights: WeightFile) -> None:
    from extractors.faces import dlib_format, dlib_graphs

    build: Callable[[Network], ModelProto] = dlib_graphs.embedder if weights == EMBEDDER else dlib_graphs.detector
    model = build(dlib_format.read(verified(weights)))
    folder = models / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as room:
            _keep(folder, key(weights), _optimised(model, Path(room)))
    except OSError as fault:
        raise EngineUnavailable(f"the models cannot be kept in {folder}: {fault.strerror or fault}") from fault


def _optimised(model: "ModelProto", room: Path) -> "ModelProto":
    """The graph as ONNX Runtime makes it ready for this processor."""
    import onnx

    made = room / "optimised.onnx"
    session(model.SerializeToString(), 1, keep_optimised=made)
    optimised = onnx.load(made)
    del optimised.metadata_props[:]
    optimised.metadata_props.extend(model.metadata_props)
    return optimised


def _keep(folder: Path, name: str, model: "ModelProto") -> None:
    weights = _taken_out(model)
    digest = hashlib.sha256(weights).hexdigest()
    weights_name = f"{name}-{digest[:8]}.weights"
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = weights_name
    graph = model.SerializeToString(deterministic=True)
    graph_digest = hashlib.sha256(graph).hexdigest()
    graph_name = f"{name}-{graph_digest[:8]}.onnx"
    _write(folder / weights_name, weights)
    _write(folder / graph_name, graph)
    said = {
        "graph": {"name": graph_name, "sha256": graph_digest},
        "weights": {"name": weights_name, "sha256": digest},
    }
    _write(folder / f"{name}.json", json.dumps(said, indent=1).encode())


def _taken_out(model: "ModelProto") -> bytes:
    """The weights one after another, each from a page on; the graph keeps where they are."""
    from onnx import TensorProto

    taken = bytearray()
    for tensor in model.graph.initializer:
        raw = tensor.raw_data
        if len(raw) < INSIDE:
            continue
        taken += bytes(-len(taken) % PAGE)
        where = {"location": "", "offset": str(len(taken)), "length": str(len(raw))}
        taken += raw
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in where.items():
            tensor.external_data.add(key=key, value=value)
    return bytes(taken)


def _write(path: Path, content: bytes) -> None:
    """In one step: whoever looks sees the whole file or none."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@cache
def key(weights: WeightFile) -> str:
    """What a network is kept under: differs wherever the optimised graph might."""
    parts = (weights.sha256, str(VERSION), RUNTIME_VERSION, cv2.getCPUFeaturesLine())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{weights.name.removesuffix('.dat')}-{key}"
