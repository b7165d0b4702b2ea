"""Gain of a source by its distance.

>>> inverse_gain(4.0, reference_m=2.0, floor_db=-40.0), inverse_gain(1.0, reference_m=2.0, floor_db=-40.0)
(0.5, 1.0)
>>> adm_gain(8.0, dref=0.25, dmax_m=8.0), adm_gain(1.0, dref=0.25, dmax_m=8.0)
(0.25, 1.0)
"""

from __future__ import annotations


def inverse_gain(distance_m: float, reference_m: float, floor_db: float) -> float:
    """The linear gain by the 1/r law: 1 up to the reference, then half for twice the distance, never below the floor.

    Args:
        distance_m: distance from the listener.
        reference_m: reference distance, above 0.
        floor_db: lowest gain, at most 0.
    """
    return max(reference_m / max(distance_m, reference_m), float(10.0 ** (floor_db / 20.0)))


def adm_gain(distance_m: float, dref: float, dmax_m: float) -> float:
    """The linear gain of ADM-OSC's law: 1 up to dref, then dref / distance, constant beyond distance 1.

    Args:
        distance_m: distance from the listener.
        dref: 0..1, where distance 1 is dmax_m; 0 stands for a hundredth, so that sources are not silent.
        dmax_m: above 0.
    """
    distance = min(distance_m / dmax_m, 1.0)
    near = max(dref, 0.01)
    return near / max(distance, near)
