"""Types of the arrays of the audio path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
