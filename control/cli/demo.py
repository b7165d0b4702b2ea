"""`stemfield demo`: plays the demo song on any machine, without a configuration."""

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
from stemfield.control.command_errors import FAILED, CommandError, termination_waits
from stemfield.control.config.audio import JackConfig, MonitorConfig
from stemfield.control.config.configuration import Config, parse_config
from stemfield.control.config.device import DeviceConfig
from stemfield.control.config.free_ports import Claims, NoFreePortError
from stemfield.control.config.network import DiscoveryConfig, HttpConfig, OscConfig, S3aConfig
from stemfield.control.daemon.standard_streams import optional_output
from stemfield.control.doctor.sound_card import EARS, SoundCard, sound_card, suggested_layouts, wiring
from stemfield.control.network.addresses import LocalNetwork, local_networks
from stemfield.control.offline.demo import demo_mixture_file
from stemfield.layouts.bass import suggested_hz
from stemfield.layouts.loader import load_layout

LOOPBACK: Final = "127.0.0.1"
WITHOUT_CARD: Final = "22.2"
"""Layout for headphones, if there is no card with loudspeakers."""
TOKEN_BYTES: Final = 9


def demo(options: argparse.Namespace) -> int:
    """Play the demo song until it is stopped."""
    network = _local_network(options.interface) if options.network or options.interface else None
    card = SoundCard() if options.driver == "clock" else sound_card()
    with tempfile.TemporaryDirectory(prefix="stemfield-demo-") as folder, closing(Claims()) as ports:
        try:
            config = _config(options, card, network, Path(folder), ports)
        except NoFreePortError as error:
            raise CommandError([f"{error} for the demo"], FAILED) from error
        load_layout(config.layout, config.layout_folders)
        with termination_waits():
            from stemfield.control.daemon.daemon import run

        try:
            return run(config, lambda: config, lambda: _announce(config, network, browser=options.open))
        except OSError as error:
            raise CommandError([error.strerror or str(error)], FAILED) from error


def _config(
    options: argparse.Namespace, card: SoundCard, network: LocalNetwork | None, folder: Path, ports: Claims
) -> Config:
    """A separate configuration; the user's configuration and saved scene are not touched."""
    fitting = suggested_layouts(card.names)
    layout = options.layout or (fitting[0].name if len(card.playback) > EARS else WITHOUT_CARD)
    bass_hz, jack = _connections(layout, card)
    addresses = (LOOPBACK,) if network is None else (LOOPBACK, network.address)
    changes: dict[str, Any] = {
        "layout": layout,
        "driver": options.driver or ("jack" if card.server else "clock"),
        "input": demo_mixture_file(folder),
        "monitor": MonitorConfig(binaural=True),
        "jack": jack,
        "device": DeviceConfig(title=None),
        "bass_crossover_hz": bass_hz,
        "osc": OscConfig(port=ports.take(4001, socket.SOCK_DGRAM, addresses)),
        "http": HttpConfig(port=ports.take(8010, socket.SOCK_STREAM, addresses)),
        "s3a": S3aConfig(enabled=False),
        "discovery": DiscoveryConfig(enabled=False),
        "state_folder": folder / "state",
    }
    if network is not None:
        block = {
            "interfaces": [network.interface],
            "allow": [network.network],
            "token": secrets.token_urlsafe(TOKEN_BYTES),
        }
        changes["network"] = parse_config({"network": block}, "--network").network
    return Config().model_copy(update=changes)


def _connections(name: str, card: SoundCard) -> tuple[float | None, JackConfig]:
    """Crossover and connections: the loudspeakers if the card has a port for each, otherwise headphones."""
    layout = load_layout(name, Config().layout_folders)
    found = wiring(layout, card)
    if found.missing or len(found.ports) <= EARS:
        return None, JackConfig(connect_monitor=card.ears)
    by_name = JackConfig(connect_speakers=dict(found.ports))
    return suggested_hz(layout), by_name if found.by_name else JackConfig(connect_outputs=card.playback)


def _local_network(interface: str | None) -> LocalNetwork:
    """The network to allow: that of the named interface, or of the default one."""
    found = local_networks()
    if interface is None and not found:
        raise CommandError(["--network: this machine has no network interface but loopback"])
    chosen = next((one for one in found if interface in (None, one.interface)), None)
    if chosen is None:
        known = f"expected {' or '.join(one.interface for one in found)}" if found else "there is none"
        raise CommandError([f"--interface {interface}: no such network interface: {known}"])
    return chosen


def _announce(config: Config, network: LocalNetwork | None, *, browser: bool) -> None:
    """Print the address of the page, also as a QR code."""
    host = LOOPBACK if network is None else network.address
    token = f"#token={quote(config.network.token)}" if config.network.token else ""
    url = f"http://{host}:{config.http.port}/{token}"
    with optional_output():
        print()
        show_qr(url)
        print(f"\nOpen {url} in a browser: drag the instruments while they play.")
        if config.driver == "clock":
            print("There is no sound server: press `Listen on headphones` on that page.")
        if network is None:
            print("That address works on this machine only; for phones and tablets: stemfield demo --network")
        print("Stop with Ctrl-C. Next: stemfield init; if there is no sound: stemfield doctor.", flush=True)
    if browser:
        # some browsers do not return
        threading.Thread(target=webbrowser.open, args=(url,), name="browser", daemon=True).start()
