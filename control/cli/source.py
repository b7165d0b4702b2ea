"""`stemfield source pcm`: plays what another program sends, as a JACK client."""

from __future__ import annotations

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from stemfield.control.cli.source_options import pcm_format
from stemfield.control.command_errors import FAILED, CommandError, termination_waits
from stemfield.control.config.configuration import load_config


def pcm(options: argparse.Namespace) -> int:
    """Play a sender's sound until the JACK server ends."""
    config = load_config(Path(options.config) if options.config else None)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    with termination_waits():
        from stemfield.control.sources import pcm as source

    form = pcm_format(options)
    try:
        sender = partial(source.open_sender, form, options.fifo, options.tcp, config.network)
        server = options.server or config.jack.server_name
        source.play(sender, form, options.name, server, 1e-3 * options.latency, options.connect)
    except OSError as error:
        raise CommandError([error.strerror or str(error)], FAILED) from error
    raise CommandError(["the JACK server is gone"], FAILED)
