"""The command for the first minute: the demo song, with whatever there is to play it, and nothing to configure."""

from __future__ import annotations

import argparse
import secrets
import socket
import tempfile
import threading
import webbrowser
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from stemfield.control.cli.qr import show_qr
from stemfield.control.config.configuration import Config, DiscoveryConfig, JackConfig, MonitorConfig, parse_config
from stemfield.control.config.free_ports import Claims, NoFreePortError
from stemfield.control.config.network import HttpConfig, OscConfig, S3aConfig
from stemfield.control.daemon.standard_streams import optional_output
from stemfield.control.doctor.sound_card import EARS, SoundCard, sound_card, suggested_layouts, wiring
from stemfield.control.network.addresses import LocalNetwork, local_networks
from stemfield.control.offline.demo import demo_mixture_file
from stemfield.control.problems import FAILED, CommandError, termination_waits
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.bass import suggested_hz

LOOPBACK: Final = "127.0.0.1"
WITHOUT_CARD: Final = "22.2"
"""The room for headphones."""
TOKEN_BYTES: Final = 9


def demo(options: argparse.Namespace) -> int:
    """Play the demo song until it is told to stop."""
    neighbours = _local_network(options.interface) if options.network or options.interface else None
    card = SoundCard() if options.driver == "clock" else sound_card()
    with tempfile.TemporaryDirectory(prefix="stemfield-demo-") as folder, closing(Claims()) as ports:
        try:
            config = _config(options, card, neighbours, Path(folder), ports)
        except NoFreePortError as error:
            raise CommandError([f"{error} for the demo"], FAILED) from error
        load_layout(config.layout, config.layout_folders)
        with termination_waits():
            from stemfield.control.daemon.daemon import run

        try:
            return run(config, lambda: config, lambda: _tell(config, neighbours, browser=options.open))
        except OSError as error:
            raise CommandError([error.strerror or str(error)], FAILED) from error


def _config(
    options: argparse.Namespace, card: SoundCard, neighbours: LocalNetwork | None, folder: Path, ports: Claims
) -> Config:
    """A configuration of its own, which touches neither the user's nor the scene that is kept for it."""
    fitting = suggested_layouts(len(card.playback), channels=card.names)
    layout = options.layout or (fitting[0].name if len(card.playback) > EARS else WITHOUT_CARD)
    bass_hz, jack = _connections(layout, card)
    addresses = (LOOPBACK,) if neighbours is None else (LOOPBACK, neighbours.address)
    changes: dict[str, Any] = {
        "layout": layout,
        "driver": options.driver or ("jack" if card.server else "clock"),
        "input": demo_mixture_file(folder),
        "monitor": MonitorConfig(binaural=True),
        "jack": jack,
        "bass_crossover_hz": bass_hz,
        "osc": OscConfig(port=ports.take(4001, socket.SOCK_DGRAM, addresses)),
        "http": HttpConfig(port=ports.take(8010, socket.SOCK_STREAM, addresses)),
        "s3a": S3aConfig(enabled=False),
        "discovery": DiscoveryConfig(enabled=False),
        "state_folder": folder / "state",
    }
    if neighbours is not None:
        network = {
            "interfaces": [neighbours.interface],
            "allow": [neighbours.network],
            "token": secrets.token_urlsafe(TOKEN_BYTES),
        }
        changes["network"] = parse_config({"network": network}, "--network").network
    return Config().model_copy(update=changes)


def _connections(name: str, card: SoundCard) -> tuple[float | None, JackConfig]:
    """The room to its loudspeakers where the card has a port for each, otherwise to the ears; and its crossover."""
    layout = load_layout(name, Config().layout_folders)
    found = wiring(layout, card)
    if found.missing or len(found.ports) <= EARS:
        return None, JackConfig(connect_monitor=card.ears)
    by_name = JackConfig(connect_speakers=dict(found.ports))
    return suggested_hz(layout), by_name if found.by_name else JackConfig(connect_outputs=card.playback)


def _local_network(interface: str | None) -> LocalNetwork:
    """The network to open to: behind the interface that is named, or the one through which others are reached."""
    found = local_networks()
    if interface is None and not found:
        raise CommandError(["--network: this machine has no network interface beside its own"])
    chosen = next((one for one in found if interface in (None, one.interface)), None)
    if chosen is None:
        known = ", ".join(one.interface for one in found) or "none"
        raise CommandError([f"--interface {interface}: no such network interface; there are: {known}"])
    return chosen


def _tell(config: Config, neighbours: LocalNetwork | None, *, browser: bool) -> None:
    """Where the page is, for eyes and for cameras."""
    host = LOOPBACK if neighbours is None else neighbours.address
    token = f"#token={quote(config.network.token)}" if config.network.token else ""
    url = f"http://{host}:{config.http.port}/{token}"
    with optional_output():
        _print(config, neighbours, url)
    if browser:
        # some browsers keep their caller waiting
        threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()


def _print(config: Config, neighbours: LocalNetwork | None, url: str) -> None:
    print()
    show_qr(url)
    print(f"\nOpen {url} in a browser: drag the instruments while they play.")
    if config.driver == "clock":
        print("No sound server plays this: press `Listen on headphones` on that page.")
    if neighbours is None:
        print("That address is for this machine only; stemfield demo --network lets telephones and tablets in, too.")
    print("Ctrl-C ends it. What next: stemfield init; where nothing sounds: stemfield doctor.", flush=True)
