"""The daemon of the speaker test, which plays nothing but bursts of noise.

`python -m stemfield.control.doctor.speaker_test_daemon PARENT LAYOUT SERVER OSC_PORT FOLDER [LAYOUT_FOLDER...]`:
no separation, no page, no connections. It ends with the process PARENT.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from stemfield.control.config.audio import JackConfig, SeparationConfig
from stemfield.control.config.configuration import Config
from stemfield.control.config.device import DeviceConfig
from stemfield.control.config.network import DiscoveryConfig, HttpConfig, OscConfig, S3aConfig
from stemfield.control.daemon.daemon import run

CLIENT: Final = "stemfield-test"
READY: Final = "ready"
_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Run until a signal arrives."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    parent, layout, server, port, folder, *layout_folders = sys.argv[1:]
    if os.getppid() != int(parent):  # it ended before prctl took effect
        sys.exit("the parent process has ended")
    config = Config().model_copy(
        update={
            "layout": layout,
            "layout_folders": tuple(map(Path, layout_folders)),
            "driver": "jack",
            "jack": JackConfig(client_name=CLIENT, server_name=server or None),
            "device": DeviceConfig(title=None),
            "separation": SeparationConfig(enabled=False),
            "osc": OscConfig(port=int(port)),
            "http": HttpConfig(enabled=False),
            "s3a": S3aConfig(enabled=False),
            "discovery": DiscoveryConfig(enabled=False),
            "state_folder": Path(folder),
            "log_level": "error",
        }
    )
    return run(config, lambda: config, lambda: print(READY, flush=True))


if __name__ == "__main__":
    sys.exit(main())
