"""Network failures, crowds of clients, slow readers and jumps of the clock are inaudible."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from daemon_process import free_port
from fault_table import FaultTable
from rig import MakeRig, ms

SECTION = "The network"
CROWD = 10_000
SLOW_PAGES, SLOW_CLIENTS = 20, 20
MOST_GAINED_MB = 16.0
INSIDE, OUTSIDE = "10.213.0.1", "10.213.0.2"


def memory_mb(pid: int) -> float:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def page_of(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/?HOST_INFO", timeout=5) as answer:
        return int(answer.status)


@pytest.mark.long
def test_a_network_interface_that_goes_and_comes_back(rig: MakeRig, namespaces: Any, fault_table: FaultTable) -> None:
    """Two networks with a virtual cable, which is removed and restored."""
    inside, outside = namespaces("net"), namespaces("net")

    def lay_the_cable() -> None:
        inside.run("ip", "link", "add", "stage0", "type", "veth", "peer", "name", "stage1", "netns", str(outside.pid))
        for space, address, name in ((inside, INSIDE, "stage0"), (outside, OUTSIDE, "stage1")):
            space.run("ip", "link", "set", "lo", "up")
            space.run("ip", "address", "add", f"{address}/24", "dev", name)
            space.run("ip", "link", "set", name, "up")

    lay_the_cable()
    network = {"interfaces": ["stage0"], "allow": ["10.213.0.0/24"]}
    one = rig(60.0, space=inside, network=network, discovery={"enabled": True, "name": "the stage"})
    visitor = outside.socket()
    visitor.settimeout(0.5)

    def is_heard() -> bool:
        try:
            visitor.sendto(b"/ping\0\0\0,\0\0\0", (INSIDE, one.room.port))
            return visitor.recv(100).startswith(b"/pong")
        except OSError:
            return False

    def is_found() -> bool:
        command = str(Path(sys.executable).parent / "stemfield")
        found = json.loads(outside.run(command, "browse", "--json"))
        return any(daemon["name"] == "the stage" for daemon in found)

    def seconds_until(true: Any, most_s: float) -> float:
        begun_s = time.monotonic()
        while not true():
            assert time.monotonic() - begun_s < most_s, one.room.log.read_text()
        return time.monotonic() - begun_s

    with visitor:
        seconds_until(is_heard, 5)
        seconds_until(is_found, 10)
        one.client.roll()
        one.wait_s(2.0)
        inside.run("ip", "link", "delete", "stage0")
        assert not is_heard()
        one.mark()
        assert one.room.ask("/object/drums/priority") == [one.marked]  # on this machine it is steered as before
        one.wait_s(4.0)
        lay_the_cable()
        heard_s = seconds_until(is_heard, 5)
        found_s = seconds_until(is_found, 25)
        outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "network interface removed and restored",
        "interface deleted for 4 s, then restored with the same address",
        outputs=outputs,
        gap=ms(0),
        recovered=f"receiving after {heard_s:.1f} s, found by `browse` after {found_s:.0f} s",
        state=state,
    )


@pytest.mark.long
def test_ports_that_are_taken(rig: MakeRig, daemon: Any, fault_table: FaultTable) -> None:
    """A second daemon is configured with the ports of the first."""
    port = free_port()
    one = rig(16.0, http={"port": port})
    one.client.roll()
    one.wait_s(2.0)
    second = daemon(driver="clock", http={"port": port}, separation={"enabled": False})
    second.start()
    assert f"port {port} is used by another program: set another http.port" in second.log.read_text()
    assert second.ask("/master/gain") == [0.0]
    third = daemon(driver="clock", osc={"port": one.room.port})
    third.start(ready=False)
    assert third.process.wait(20) == 1
    third.process = None
    assert third.log.read_text().count("\n") <= 2
    one.mark()
    one.wait_s(1.0)
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "ports in use",
        "a second daemon with the same HTTP port, a third with the same OSC port",
        outputs=outputs,
        gap=ms(0),
        recovered="the second runs without the page; the third exits with status 1 and a one-line error",
        state=state,
    )


@pytest.mark.long
def test_ten_thousand_connections(rig: MakeRig, fault_table: FaultTable) -> None:
    port = free_port()
    one = rig(60.0, http={"port": port})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, CROWD + 4096), hard))
    before_mb = memory_mb(one.room.process.pid)
    one.client.roll()
    one.wait_s(2.0)
    crowd: list[socket.socket] = []
    answers_s = []
    try:
        for number in range(CROWD):
            single = socket.socket()
            single.setblocking(False)
            single.connect_ex(("127.0.0.1", port))
            crowd.append(single)
            if number % 500 == 0:
                begun_s = time.monotonic()
                assert one.room.ask("/master/gain") == [0.0]
                answers_s.append(time.monotonic() - begun_s)
        one.mark()
        one.wait_s(2.0)
        assert one.room.ask("/object/drums/priority") == [one.marked]
        held_mb = memory_mb(one.room.process.pid)
        descriptors = len(list(Path(f"/proc/{one.room.process.pid}/fd").iterdir()))
    finally:
        for single in crowd:
            single.close()
    begun_s = time.monotonic()
    while True:
        try:
            assert page_of(port) == 200
        except OSError:
            assert time.monotonic() - begun_s < 20
            time.sleep(0.1)
        else:
            break
    served_s = time.monotonic() - begun_s
    assert held_mb - before_mb < MOST_GAINED_MB
    assert descriptors < 600
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "10,000 connections",
        "to the HTTP port, held open without a request",
        outputs=outputs,
        gap=ms(0),
        recovered=f"OSC answers within {1e3 * max(answers_s):.0f} ms; the page loads after "
        f"{served_s:.1f} s; memory grew by {held_mb - before_mb:.1f} MB",
        state=state,
    )


def ws_text(text: str) -> bytes:
    """A masked WebSocket frame of less than 126 bytes."""
    mask, payload = os.urandom(4), text.encode()
    assert len(payload) < 126
    return struct.pack("!BB", 0x81, 0x80 | len(payload)) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def slow_reader(port: int, path: str) -> socket.socket:
    """A connected WebSocket client that does not read."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    head = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    head += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    made.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
    return made


