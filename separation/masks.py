"""Rules on the masks that a model estimates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reject_below(threshold: float, mixture: NDArray[np.complex64], stems: NDArray[np.complex64]) -> None:
    """Takes the bins out of a stem in which it claims too little of the mixture.

    A stem's mask estimate in a bin of a channel is |stem| / |mixture|. Where it is below the threshold the stem gets
    nothing; the sound stays in what no stem claims. A threshold of 0 changes nothing.

    Args:
        threshold: 0..1.
        mixture: shape (2, bins).
        stems: shape (sources, 2, bins); changed in place.
    """
    if threshold > 0.0:
        stems[np.abs(stems) < np.float32(threshold) * np.abs(mixture)] = 0.0
