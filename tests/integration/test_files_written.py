"""The daemon's effects on the file system during a whole session, as recorded by strace."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from daemon_process import bundle_at, free_port
from pythonosc.osc_message_builder import build_msg

MARK = "zz-escaped"
"""Part of every invalid name sent over the network: it must not appear in any system call."""
NAMES = (
    f"../../{MARK}",
    f"/tmp/{MARK}",
    f"..\\{MARK}",
    f"{MARK}/../..",
    f"%2e%2e/{MARK}",
    f"{MARK}\n",
    f"file://{MARK}",
)

_CALL = re.compile(r"^(?:\d+ +)?(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?)(?:<(?P<path>[^>]*)>)?")
_RESUMED = re.compile(r"^ *<\.\.\. \w+ resumed>(.*)")
_WRITES = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)")
_CHANGES = re.compile(r"^(creat|mk|rename|unlink|rmdir|link|symlink|truncate|f?chmod|[fl]?chown|ut|bind|set)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FOLDER = re.compile(r"(?:AT_FDCWD|\d+)<([^>]*)>")


def whole_calls(trace: str) -> Iterator[str]:
    """Lines of a trace, with interrupted calls joined again."""
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix("<unfinished ...>")
        elif resumed := _RESUMED.match(rest):
            yield begun.pop(pid, f"{pid} ") + resumed[1]
        else:
            yield line
    yield from begun.values()  # those in which the process ended


def changed_paths(trace: str) -> Iterator[tuple[str, str]]:
    """Every call that changes the file system or opens a file for writing, with each path that it names."""
    for line in whole_calls(trace):
        call = _CALL.match(line)
        if call is None:
            continue
        name, arguments = call["name"], call["arguments"]
        opens = name.startswith("open") and _WRITES.search(arguments)
        if not opens and not _CHANGES.match(name):
            continue
        if name == "bind" and 'sun_path="' not in arguments:
            continue  # a port, or an abstract name, is no file
        if opens and call["path"]:
            yield line, call["path"]
            continue
        folders = _FOLDER.findall(arguments) or ["/"]
        for text in _STRING.findall(arguments):
            yield line, os.path.normpath(os.path.join(folders[0], text))  # noqa: PTH118 (nothing is resolved here)


def test_the_judge_sees_what_programs_do() -> None:
    """Lines in the format of strace."""
    trace = r"""
