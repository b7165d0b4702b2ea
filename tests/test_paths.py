"""The way of an OSC message into the gains, as docs/architecture.md describes it (path b), followed by a trace."""

import asyncio
import re
import socket
import sys
from pathlib import Path

from stemfield.control.audio.model_worker import ModelWorker
from stemfield.control.audio.service import AudioService
from stemfield.control.config.configuration import Config
from stemfield.control.hub.build import build_hub
from stemfield.control.network.admission import Admission
from stemfield.control.network.scheduler import FairScheduler
from stemfield.control.network.udp import UdpServer
from stemfield.control.parameters.context import Context
from stemfield.control.status import idle_status
from stemfield.layouts.loader import load_layout
from stemfield.renderer.scene.scene import default_scene

ROOT = Path(__file__).parents[1]
PACKAGES = ("control/", "renderer/", "layouts/", "separation/")
STATIONS = {
    "dialects/osc.py": "parse",
    "dialects/native.py": "commands",
    "parameters/object_rows.py": "_with_aed",
    "audio/executor.py": "offer",
    "panning/panner.py": "gains",
    "engine/publisher.py": "publish",
}
"""Where bytes become messages, commands, an object, a scene on another thread, gains and a plan. What was called to get
there is the way; checks that only return an answer, and small helpers, are beside it."""
MAX_FILES = 18
MESSAGE = b"/object/vocals/aed\0\0,fff\0\0\0\0\xc2\xb4\0\0\0\0\0\0\x40\0\0\0"


def file_of(frame):
    name = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
    return name if name.startswith(PACKAGES) else ""


class Trace:
    def __init__(self):
        self.files = set()
        self.stations = set()

    def __call__(self, frame, event, _argument):
        name = file_of(frame) if event == "call" else ""
        station = "/".join(name.split("/")[1:])
        if STATIONS.get(station) != frame.f_code.co_name:
            return
        self.stations.add(station)
        while frame is not None:
            self.files.add(file_of(frame))
            frame = frame.f_back
        self.files.discard("")


def described():
    """Files that path b of the document names, without the checks in brackets."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    part = text[text.index("**b. ") : text.index("**c. ")]
    return set(re.findall(r"(\w+\.py)", re.sub(r"\([^)]*\)", "", part)))


def test_a_message_passes_the_files_that_the_document_names(tmp_path):
    layout, scene = load_layout("5.1"), default_scene()
    config = Config(driver="clock", state_folder=tmp_path)
    audio = AudioService(config, layout, ModelWorker(config, None), None, lambda _: None)
    trace = Trace()

    async def send():
        hub = build_hub(scene, Context(layout.labels, scene, status=idle_status()))
        audio.apply(scene)
        await audio.start()
        hub.follow(audio.follow)
        server = UdpServer("127.0.0.1", 0, Admission((), 100.0), hub.work, FairScheduler())
        await server.start()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(MESSAGE, ("127.0.0.1", server.port))
            while hub.scene is scene:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0)
        server.close()

    def traced(call):
        def run(*args):
            sys.setprofile(trace)
            try:
                return call(*args)
            finally:
                sys.setprofile(None)

        return run

    handle = audio._gains._handle
    audio._gains._handle = traced(handle)  # runs on a thread of its own
    traced(asyncio.run)(send())
    audio._gains.settle(10)
    audio.close()
    assert trace.stations == set(STATIONS)
    assert {Path(name).name for name in trace.files} == described()
    assert len(trace.files) <= MAX_FILES
