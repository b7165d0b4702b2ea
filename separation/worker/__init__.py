"""The separation worker, a separate process that reads the mixture from shared memory and writes the stems.

`process` is the daemon's handle on the child process, `worker` runs inside it.
"""

__all__ = ["process", "worker"]
