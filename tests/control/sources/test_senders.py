"""FIFOs and TCP connections whose writers stop anywhere."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stemfield.control.config.network import NetworkConfig
from stemfield.control.sources import pcm, senders
from stemfield.control.sources.formats import PcmFormat
from stemfield.control.sources.senders import Fifo, Sender, TcpPort

FORM = PcmFormat("s16le", 48_000, 2)
SECONDS = 5.0


def everything(sender: Sender, until: Callable[[bytes, int], bool]) -> tuple[bytes, int]:
    """What is read, and how many streams have ended, until that is enough."""
    data, ended, deadline = b"", 0, time.monotonic() + SECONDS
    while not until(data, ended):
        assert time.monotonic() < deadline, f"{len(data)} bytes, {ended} ends"
        part = sender.read(1000, 0.05)
        data, ended = data + (part or b""), ended + (part is None)
    return data, ended


@pytest.fixture
def port() -> Iterator[TcpPort]:
    with TcpPort(("127.0.0.1",), 0, lambda _: True, 4096) as made:
        yield made


def connected(port: TcpPort) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port.port), SECONDS)


def test_a_fifo_has_one_reader(tmp_path: Path) -> None:
    first = Fifo(tmp_path / "music", 9600)
    with pytest.raises(OSError, match="music: another source reads it"):
        Fifo(tmp_path / "music", 9600)
    first.close()
    Fifo(tmp_path / "music", 9600).close()


def test_a_fifo_that_its_writer_removes_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "music"
    fifo = Fifo(path, 9600)
    try:
        with path.open("wb") as writer:
            writer.write(b"abc")
            path.unlink()
        assert everything(fifo, lambda _, ended: ended == 1) == (b"abc", 1)
        assert path.is_fifo()
        path.unlink()
        assert everything(fifo, lambda _, ended: ended == 1) == (b"", 1), "also one that nobody has written to"
        with path.open("wb") as writer:
            writer.write(b"defg")
        assert everything(fifo, lambda _, ended: ended == 1) == (b"defg", 1)
    finally:
        fifo.close()


def test_a_fifo_is_made_and_outlives_its_writers(tmp_path: Path) -> None:
    path = tmp_path / "music"
    fifo = Fifo(path, 9600)
    try:
        assert path.is_fifo()
        assert fifo.read(100, 0.0) == b""
        for text in (b"abc", b"defg"):
            with path.open("wb") as writer:
                writer.write(text)
            assert everything(fifo, lambda _, ended: ended == 1) == (text, 1)
            assert fifo.read(100, 0.0) == b"", "it waits, and is not at the end for ever"
        with path.open("wb", buffering=0) as writer:
            writer.write(b"x" * 7)
            assert everything(fifo, lambda data, _: len(data) == 7) == (b"x" * 7, 0)
            assert fifo.read(100, 0.01) == b"", "a writer that only waits has not gone"
    finally:
        fifo.close()


def test_other_files_are_no_fifos(tmp_path: Path) -> None:
    path = tmp_path / "music.wav"
    path.write_bytes(b"RIFF")
    with pytest.raises(OSError, match=r"music\.wav: expected a FIFO, got another file"):
        Fifo(path, 9600)
    link = tmp_path / "link"
    os.mkfifo(tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        Fifo(link, 9600)


def test_the_kernel_holds_little_sound(tmp_path: Path, port: TcpPort) -> None:
    fifo = Fifo(tmp_path / "music", 9600)
    writer = os.open(tmp_path / "music", os.O_WRONLY | os.O_NONBLOCK)
    assert os.write(writer, bytes(1 << 20)) <= 16_384
    os.close(writer)
    fifo.close()


def test_senders_come_one_after_the_other(port: TcpPort) -> None:
    with connected(port) as first:
        first.sendall(b"one")
        assert everything(port, lambda data, _: len(data) == 3) == (b"one", 0)
    assert everything(port, lambda _, ended: ended == 1) == (b"", 1)
    with connected(port) as second:
        second.sendall(b"two")
        assert everything(port, lambda data, _: len(data) == 3) == (b"two", 0)


def test_a_second_sender_is_refused_while_the_first_one_sends(port: TcpPort) -> None:
    with connected(port) as first, connected(port) as second:
        first.sendall(b"one")
        assert everything(port, lambda data, _: len(data) == 3) == (b"one", 0)
        assert second.recv(1) == b""
        first.sendall(b"more")
        assert everything(port, lambda data, _: len(data) == 4) == (b"more", 0)


def test_a_stalled_sender_gives_way(port: TcpPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "STALLED_S", 0.0)
    with connected(port) as first:
        first.sendall(b"one")
        assert everything(port, lambda data, _: len(data) == 3) == (b"one", 0)
        with connected(port) as second:
            second.sendall(b"two")
            assert everything(port, lambda data, _: len(data) == 3) == (b"two", 1), "half a frame of the first is lost"
            assert first.recv(1) == b""


def test_a_sender_that_is_reset_has_gone(port: TcpPort) -> None:
    with connected(port) as first:
        first.sendall(b"one")
        assert everything(port, lambda data, _: len(data) == 3) == (b"one", 0)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert everything(port, lambda _, ended: ended == 1) == (b"", 1)


def test_hosts_that_are_not_allowed_are_refused() -> None:
    with TcpPort(("127.0.0.1",), 0, lambda _: False, 4096) as port, connected(port) as sender:
        assert port.read(10, SECONDS) == b""
        assert sender.recv(1) == b""


def test_a_port_in_use_is_named(port: TcpPort) -> None:
    with pytest.raises(OSError, match=rf"TCP port {port.port} on 127\.0\.0\.1: Address already in use"):
        TcpPort(("127.0.0.1",), port.port, lambda _: True, 4096)


def test_the_port_is_open_for_this_machine_unless_the_network_says_otherwise() -> None:
    with pcm.open_sender(FORM, None, 0, NetworkConfig()) as port:  # type: ignore[attr-defined]
        assert [one.getsockname()[0] for one in port._listeners] == ["127.0.0.1"]
        assert not port._is_allowed("192.168.1.7")
    config = NetworkConfig.model_validate_json('{"bind": "0.0.0.0", "allow": ["192.168.1.0/24"]}')
    with pcm.open_sender(FORM, None, 0, config) as port:  # type: ignore[attr-defined]
        assert [one.getsockname()[0] for one in port._listeners] == ["0.0.0.0"]
        assert port._is_allowed("192.168.1.7")
        assert port._is_allowed("127.0.0.1")
        assert not port._is_allowed("192.168.2.7")


def test_a_writer_that_is_killed_leaves_its_reader_alone(tmp_path: Path) -> None:
    fifo = Fifo(tmp_path / "music", 9600)

    def write() -> None:
        with (tmp_path / "music").open("wb", buffering=0) as writer:
            writer.write(b"abcde")

    thread = threading.Thread(target=write)
    thread.start()
    assert everything(fifo, lambda _, ended: ended == 1) == (b"abcde", 1)
    thread.join()
    fifo.close()
