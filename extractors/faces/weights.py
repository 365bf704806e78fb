"""Where the weights are, and that they are the ones we know."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from extractors.faces.protocol import EngineUnavailable

PACKAGE = "face_recognition_models"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of weights, as its authors published it."""

    name: str
    sha256: str


EMBEDDER = WeightFile(
    "dlib_face_recognition_resnet_model_v1.dat", "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
)
FIVE_POINTS = WeightFile(
    "shape_predictor_5_face_landmarks.dat", "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
)
CNN_DETECTOR = WeightFile(
    "mmod_human_face_detector.dat", "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6"
)


def located(file: WeightFile) -> Path:
    """The file on disk, found without importing its package (which needs a setuptools of the past).

    Raises EngineUnavailable if the package or the file is not there.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / file.name
        if path.is_file():
            return path
    raise EngineUnavailable(f"{file.name} was not found: install the package {PACKAGE.replace('_', '-')}")


def verified(file: WeightFile) -> Path:
    """The file on disk, hashed and found to be the one we know.  Raises EngineUnavailable."""
    path = located(file)
    found = sha256_of(path)
    if found != file.sha256:
        why = f"its sha256 is {found[:12]}..., not {file.sha256[:12]}..."
        raise EngineUnavailable(f"{file.name} is damaged or another version ({why}): install its package again")
    return path


def sha256_of(path: Path) -> str:
    """sha256 of a file, remembered while its size and time of change stay the same."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
