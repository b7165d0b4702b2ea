"""Mixture in, stems out.

Rooms, from the top: `training` (learn a separator) and `music` (make music to learn from); `worker` (the separation
process beside the daemon) and `evaluation` (how well stems are separated); `importing` (cards for models made
elsewhere); `streaming` (blocks of sound in, aligned stems out); `chunks` (models that take whole chunks of seconds);
`signal` (transform, masks, level, resampling); `runtime` (ONNX Runtime); `cards` (what a model is). The shipped models
are in `models/`, one folder each.
"""

import os

# ONNX Runtime reports to its makers unless it is told not to before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
