"""Training of separators and export of the trained networks; needs the extra `train`.

`train` runs a training, `fit` has its loop, `release` exports its weights as a model, `weights` loads them.
"""

__all__ = ["fit", "release", "train", "weights"]
