"""The separation worker: a process of its own that reads the mixture from shared memory and writes the stems.

`process` starts and supervises it from the daemon; `worker` is what runs inside.
"""

__all__ = ["process", "worker"]
