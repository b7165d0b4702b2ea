"""A daemon of its own for finding loudspeakers: it plays no music, and nothing but bursts of noise that end.

`python -m stemfield.control.doctor.speaker_bench PARENT LAYOUT SERVER OSC_PORT FOLDER [LAYOUT_FOLDER...]`:
no separation, no page, no connections. It ends with PARENT, the process that has started it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

from stemfield.control.config.configuration import Config, DiscoveryConfig, JackConfig, SeparationConfig
from stemfield.control.config.network import HttpConfig, OscConfig, S3aConfig
from stemfield.control.daemon.daemon import run

CLIENT: Final = "stemfield-test"
READY: Final = "the bench is ready"
_PR_SET_PDEATHSIG: Final = 1


def main() -> int:
    """Run until told to stop."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    parent, layout, server, port, folder, *layout_folders = sys.argv[1:]
    if os.getppid() != int(parent):  # it ended before it could be asked for a last word
        sys.exit("whoever started this is gone")
    config = Config().model_copy(
        update={
            "layout": layout,
            "layout_folders": tuple(map(Path, layout_folders)),
            "driver": "jack",
            "jack": JackConfig(client_name=CLIENT, server_name=server or None),
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
