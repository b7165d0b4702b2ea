"""Where raw PCM comes from: a FIFO, or a TCP port with one sender at a time."""

from __future__ import annotations

import fcntl
import logging
import os
import select
import socket
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Protocol, Self

log = logging.getLogger(__name__)

STALLED_S: Final = 2.0
"""Time without data after which another sender may take the place of one."""
_LEAST_BUFFER: Final = 4096


class Sender(Protocol):
    """A source of bytes."""

    def read(self, most: int, timeout_s: float) -> bytes | None:
        """At most that many bytes: none if nothing came in time, None where a stream has ended."""

    def close(self) -> None:
        """Free what it uses."""


class Fifo:
    """A named pipe, made if it does not exist; writers may come and go.

    Args:
        path: its path.
        buffer_bytes: bytes that the kernel may hold, about; more would be more latency.

    Raises:
        OSError: it cannot be made or opened, or is something else.
    """

    def __init__(self, path: Path, buffer_bytes: int) -> None:
        self._path, self._buffer = path, buffer_bytes
        self._fd = self._open()

    def _open(self) -> int:
        with suppress(FileExistsError):
            os.mkfifo(self._path, 0o660)
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(f"{self._path}: expected a FIFO, got another file")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise OSError(f"{self._path}: another source reads it") from error
        with suppress(OSError):
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, max(self._buffer, _LEAST_BUFFER))
        return fd

    def _reopen(self) -> None:
        os.close(self._fd)
        self._fd = self._open()

    def _is_removed(self) -> bool:
        """Whether the path no longer leads to this FIFO: some senders remove it when they end."""
        try:
            return not os.path.samestat(self._path.lstat(), os.fstat(self._fd))
        except FileNotFoundError:
            return True

    def read(self, most: int, timeout_s: float) -> bytes | None:
        """See `Sender`."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        if not waiting.poll(1e3 * timeout_s):
            if not self._is_removed():
                return b""
            self._reopen()
            return None
        with suppress(BlockingIOError):
            if data := os.read(self._fd, most):
                return data
            self._reopen()  # the last writer has gone; a FIFO opened anew waits for the next one
            return None
        return b""

    def close(self) -> None:
        """See `Sender`."""
        os.close(self._fd)


class TcpPort:
    """A listening port; a second sender is refused while the first one sends.

    Args:
        addresses: own addresses to listen on.
        port: number; 0 picks a free one.
        is_allowed: whether a host, by its address, may send.
        buffer_bytes: bytes that the kernel may hold for a connection, about.

    Raises:
        OSError: the port cannot be opened.
    """

    def __init__(
        self, addresses: Sequence[str], port: int, is_allowed: Callable[[str], bool], buffer_bytes: int
    ) -> None:
        self._is_allowed = is_allowed
        self._connection: socket.socket | None = None
        self._data_s = 0.0
        self._stack = ExitStack()
        self._listeners = [self._listen(address, port, buffer_bytes) for address in addresses]
        self.port = int(self._listeners[0].getsockname()[1])
        """The port in use."""

    def _listen(self, address: str, port: int, buffer_bytes: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = self._stack.enter_context(socket.socket(family))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(buffer_bytes, _LEAST_BUFFER))
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            listener.bind((address, port))
        except OSError as error:
            self._stack.close()
            raise OSError(error.errno, f"TCP port {port} on {address}: {error.strerror}") from error
        listener.listen(4)
        listener.setblocking(False)
        return listener

    def read(self, most: int, timeout_s: float) -> bytes | None:
        """See `Sender`."""
        own = [] if self._connection is None else [self._connection]
        ready, _, _ = select.select([*self._listeners, *own], [], [], timeout_s)
        replaced = False
        for listener in ready:
            if listener in self._listeners:
                replaced = self._accept(listener) or replaced
        connection = self._connection
        if replaced or connection is None or connection not in ready:
            return None if replaced else b""
        try:
            data = connection.recv(most)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._drop()
            return None
        self._data_s = time.monotonic()
        return data

    def _accept(self, listener: socket.socket) -> bool:
        """Accept a connection; return whether it replaced the one before."""
        try:
            connection, (host, *_rest) = listener.accept()
        except OSError:  # it has gone again
            return False
        stalled = time.monotonic() - self._data_s >= STALLED_S
        reason = "" if self._is_allowed(host) else "not in network.allow"
        if not reason and self._connection is not None and not stalled:
            reason = "another sender is there"
        if reason:
            log.warning("%s refused: %s", host, reason)
            connection.close()
            return False
        replaced = self._connection is not None
        self._drop()
        connection.setblocking(False)
        self._connection, self._data_s = connection, time.monotonic()
        log.info("%s sends", host)
        return replaced

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """See `Sender`."""
        self._drop()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
