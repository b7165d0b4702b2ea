"""Writes data/ear_reference.npz: gains of the EBU ADM Renderer, the reference implementation of ITU-R BS.2127.

Run it in an environment of its own with `pip install ear==2.1.0 "numpy==1.26.*"`. For every layout the file holds
labels (`LAYOUT labels`), actual azimuth and elevation in degrees (`LAYOUT positions`, (S, 2)) and gains
(`LAYOUT gains`, (P, S)) for the `directions` (P, 3), in x front, y left, z up. The layouts named `... moved` have
their loudspeakers away from the nominal positions.
"""

from pathlib import Path

import numpy as np
from attr import evolve
from ear.core import bs2051, point_source
from ear.core.geom import PolarPosition

DATA = Path(__file__).parent / "data"
LAYOUTS = ("0+2+0", "0+5+0", "2+5+0", "4+5+0", "4+5+1", "3+7+0", "4+9+0", "9+10+3", "0+7+0", "4+7+0")


def directions(rng):
    azimuth, elevation = np.meshgrid(np.radians(np.arange(-165, 181, 15)), np.radians(np.arange(-75, 90, 15)))
    grid = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    anywhere = rng.normal(size=(160, 3))
    anywhere /= np.linalg.norm(anywhere, axis=1, keepdims=True)
    return np.vstack([np.stack(grid, axis=-1).reshape(-1, 3), [[0, 0, 1], [0, 0, -1]], anywhere])


def moved(layout, rng):
    """The layout with loudspeakers up to 4 degrees from their places, those overhead excepted."""

    def away(channel):
        place = channel.polar_nominal_position
        if abs(place.elevation) == 90:
            return channel
        azimuth, elevation = rng.uniform(-4, 4, 2)
        azimuth = (place.azimuth + azimuth + 180) % 360 - 180
        place = PolarPosition(azimuth, place.elevation + elevation, 1.0)
        return evolve(channel, polar_position=place)

    return evolve(layout, channels=[away(channel) for channel in layout.channels])


def main():
    rng = np.random.default_rng(2127)
    points = directions(rng)
    arrays = {"directions": points}
    for name in LAYOUTS:
        nominal = bs2051.get_layout(name).without_lfe
        for title, layout in ((name, nominal), (f"{name} moved", moved(nominal, rng))):
            panner = point_source.configure(layout)
            arrays[f"{title} labels"] = np.array(layout.channel_names)
            places = [channel.polar_position for channel in layout.channels]
            arrays[f"{title} positions"] = np.array([(place.azimuth, place.elevation) for place in places])
            # EAR's axes: x right, y front.
            arrays[f"{title} gains"] = np.array([panner.handle(np.array([-y, x, z])) for x, y, z in points])
    np.savez_compressed(DATA / "ear_reference.npz", **arrays)


if __name__ == "__main__":
    main()
