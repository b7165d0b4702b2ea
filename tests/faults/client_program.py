"""JACK clients in their own process, for servers with another libjack: `pw-jack python client_program.py FOLDER`.

They play FOLDER/tape.npy from the first block, and write FOLDER/record.npy on SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    from jack_client import JackClient
    from rig import ClientPair

    folder = Path(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    client = ClientPair(JackClient, None, np.load(folder / "tape.npy"), rolling=True)
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM})
    np.save(folder / "record.npy", client.record[:, : client.at])
    client.close()


if __name__ == "__main__":
    main()
