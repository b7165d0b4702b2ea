"""Signal processing: one filter, meter or stage per module, with its design (NumPy), its state and its compiled loop.

`chain` designs the loudspeaker chain of a layout; `shared` says what a stage is.
"""

__all__ = [
    "bank", "bass_management", "binaural", "biquad", "bounds", "chain", "decorrelator", "delay", "equaliser",
    "fir", "gating", "hrtf", "identify", "instruments", "leakage", "levelling", "limiter", "loudness", "measured",
    "meters", "mixing", "night", "output_fade", "programme", "ramps", "shared", "silence", "sofa", "speaker_filters",
    "true_peak",
]  # fmt: skip
