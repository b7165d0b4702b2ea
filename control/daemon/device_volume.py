"""Joins the volume of the desktop's sound device with the room's master."""

from __future__ import annotations

from contextlib import AsyncExitStack

from stemfield.control.config.configuration import Config
from stemfield.control.device.volume import DeviceVolume
from stemfield.control.hub.hub import Hub
from stemfield.control.hub.peers import Peer
from stemfield.control.parameters.commands import SetParameter


def follow_device(stack: AsyncExitStack, config: Config, hub: Hub) -> None:
    """Keep both equal until the stack closes, if the daemon is to be a client of PipeWire."""
    sinks = config.device.sinks(config.jack.client_name)
    if not sinks or config.role == "renderer" or config.driver == "clock" or not _joins_pipewire():
        return
    peer = Peer("device", 0, lambda *_: None, "device")

    def changed(gain_db: float, mute: bool) -> None:
        values = ("/master/gain", gain_db), ("/master/mute", mute)
        hub.perform([SetParameter(address, (value,), "device") for address, value in values], peer)

    volume = DeviceVolume(
        sinks,
        lambda: (hub.scene.master_gain_db, hub.scene.master_mute),
        changed,
    )
    hub.listen(lambda *_: volume.master_changed())
    volume.start()
    stack.push_async_callback(volume.close)


def _joins_pipewire() -> bool:
    try:
        from stemfield.renderer.drivers import libjack  # fails without a libjack
    except OSError:
        return False
    return libjack.IS_PIPEWIRE
