"""Playback of tracker modules by libopenmpt, with single instruments.

Debian's `libopenmpt0`, through its C interface (https://lib.openmpt.org/doc/): a module as `module_ext`, whose
interface "interactive" mutes instruments. Muting changes nothing else, so instruments played alone sum to the module.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Iterable
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_void_p
from pathlib import Path

import numpy as np

from stemfield.separation.material.collection import Sound
from stemfield.separation.music.effects import RATE_HZ

_STEREO_SEPARATION = 2
"""OPENMPT_MODULE_RENDER_STEREOSEPARATION_PERCENT."""
_NOTE, _INSTRUMENT = 0, 1
"""OPENMPT_MODULE_COMMAND_NOTE and _INSTRUMENT."""
_HIGHEST_NOTE = 120
"""Greater numbers end notes."""
_BLOCK = 8192
_BEFORE_MUTING = (
    "set_current_speed", "set_current_tempo", "set_tempo_factor", "get_tempo_factor", "set_pitch_factor",
    "get_pitch_factor", "set_global_volume", "get_global_volume", "set_channel_volume", "get_channel_volume",
    "set_channel_mute_status", "get_channel_mute_status",
)  # fmt: skip
_AFTER_MUTING = ("get_instrument_mute_status", "play_note", "stop_note")


class _Interactive(ctypes.Structure):
    """`openmpt_module_ext_interface_interactive`."""

    _fields_ = (
        *((name, c_void_p) for name in _BEFORE_MUTING),
        ("set_instrument_mute_status", ctypes.CFUNCTYPE(c_int, c_void_p, c_int32, c_int)),
        *((name, c_void_p) for name in _AFTER_MUTING),
    )


class ModuleError(ValueError):
    """A module cannot be played."""


class Module:
    """A tracker module.

    Args:
        path: file of any format that libopenmpt reads.
        separation_percent: stereo separation; 100 keeps the places of the module, which are often far left and right.

    Raises:
        ModuleError: libopenmpt does not read it, or it has no music or no instruments.
        OSError: there is no libopenmpt, or the file cannot be read.
    """

    def __init__(self, path: Path, separation_percent: int = 100) -> None:
        self._library = load_library()
        self._interactive = _Interactive()
        data = path.read_bytes()
        silent = ctypes.cast(self._library.openmpt_log_func_silent, c_void_p)
        self._module_ext = self._library.openmpt_module_ext_create_from_memory(data, len(data), silent, *[None] * 6)
        if not self._module_ext:
            raise ModuleError(f"{path}: expected a tracker module, got a file that libopenmpt does not read")
        size = ctypes.sizeof(self._interactive)
        place = ctypes.byref(self._interactive)
        known = self._library.openmpt_module_ext_get_interface(self._module_ext, b"interactive", place, size)
        self._module = self._library.openmpt_module_ext_get_module(self._module_ext)
        self._library.openmpt_module_set_render_param(self._module, _STEREO_SEPARATION, separation_percent)
        self.seconds = float(self._library.openmpt_module_get_duration_seconds(self._module))
        self.names = self._names()
        if not known or not self.names or not self.seconds > 0.0:
            self.close()
            raise ModuleError(f"{path}: expected music and instruments that can be muted, got none")

    def play(self, instruments: Iterable[int], seconds: float) -> Sound:
        """Play instruments alone from the start, at RATE_HZ, shape (2, frames); it ends with the music.

        Args:
            instruments: indices in `names`.
            seconds: maximum duration.
        """
        heard = {*instruments}
        for index in range(len(self.names)):
            muted = index not in heard
            if not self._interactive.set_instrument_mute_status(self._module_ext, index, muted):
                raise ModuleError(f"instrument {index}: libopenmpt does not mute it")
        self._library.openmpt_module_set_position_seconds(self._module, 0.0)
        pieces, left = [], int(seconds * RATE_HZ)
        while left > 0:
            piece = np.zeros((min(left, _BLOCK), 2), np.float32)
            place = piece.ctypes.data_as(POINTER(c_float))
            frames = self._library.openmpt_module_read_interleaved_float_stereo(
                self._module, RATE_HZ, len(piece), place
            )
            if frames == 0:
                break
            pieces.append(piece[:frames])
            left -= frames
        return np.ascontiguousarray(np.concatenate(pieces).T) if pieces else np.zeros((2, 0), np.float32)

    def notes(self) -> dict[int, int]:
        """Number of different pitches that each instrument plays, by its index in `names`."""
        library, module = self._library, self._module
        played: dict[int, set[int]] = {}
        orders = range(library.openmpt_module_get_num_orders(module))
        for pattern in {library.openmpt_module_get_order_pattern(module, order) for order in orders}:
            for channel in range(library.openmpt_module_get_num_channels(module)):
                instrument = 0  # a note without an instrument is played by the channel's last one
                for row in range(library.openmpt_module_get_pattern_num_rows(module, pattern)):
                    note, number = (
                        library.openmpt_module_get_pattern_row_channel_command(module, pattern, row, channel, command)
                        for command in (_NOTE, _INSTRUMENT)
                    )
                    instrument = number or instrument
                    if instrument and 0 < note <= _HIGHEST_NOTE:
                        played.setdefault(instrument - 1, set()).add(note)
        return {instrument: len(pitches) for instrument, pitches in played.items()}

    def close(self) -> None:
        """Free the module."""
        if self._module_ext:
            self._library.openmpt_module_ext_destroy(self._module_ext)
        self._module_ext = None

    def _names(self) -> tuple[str, ...]:
        """Names of the instruments, or of the samples of a module without instruments."""
        library, module = self._library, self._module
        for kind in ("instrument", "sample"):
            if count := getattr(library, f"openmpt_module_get_num_{kind}s")(module):
                name = getattr(library, f"openmpt_module_get_{kind}_name")
                return tuple(_text(library, name(module, index)) for index in range(count))
        return ()


@functools.cache
def load_library() -> ctypes.CDLL:
    """Load libopenmpt.

    Raises:
        OSError: there is none.
    """
    library = ctypes.CDLL(ctypes.util.find_library("openmpt") or "libopenmpt.so.0")
    signatures = {
        "module_ext_create_from_memory": (c_void_p, [c_char_p, c_size_t, *[c_void_p] * 7]),
        "module_ext_destroy": (None, [c_void_p]),
        "module_ext_get_module": (c_void_p, [c_void_p]),
        "module_ext_get_interface": (c_int, [c_void_p, c_char_p, c_void_p, c_size_t]),
        "module_get_duration_seconds": (c_double, [c_void_p]),
        "module_get_num_instruments": (c_int32, [c_void_p]),
        "module_get_num_samples": (c_int32, [c_void_p]),
        "module_get_num_orders": (c_int32, [c_void_p]),
        "module_get_num_channels": (c_int32, [c_void_p]),
        "module_get_order_pattern": (c_int32, [c_void_p, c_int32]),
        "module_get_pattern_num_rows": (c_int32, [c_void_p, c_int32]),
        "module_get_pattern_row_channel_command": (ctypes.c_uint8, [c_void_p, c_int32, c_int32, c_int32, c_int]),
        "module_get_instrument_name": (c_void_p, [c_void_p, c_int32]),
        "module_get_sample_name": (c_void_p, [c_void_p, c_int32]),
        "module_set_render_param": (c_int, [c_void_p, c_int, c_int32]),
        "module_set_position_seconds": (c_double, [c_void_p, c_double]),
        "module_read_interleaved_float_stereo": (c_size_t, [c_void_p, c_int32, c_size_t, POINTER(c_float)]),
        "free_string": (None, [c_void_p]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, f"openmpt_{name}")
        function.restype, function.argtypes = result, arguments
    return library


def _text(library: ctypes.CDLL, address: int | None) -> str:
    if not address:
        return ""
    text = ctypes.string_at(address).decode("utf-8", "replace")
    library.openmpt_free_string(address)
    return text
