"""Two daemons without a configuration start at once."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from stemfield.control.config.free_ports import Claims, NoFreePortError

KINDS = [socket.SOCK_DGRAM, socket.SOCK_STREAM]


def free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_that_is_about_to_be_opened_is_left_alone(kind: socket.SocketKind) -> None:
    """Neither has opened it yet: all that the other one could look at is free."""
    wanted = free(kind)
    with closing(Claims()) as first:
        assert first.take(wanted, kind, ("127.0.0.1",)) == wanted
        with closing(Claims()) as second:
            other = second.take(wanted, kind, ("127.0.0.1",))
            assert other not in (0, wanted)
    with closing(Claims()) as later:
        assert later.take(wanted, kind, ("127.0.0.1",)) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_of_another_program_is_left_alone(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as theirs, closing(Claims()) as claims:
        theirs.bind(("127.0.0.2", 0))
        if kind == socket.SOCK_STREAM:
            theirs.listen()
        taken = theirs.getsockname()[1]
        assert claims.take(taken, kind, ("127.0.0.1", "127.0.0.2")) not in (0, taken)


def test_where_nothing_is_free_it_is_said() -> None:
    with closing(Claims()) as claims, pytest.raises(NoFreePortError, match="no port is free"):
        claims.take(0, socket.SOCK_DGRAM, ("192.0.2.1",))
