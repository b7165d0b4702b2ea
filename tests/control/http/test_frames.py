"""Frames of clients on WebSockets, bit by bit."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemfield.control.http.frames import MaskCheck

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(payload: bytes, *, masked: bool = True, text: bool = True) -> bytes:
    """One frame after RFC 6455, 5.2."""
    bit, size = (0x80 if masked else 0), len(payload)
    if size < 126:
        length = bytes([bit | size])
    elif size < 1 << 16:
        length = bytes([bit | 126]) + struct.pack(">H", size)
    else:
        length = bytes([bit | 127]) + struct.pack(">Q", size)
    mask = b"\x01\x80\x7f\xff"
    hidden = bytes(one ^ mask[at % 4] for at, one in enumerate(payload))
    return bytes([0x81 if text else 0x82]) + length + (mask + hidden if masked else payload)


@settings(deadline=None)
@given(st.lists(st.sampled_from([0, 1, 5, 125, 126, 300, 65_535, 65_536])), st.integers(1, 999), st.booleans())
def test_heads_are_found_however_the_stream_is_cut(sizes: list[int], step: int, ends_unmasked: bool) -> None:
    stream = b"".join(frame(bytes(size)) for size in sizes) + (frame(b"x", masked=False) if ends_unmasked else b"")
    heads = MaskCheck()
    parts = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert all(heads.are_masked(part) for part in parts) is not ends_unmasked


@pytest.mark.parametrize("path", ["/", "/panner/socket"])
@pytest.mark.parametrize("text", [True, False])
def test_a_frame_without_mask_ends_the_connection(serve: Callable[..., Any], path: str, text: bool) -> None:
    web = serve()
    with socket.create_connection(("127.0.0.1", web.server.port), 5) as client:
        client.sendall(HANDSHAKE.format(path=path).encode())
        received = client.recv(4096)
        while b"\r\n\r\n" not in received:
            received += client.recv(4096)
        client.sendall(frame(b"{}"))
        client.sendall(frame(b'{"send":[["/scene/amount",0.5]]}', masked=False, text=text))
        received = b""
        while part := client.recv(65_536):
            received += part
        assert received.endswith(b"\x88\x02" + struct.pack(">H", 1002))
    assert web.control.hub.scene.amount == 1.0
