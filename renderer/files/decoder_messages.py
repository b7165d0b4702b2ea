"""Messages that a decoder prints to C's standard error, past every log.

libmpg123 prints one for each damaged frame, and libsndfile offers no way to stop it. While a decoder works, C's
`stderr` points to a file in memory; Python writes to descriptor 2, so that messages of other threads are not affected.
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


@contextmanager
def decoder_messages() -> Iterator[list[bytes]]:
    """Catches the lines that C libraries print to standard error meanwhile, one thread at a time; only with glibc."""
    place = _place()
    found: list[bytes] = []
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
                found += os.pread(descriptor, size, 0).splitlines()
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)


@functools.cache
def _place() -> tuple[int, int, ctypes.c_void_p] | None:
    """A file in memory, the C stream that writes to it, and C's variable `stderr`."""
    if "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return None
    library = ctypes.CDLL(None)
    library.fdopen.restype = ctypes.c_void_p
    library.setvbuf.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
    descriptor = os.memfd_create("decoder-messages")
    stream = library.fdopen(descriptor, b"w")
    if stream is None:
        os.close(descriptor)
        return None
    library.setvbuf(stream, None, _UNBUFFERED, 0)
    return descriptor, stream, ctypes.c_void_p.in_dll(library, "stderr")
