"""Streaming separation: blocks of the mixture in at any sample rate, stems out, aligned with it.

`streaming` holds `Separator`, which runs any model live and in files; `latency` knows how late its stems are; `speed`
measures how fast it computes.
"""

__all__ = ["latency", "speed", "streaming"]
