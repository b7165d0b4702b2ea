"""Training of separators, and models made of what was learnt; needs the extra `train`.

`train` runs the training, `release` makes a model of its weights.
"""

__all__ = ["fit", "release", "train"]