@contextmanager
def slow_crowd(port: int) -> Iterator[None]:
    crowd = [slow_reader(port, "/panner/socket") for _ in range(SLOW_PAGES)]
    for _ in range(SLOW_CLIENTS):
        crowd.append(slow_reader(port, "/"))
        for name in ("vocals", "bass", "drums", "other"):
            crowd[-1].sendall(ws_text(json.dumps({"COMMAND": "LISTEN", "DATA": f"/object/{name}/aed"})))
    try:
        yield
    finally:
        for one in crowd:
            one.close()


@pytest.mark.long
def test_slow_websocket_readers(rig: MakeRig, fault_table: FaultTable) -> None:
    """Slow clients do not read while everything moves; another page is served as usual."""
    port = free_port()
    one = rig(60.0, http={"port": port})
    one.client.roll()
    one.wait_s(2.0)

    async def look(seconds: float) -> int:
        """Number of telemetry frames that a reading page gets."""
        count, end_s = 0, time.monotonic() + seconds
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{port}/panner/socket") as page,
        ):
            step = 0
            while (left_s := end_s - time.monotonic()) > 0:
                step += 1
                one.room.send("/object/bass/priority", step)
                one.room.send("/object/other/smooth", 0.001 * (step % 1000))
                try:
                    message = await asyncio.wait_for(page.receive(), min(left_s, 0.02))
                except TimeoutError:
                    continue
                count += message.type is aiohttp.WSMsgType.BINARY
        return count

    alone = asyncio.run(look(5.0))
    before_mb = memory_mb(one.room.process.pid)
    with slow_crowd(port):
        count = asyncio.run(look(20.0))
        gained_mb = memory_mb(one.room.process.pid) - before_mb
        one.mark()
        assert one.room.ask("/object/drums/priority") == [one.marked]
    assert gained_mb < MOST_GAINED_MB
    assert count / 20 > 0.5 * alone / 5
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "slow WebSocket readers",
        f"{SLOW_PAGES} pages and {SLOW_CLIENTS} OSCQuery clients that do not read for 20 s while the scene changes",
        outputs=outputs,
        gap=ms(0),
        recovered=f"a reading page gets {count / 20:.0f} frames a second, {alone / 5:.0f} without them; memory grew by "
        f"{gained_mb:.1f} MB",
        state=state,
    )


SHIFTED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* The time of day, so many seconds off as the file says whose path is in CLOCK_OFFSET; other clocks are as they are. */
static const volatile long *offset_s;
static int (*true_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    int file = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    offset_s = mmap(NULL, sizeof *offset_s, PROT_READ, MAP_SHARED, file, 0);
    true_gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = true_gettime ? true_gettime(clock, now) : -1;
    if (result == 0 && clock == CLOCK_REALTIME && offset_s != MAP_FAILED)
        now->tv_sec += *offset_s;
    return result;
}
"""
"""Preloaded library that only changes the time of day, unlike faketime, which also changes other clocks."""


def shift(offset: Path, seconds: int) -> None:
    """Set the time of day for processes that map the file."""
    with offset.open("r+b") as file:
        file.write(struct.pack("l", seconds))


@pytest.mark.long
def test_the_clock_jumps(rig: MakeRig, fault_table: FaultTable, tmp_path: Path, tool: Any) -> None:
    """Change the time of day for the daemon and its worker only: an hour ahead, a day back."""
    offset, library = tmp_path / "offset", tmp_path / "shifted.so"
    offset.write_bytes(struct.pack("l", 0))
    command = [tool("cc"), "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
    subprocess.run(command, input=SHIFTED, text=True, check=True)
    faked = ["env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}"]
    one = rig(30.0, through=faked)
    one.client.roll()
    one.wait_s(2.0)
    late_ms = []
    for jump_s in (3600, -86_400, 0):
        shift(offset, jump_s)
        one.wait_s(1.0)
        one.marked += 1
        due_s = time.time() + 0.5
        one.room.send_at(due_s + jump_s, "/object/drums/priority", one.marked)
        while one.room.ask("/object/drums/priority") != [one.marked]:
            assert time.time() < due_s + 5, one.room.log.read_text()
        late_ms.append(1e3 * (time.time() - due_s))
        assert late_ms[-1] > -50
    outputs, state = one.check_sound(), one.check_state()
    one.check_log()
    fault_table.add(
        SECTION,
        "clock jumps",
        "time of day set an hour ahead, a day back, then right; a time-tagged bundle at each step",
        outputs=outputs,
        gap=ms(0),
        recovered=f"bundles take effect at their time, at most {max(late_ms):.0f} ms late",
        state=state,
    )
