"""Signal processing around a model.

`transform` is the streaming STFT; `masks` and `combine` turn estimates into stems; `spatial_filter` refines stems by
their position in the stereo image; `level` scales the mixture to the model's training level; `convert` resamples it.
"""

__all__ = ["combine", "convert", "level", "masks", "spatial_filter", "transform"]
