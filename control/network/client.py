"""OSC requests to a daemon: send messages and receive its replies."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence

from stemfield.control.dialects.osc import Message, encode, parse

TIMEOUT_S = 1.0
_MARK = "stemfield request"


class NoReplyError(OSError):
    """No daemon replies at that port."""


def request(packets: Sequence[bytes], host: str, port: int, timeout_s: float = TIMEOUT_S) -> Iterator[Message]:
    """Send messages followed by a ping, and yield all replies that arrive before that of the ping.

    Args:
        packets: messages, one datagram each.
        host: name or numeric address.
        port: UDP port.
        timeout_s: timeout for all replies together.

    Raises:
        NoReplyError: the timeout expired.
        OSError: the host cannot be reached.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.connect((host, port))
        end_s = time.monotonic() + timeout_s
        try:
            for packet in (*packets, encode("/ping", "s", (_MARK,))):
                client.send(packet)
            while (left_s := end_s - time.monotonic()) > 0.0:
                client.settimeout(left_s)
                for _, message in parse(client.recv(65_536), 0.0):
                    if not isinstance(message, Message):
                        continue
                    if (message.address, message.arguments) == ("/pong", [_MARK]):
                        return
                    yield message
        except (TimeoutError, ConnectionRefusedError):
            pass
    raise NoReplyError(f"no reply from a daemon at {host} port {port}")
