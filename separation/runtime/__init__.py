"""Models in ONNX Runtime.

`graph` opens a graph and compares it with its card, `session` runs a streaming model and keeps its state, `providers`
names what computes it.
"""

__all__ = ["graph", "providers", "session"]
