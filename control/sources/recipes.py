"""Programs that can play into the room: what they need, how they are started, and what they are told.

Words and files are templates: `$program` and `$fifo` are paths, `$name` is shown on the network, `$state` is a folder
for the program's own data. Values are quoted as the place where they stand requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from stemfield.control.sources.formats import PcmFormat


@dataclass(frozen=True, slots=True)
class Need:
    """Something that has to be on the machine.

    Attributes:
        file: name of a program, or pattern of a path.
        package: Debian package that brings it; empty if Debian has none.
        hint: then where to get it.
    """

    file: str
    package: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """How a program gets its sound to stemfield: into the device of the desktop, or into a FIFO.

    Attributes:
        words: command line after the program; none if it needs no unit.
        options: words that are added if an option has a value, by its name.
        files: configuration files, by their paths in the folder of the user's or the machine's configurations.
        needs: what this way needs besides.
        form: format in a FIFO; None for the device, which PipeWire connects to by itself.
    """

    words: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    needs: tuple[Need, ...] = ()
    form: PcmFormat | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A source.

    Attributes:
        name: its name in commands.
        title: what it is.
        program: what it is known by.
        needs: what it needs; the first one is the program.
        device: how it plays into the device of the desktop; None if it cannot.
        fifo: how it plays into a FIFO; None if it cannot.
        options: names of the options that it takes.
        no_name: pattern of text that the program would not show as given; empty for none.
        rivals: units of its package that would start it a second time.
        restarts: unit that has to read the files anew; empty if that is its own.
        notes: what remains to be done, one line each.
    """

    name: str
    title: str
    program: str
    needs: tuple[Need, ...] = ()
    device: Way | None = None
    fifo: Way | None = None
    options: tuple[str, ...] = ()
    no_name: str = ""
    rivals: tuple[str, ...] = ()
    restarts: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_raw(self) -> bool:
        """Whether it is no program, but a place that others send to."""
        return not self.needs


_FORMAT: Final = ("format", "rate", "channels")
PIPEWIRE_ALSA: Final = Need("/usr/lib/*/alsa-lib/libasound_module_pcm_pipewire.so", "pipewire-alsa")
_AVAHI: Final = Need("avahi-daemon", "avahi-daemon")
_GST_GOOD: Final = Need("/usr/lib/*/gstreamer-1.0/libgstflac.so", "gstreamer1.0-plugins-good")
_HOST: Final = MappingProxyType({"host": ("--host", "$host")})

_MPD: Final = """\
music_directory "$music"
playlist_directory "$state"
db_file "$state/database"
state_file "$state/state"
sticker_file "$state/stickers"
bind_to_address "localhost"
port "$port"
zeroconf_name "$name"
auto_update "yes"
# Settings of your own, such as bind_to_address "any"
include_optional "$own"

audio_output {
%s
}
"""
_SHAIRPORT: Final = """\
general = {
  name = "$name";
  output_backend = "%s";
};
metadata = { enabled = "no"; };
%s
"""
_WIREPLUMBER: Final = """\
monitor.bluez.rules = [
  {
    matches = [ { node.name = "~bluez_input.*" } ]
    actions = { update-props = { bluez5.media-source-role = "playback", target.object = "$node" } }
  }
]
"""
_WIREPLUMBER_04: Final = """\
table.insert(bluez_monitor.rules, {
  matches = { { { "node.name", "matches", "bluez_input.*" } } },
  apply_properties = { ["bluez5.media-source-role"] = "playback", ["target.object"] = "$node" },
})
"""


def _own(name: str) -> str:
    """Path of a configuration file that only this source reads."""
    return f"stemfield/sources/{name}.conf"


