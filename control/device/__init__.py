"""The daemon as a sound device of the desktop: a sink of PipeWire, whose monitor plays into the daemon."""

__all__ = ["pipewire", "sink_file", "volume"]
