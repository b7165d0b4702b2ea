"""Training of separators and export of the trained networks; needs the extra `train`.

`train` runs a training, `release` exports its weights as a model, `fit` has the training loop and loads weights.
"""

__all__ = ["fit", "release", "train"]