12 openat(AT_FDCWD</home/x>, "a.txt", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3</home/x/a.txt>
12 openat(AT_FDCWD</home/x>, "b.txt", O_RDONLY|O_CLOEXEC) = 3</home/x/b.txt>
12 openat(AT_FDCWD</home/x>, "/etc/shadow", O_RDWR) = -1 EACCES (Permission denied)
12 rename("/home/x/a", "/etc/b") = 0
12 mkdirat(AT_FDCWD</home/x>, "../y", 0777) = 0
12 bind(5<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path=@"/tmp/abstract"}, 20) = 0
12 bind(5<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path="/tmp/socket"}, 20) = 0
12 unlink("/home/x/\"c") = -1 ENOENT (No such file or directory)
12 rename("/home/x/d", "/home/x/e" <unfinished ...>
13 openat(AT_FDCWD</home/x>, "b.txt", O_RDONLY|O_CLOEXEC <unfinished ...>
12 <... rename resumed>)            = 0
13 <... openat resumed>) = 3</home/x/b.txt>
"""
    found = [path for _, path in changed_paths(trace)]
    assert found == [
        "/home/x/a.txt",
        "/etc/shadow",
        "/home/x/a",
        "/etc/b",
        "/home/y",
        "/tmp/socket",
        '/home/x/\\"c',
        "/home/x/d",
        "/home/x/e",
    ]


def test_nothing_is_written_outside_the_daemons_own_folders(
    daemon: Any, jackd: Any, tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    server = jackd(period_frames=256)
    home, runtime, cache = tmp_path / "home", tmp_path / "run", tmp_path / "cache"
    for folder in (home, runtime, cache):
        folder.mkdir()
    numba = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stemfield" / "numba"
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")  # the daemon does without it by itself
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(numba))  # compiled already
    ports = {name: free_port() for name in ("http", "s3a", "listener", "spatgris")}
    one = daemon(
        driver="jack",
        layout="7.1.4",
        jack={"server_name": server.name, "client_name": "traced"},
        inputs=[{"name": "guitar"}],
        http={"port": ports["http"]},
        s3a={"port": ports["s3a"], "listener_port": ports["listener"]},
        spatgris={"enabled": True, "port": ports["spatgris"]},
        discovery={"enabled": True, "name": f"Room {ports['http']}"},
    )
    trace = tmp_path / "trace.txt"
    # The daemon keeps our process id: who follows it is its grandchild.
    follow = [tool("strace"), "-D", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096"]
    one.start(through=[*follow, "-e", "trace=%file,bind,connect", "-o", str(trace)])
    one.wait_for_worker()
    session(one, ports)
    until(lambda: "Take 1" in one.ask("/recorder/list"), 5, "the recording is there")
    one.send("/recorder/delete", "Take 1")
    time.sleep(1.0)
    assert one.stop() == 0
    until(lambda: "exited with 0" in trace.read_text() or not one.process, 10, "the trace has ended")
    time.sleep(0.2)

    text = trace.read_text(errors="replace")
    own = (*map(str, (one.folder / "state", numba, cache, runtime)), "/dev/shm/", "/proc/", "/dev/null", "/memfd:")
    changed = list(changed_paths(text))
    outside = [line for line, path in changed if not path.startswith(own)]
    assert not outside
    kept = {Path(path).name for _, path in changed if path.startswith(str(one.folder / "state"))}
    assert {"scene.json", "scene.journal", "Verse+1.json", "Take+1.jsonl"} <= kept, "the trace has the session"
    assert server.trace in text
    assert MARK not in text
    assert not list(home.rglob("*"))
    reached = set(re.findall(r"^.*\bconnect\(.*?inet_addr\(\"([^\"]+)\"\)", text, re.MULTILINE))
    assert reached <= {"127.0.0.1"}, "nobody else is spoken to"
    assert ".onnxruntime" not in text


def session(one: Any, ports: dict[str, int]) -> None:
    """Control, save, load, record, play; and invalid names on every port."""
    for address, *values in (
        ("/object/vocals/aed", 90.0, 0.0, 1.0),
        ("/recorder/record", "Take 1"),
        ("/scene/save", "Verse 1"),
        ("/object/bass/level", 0.5),
        ("/recorder/stop", 1),
        ("/scene/load", "Verse 1", 0.1),
        ("/speaker/M+030/identify",),
        ("/separation/model", "light"),
    ):
        one.send(address, *values)
        time.sleep(0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:

        def to(port: int, packet: bytes) -> None:
            sender.sendto(packet, ("127.0.0.1", port))

        for name in NAMES:
            for address in (
                *("/scene/save", "/scene/load", "/scene/delete", "/separation/model"),
                *("/recorder/record", "/recorder/play", "/recorder/delete"),
                *("/object/vocals/name", "/object/bass/exclude", "/object/bass/outputs", "/adm/env/change"),
                *("/adm/obj/3/name", "/subscribe", f"/object/{name}/level", f"/{name}"),
            ):
                to(one.port, build_msg(address, [name]).dgram)
            to(one.port, bundle_at(time.time() + 0.3, "/scene/load", name))
            for port in (ports["spatgris"], one.port):
                to(port, build_msg("/spat/serv", [name, 1]).dgram)
            scene = {"objects": [{"id": name}, {"id": 5, "type": name, "outputChannels": name, name: name}], name: name}
            to(ports["s3a"], json.dumps(scene).encode())
            to(ports["listener"], json.dumps({"x": name, "orientation": {name: name}}).encode())
            for path in (f"/{name}", f"/panner/{name}", f"/panner/assets/{name}", f"/object/{name}?{name}"):
                request(ports["http"], path)
    asyncio.run(sockets(ports["http"]))
    assert one.ask("/object/bass/level") == [1.0]  # as the scene has it
    one.send("/recorder/play", "Take 1")
    time.sleep(0.6)


async def sockets(port: int) -> None:
    """The same by the page's WebSocket and by that of OSCQuery."""
    root = f"http://127.0.0.1:{port}"
    addresses = ("/scene/save", "/scene/load", "/recorder/record", "/recorder/delete", "/adm/obj/1/name")
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(f"{root}/panner/socket") as page:
            for number, name in enumerate(NAMES):
                await page.send_json({"send": [[address, name] for address in addresses], "number": number})
            done = f'"done":{len(NAMES) - 1}'
            while done not in str((await page.receive(5)).data):
                pass
        async with session.ws_connect(f"{root}/") as client:
            for name in NAMES:
                await client.send_json({"COMMAND": "LISTEN", "DATA": f"/{name}"})
                await client.send_bytes(build_msg("/scene/save", [name]).dgram)
            await client.receive(5)


def request(port: int, path: str) -> None:
    target = path.replace("\n", "%0a").replace(" ", "%20")
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(f"GET {target} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert client.recv(32).startswith(b"HTTP/1.")
