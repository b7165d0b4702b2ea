"""What a decoder prints of its own accord: it goes to C's standard error, past every log.

libmpg123 does so at each damaged frame, and libsndfile offers no way to stop it. C's `stderr` points to a file in
memory while a decoder works; Python writes to the descriptor 2, and other threads' messages go where they went before.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_UNBUFFERED: Final = 2
_lock = threading.Lock()


class Complaints:
    """Of one piece of work.

    Attributes:
        count: how many lines were printed.
    """

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def complaints() -> Iterator[Complaints]:
    """Catches what C libraries print to standard error meanwhile; one thread at a time.

    With another C library than glibc, what they print goes where it always went.
    """
    found, place = Complaints(), _place()
    if place is None:
        yield found
        return
    descriptor, stream, pointer = place
    with _lock:
        before, pointer.value = pointer.value, stream
        try:
            yield found
        finally:
            pointer.value = before
            if size := os.fstat(descriptor).st_size:
                found.count = os.pread(descriptor, size, 0).count(b"\n")
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)


@functools.cache
def _place() -> tuple[int, int, ctypes.c_void_p] | None:
    """A file of memory, C's stream that writes to it, and the variable that says where C's standard error is."""
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return None
    library = ctypes.CDLL(None)
    library.fdopen.restype = ctypes.c_void_p
    library.setvbuf.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    descriptor = os.memfd_create("complaints")
    stream = library.fdopen(descriptor, b"w")
    if stream is None:
        os.close(descriptor)
        return None
    library.setvbuf(stream, None, _UNBUFFERED, 0)
    return descriptor, stream, ctypes.c_void_p.in_dll(library, "stderr")
