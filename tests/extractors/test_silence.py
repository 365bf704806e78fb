"""Nothing here tells anybody that it runs."""

import os
import subprocess
import sys

TASKS = "import os, extractors, onnxruntime; print(len(os.listdir('/proc/self/task')))"


def test_onnxruntime_starts_no_thread_that_reports_to_its_makers() -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", TASKS],
        env={**kept, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
