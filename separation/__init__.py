"""Separation of a mixture into stems.

Rooms, from the top: `training` (training of separators); `material` (music of others as training songs); `music`
(synthetic training music); `worker` (the separation process of the daemon) and `evaluation` (metrics, routing and
baselines); `importing` (cards for models made elsewhere); `streaming` (blocks of the mixture in, aligned stems out);
`chunks` (models that process chunks of seconds); `signal` (STFT, masks, level, resampling); `runtime` (ONNX Runtime);
`cards` (descriptions of models). The shipped models are in `models/`, one folder each.
"""

import os

# Disables ONNX Runtime's telemetry, which has to happen before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
