"""A process whose interpreter is stuck still ends on SIGTERM."""

import signal
import socket
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, ctypes, signal, sys, threading
from stemfield.control.daemon.last_resort import end_in_time

async def main():
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, signal.alarm, 0)
    end_in_time([signal.SIGTERM, signal.SIGINT, signal.SIGHUP], 1)
    print("ready", flush=True)
    if "stuck" in sys.argv:
        threading.Thread(target=ctypes.PyDLL(None).sleep, args=(1000,), daemon=True).start()
    if "reads" in sys.argv:
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(1.2)
        print("read", flush=True)
    await stop.wait()
    print("asked", flush=True)
    if "lingers" in sys.argv:
        threading.Event().wait(1000)

asyncio.run(main())
"""


def ended(number, how):
    """The exit status and the words of a program that gets a signal."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, how], stdout=subprocess.PIPE, text=True) as process:
        words = process.stdout.readline()
        if how == "reads":
            words += process.stdout.readline()
        process.send_signal(number)
        words += process.communicate(timeout=30)[0]
        return process.returncode, words.split()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_kernel_ends_a_process_whose_interpreter_is_stuck(number):
    """A foreign call that never gives the interpreter lock back, as a thread that vanished with it."""
    assert ended(number, "stuck") == (-signal.SIGALRM, ["ready"])


def test_the_kernel_ends_a_process_that_got_the_signal_and_does_not_end():
    assert ended(signal.SIGTERM, "lingers") == (-signal.SIGALRM, ["ready", "asked"])


def test_one_that_ends_is_left_alone():
    assert ended(signal.SIGTERM, "") == (0, ["ready", "asked"])


def test_a_signal_that_does_not_mean_the_end_is_none():
    assert ended(signal.SIGTERM, "reads") == (0, ["ready", "read", "asked"])


DAEMON = """
import ctypes, sys, threading
from functools import partial
from pathlib import Path
from stemfield.control.daemon import daemon
from stemfield.control.config.configuration import parse_config

daemon.end_in_time = partial(daemon.end_in_time, timeout_s=1)
config = parse_config(
    {
        "layout": "stereo",
        "driver": "clock",
        "state_folder": sys.argv[1],
        "osc": {"port": int(sys.argv[2])},
        "separation": {"enabled": False},
        **{name: {"enabled": False} for name in ("http", "s3a", "discovery")},
    },
    "the test",
)

def hold():
    threading.Thread(target=ctypes.PyDLL(None).sleep, args=(1000,), daemon=True).start()

daemon.run(config, lambda: config, hold)
"""


def test_the_daemon_too(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", DAEMON, str(tmp_path / "state"), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        words = ""
        while "default scene" not in words:
            words += process.stdout.readline()
            assert process.poll() is None, words
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGALRM
