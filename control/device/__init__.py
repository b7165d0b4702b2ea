"""The daemon as a sound device of the desktop: a sink of PipeWire, or a device of ALSA where jackd runs."""

__all__ = ["loopback", "loopback_files", "nodes", "pipewire", "sink_file", "volume"]
