"""The outside world and the pixels in, records out.  Knows no database."""

import os

# ONNX Runtime 1.29 and later tells its makers what runs where, from its first import on, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
