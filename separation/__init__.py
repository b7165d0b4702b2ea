"""Mixture in, stems out: model cards, streaming separators and the worker process."""

import os

# ONNX Runtime reports to its makers unless it is told not to before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