RECIPES: Final = (
    Recipe(
        "airplay",
        "AirPlay receiver, for iPhones and Macs",
        "shairport-sync",
        needs=(Need("shairport-sync", "shairport-sync"), _AVAHI),
        device=Way(
            ("-c", "$config"),
            files={_own("airplay"): _SHAIRPORT % ("alsa", 'alsa = { output_device = "pipewire"; };')},
            needs=(PIPEWIRE_ALSA,),
        ),
        fifo=Way(
            ("-c", "$config"),
            files={_own("airplay"): _SHAIRPORT % ("pipe", 'pipe = { name = "$fifo"; };')},
            form=PcmFormat("s16le", 44_100, 2),
        ),
        options=("name",),
        no_name="%[hHvV]",
        rivals=("shairport-sync.service",),
        notes=("a firewall must let TCP 5000 and UDP 5353, 6001 to 6011 through",),
    ),
    Recipe(
        "bluetooth",
        "Bluetooth loudspeaker, for any phone",
        "bluez",
        needs=(
            Need("bluetoothctl", "bluez"),
            Need("/usr/lib/*/spa-0.2/bluez5/libspa-bluez5.so", "libspa-0.2-bluetooth"),
            Need("wireplumber", "wireplumber"),
        ),
        device=Way(
            files={
                "wireplumber/wireplumber.conf.d/60-stemfield-bluetooth.conf": _WIREPLUMBER,
                "wireplumber/bluetooth.lua.d/60-stemfield-bluetooth.lua": _WIREPLUMBER_04,
            },
        ),
        restarts="wireplumber.service",
        notes=(
            "to pair a phone, open the Bluetooth settings of the desktop, or run bluetoothctl and enter: power on, "
            "pairable on, discoverable on; then find this machine on the phone, and enter: trust ADDRESS",
        ),
    ),
    Recipe("fifo", "raw PCM that another program writes into a FIFO", "stemfield", options=("fifo", *_FORMAT)),
    Recipe(
        "mpd",
        "Music Player Daemon, for files and web radio",
        "mpd",
        needs=(Need("mpd", "mpd"),),
        device=Way(
            ("--no-daemon", "--stderr", "$config"),
            files={_own("mpd"): _MPD % '  type "pipewire"\n  name "$name"\n  target "$node"'},
        ),
        fifo=Way(
            ("--no-daemon", "--stderr", "$config"),
            files={_own("mpd"): _MPD % '  type "fifo"\n  name "$name"\n  path "$fifo"\n  format "48000:32:2"'},
            form=PcmFormat("s32le", 48_000, 2),
        ),
        options=("name", "music", "port"),
        rivals=("mpd.service", "mpd.socket"),
        notes=("it is controlled from this machine only, unless its own file says otherwise",),
    ),
    Recipe(
        "sendspin",
        "player of Music Assistant (Sendspin)",
        "sendspin",
        needs=(Need("sendspin", hint="uv tool install sendspin, or pipx install sendspin"),),
        device=Way(
            (
                *("daemon", "--name", "$name", "--audio-device", "pipewire", "--hardware-volume", "false"),
                *("--disable-mpris", "--settings-dir", "$state"),
            ),
            options=MappingProxyType({"host": ("--url", "ws://$host:8927/sendspin")}),
            needs=(PIPEWIRE_ALSA,),
        ),
        options=("name", "host"),
    ),
    Recipe(
        "snapcast",
        "client of a Snapcast server",
        "snapclient",
        needs=(Need("snapclient", "snapclient"),),
        device=Way(("--hostID", "$name", "--player", "alsa", "--soundcard", "pipewire"), _HOST, needs=(PIPEWIRE_ALSA,)),
        fifo=Way(
            ("--hostID", "$name", "--player", "file:filename=$fifo", "--sampleformat", "48000:16:*"),
            _HOST,
            form=PcmFormat("s16le", 48_000, 2),
        ),
        options=("name", "host"),
        rivals=("snapclient.service",),
    ),
    Recipe(
        "spotify",
        "Spotify Connect receiver (needs Spotify Premium)",
        "librespot",
        needs=(Need("librespot", hint="cargo install librespot"),),
        fifo=Way(
            ("--name", "$name", "--backend", "pipe", "--device", "$fifo", "--format", "S16", "--bitrate", "320"),
            form=PcmFormat("s16le", 44_100, 2),
        ),
        options=("name",),
    ),
    Recipe("tcp", "raw PCM that another program sends by TCP", "stemfield", options=("port", *_FORMAT)),
    Recipe(
        "upnp",
        "UPnP renderer, for control points and music servers",
        "gmediarender",
        needs=(Need("gmediarender", "gmediarender"), _GST_GOOD),
        device=Way(
            (
                *("--friendly-name", "$name", "--uuid", "$uuid", "--mime-filter", "audio"),
                *("--gstout-audiosink", "alsasink", "--gstout-audiodevice", "pipewire"),
            ),
            needs=(PIPEWIRE_ALSA, Need("/usr/lib/*/gstreamer-1.0/libgstalsa.so", "gstreamer1.0-alsa")),
        ),
        fifo=Way(
            (
                *("--friendly-name", "$name", "--uuid", "$uuid", "--mime-filter", "audio", "--gstout-audiopipe"),
                "audioconvert ! audioresample ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! "
                'filesink sync=true location="$quoted_fifo"',
            ),
            form=PcmFormat("s16le", 48_000, 2),
        ),
        options=("name",),
    ),
)
"""Every source, by name."""
