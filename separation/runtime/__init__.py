"""Models in ONNX Runtime.

`graph` opens a graph and compares it with its card, `session` runs a streaming graph and keeps its state, `providers`
resolves names of execution providers.
"""

__all__ = ["graph", "providers", "session"]
