"""Signal processing around a model.

`transform` is the streaming short-time transform, `masks` and `combine` turn estimates into stems that sum to the
mixture, `places` separates stems by their place in the stereo image, `level` brings the mixture to the level that the
model was trained at, `convert` to its sample rate.
"""

__all__ = ["combine", "convert", "level", "masks", "places", "transform"]
