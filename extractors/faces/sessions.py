"""The only place that opens ONNX Runtime sessions, and that says how many threads the libraries of an engine take.

One engine a process uses the cores that the process was given.  ONNX Runtime, OpenCV and dlib never compute at the same
time here, so each may have them all (the decoder works ahead of them, on what they leave idle), as long as a pool that
has nothing to do sleeps: ONNX Runtime's threads spin while a run lasts (15 % faster for one face than if they slept
between two layers), and stop with it (spinning on, they took 20 % off the decoding and detecting in between).
"""

from pathlib import Path
from typing import Final

import cv2
import onnxruntime
from onnxruntime import InferenceSession as Session

from extractors.cores import available_cores
from extractors.faces.protocol import EngineUnavailable

__all__ = ["RUNTIME_VERSION", "Session", "session", "use_threads"]

CPU: Final = ["CPUExecutionProvider"]
FATAL_ONLY: Final = 4
"""what goes wrong is raised; the runtime's own lines on standard error would only stand beside it"""

RUNTIME_VERSION: Final[str] = onnxruntime.__version__

onnxruntime.set_default_logger_severity(FATAL_ONLY)


def use_threads(threads: int) -> int:
    """Give OpenCV as many threads as the sessions have (0: every available core) and answer how many those are."""
    count = threads or available_cores()
    cv2.setNumThreads(count)
    return count


def session(model: Path | bytes, threads: int, *, keep_optimised: Path | None = None) -> Session:
    """A session on the CPU with so many threads, the caller's own among them (0: one for every available core).

    `keep_optimised` is where to write the graph as it was made ready for this very processor.
    Raises EngineUnavailable if the model cannot be loaded.
    """
    source = str(model) if isinstance(model, Path) else model
    try:
        return Session(source, _options(threads, keep_optimised), providers=CPU)
    except Exception as fault:  # a C++ library: its errors have no base class of their own
        what = model.name if isinstance(model, Path) else "a model in memory"
        raise EngineUnavailable(f"ONNX Runtime cannot load {what}: {_first_line(fault)}") from fault


def _options(threads: int, keep_optimised: Path | None) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # Sums that vanish are computed a hundred times slower than others, and a network has no use for them.
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    if keep_optimised is not None:
        options.optimized_model_filepath = str(keep_optimised)
    return options


def _first_line(fault: Exception) -> str:
    return next(iter(str(fault).splitlines()), type(fault).__name__)
