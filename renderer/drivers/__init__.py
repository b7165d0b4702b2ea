"""Drivers, which call the block processor: a JACK server, a clock, or a file."""

__all__ = [
    "alsa_channels", "clock", "connections", "file", "jack", "jack_settings", "libjack", "limiting", "pipewire_library",
    "port_channels", "wanted_connections",
]  # fmt: skip
