"""Streaming separation: blocks of the mixture in at any sample rate, aligned stems out.

`streaming` has `Separator`, which runs any model live and on files; `latency` computes its latency from the card;
`speed` measures its real-time factor.
"""

__all__ = ["latency", "speed", "streaming"]
