"""Child process that tries real-time priority and locked memory.

`python -m stemfield.control.doctor.child_rights PRIORITY BYTES` prints one line of JSON: for SCHED_FIFO and for locked
memory the reason of a refusal, empty if it worked.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import sys


def main() -> None:
    """Try both and print the result."""
    priority, size = int(sys.argv[1]), int(sys.argv[2])
    locked = _locked(size)
    print(json.dumps({"realtime": _realtime(priority), "memory": locked}), flush=True)


def _realtime(priority: int) -> str:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _locked(size: int) -> str:
    with mmap.mmap(-1, size) as memory:
        libc = ctypes.CDLL(None, use_errno=True)
        view = ctypes.c_char.from_buffer(memory)
        try:
            if libc.mlock(ctypes.byref(view), ctypes.c_size_t(size)) != 0:
                return os.strerror(ctypes.get_errno())
        finally:
            del view
    return ""


if __name__ == "__main__":
    main()
