"""Asking a daemon by OSC, from outside: a message goes out, and what it answers comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence

from stemfield.control.dialects.osc import Message, encode, parse

PATIENCE_S = 1.0
_MARK = "stemfield asks"


class NoReplyError(OSError):
    """There is no daemon at that port, or it hangs."""


def exchange(packets: Sequence[bytes], host: str, port: int, patience_s: float = PATIENCE_S) -> Iterator[Message]:
    """Send messages and give their answers: all that come before that of a ping behind them.

    Args:
        packets: one datagram each.
        host: name or numeric address.
        port: UDP.
        patience_s: how long all of it may take.

    Raises:
        NoReplyError: not within that time.
        OSError: the network is not there.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as ours:
        ours.connect((host, port))
        end_s = time.monotonic() + patience_s
        try:
            for packet in (*packets, encode("/ping", "s", (_MARK,))):
                ours.send(packet)
            while (left_s := end_s - time.monotonic()) > 0.0:
                ours.settimeout(left_s)
                for _, message in parse(ours.recv(65_536), 0.0):
                    if not isinstance(message, Message):
                        continue
                    if (message.address, message.arguments) == ("/pong", [_MARK]):
                        return
                    yield message
        except (TimeoutError, ConnectionRefusedError):
            pass
    raise NoReplyError(f"no daemon answers at {host} port {port}")
