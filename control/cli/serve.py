"""`stemfield serve`: runs the daemon."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from stemfield.control.cli.check import file_problems
from stemfield.control.command_errors import FAILED, CommandError, termination_waits
from stemfield.control.config.configuration import Config, load_config, parse_config
from stemfield.control.offline.inputs import HRTF_NEEDS_BINAURAL

DEMO = "demo"


def serve(options: argparse.Namespace) -> int:
    """Run the daemon until it is stopped."""
    config = _configured(options)
    with ExitStack() as stack:
        song: dict[str, Path] = {}
        if options.input == DEMO:
            from stemfield.control.offline.demo import demo_mixture_file

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="stemfield-"))
            song["input"] = demo_mixture_file(Path(folder))
        elif options.input:
            song["input"] = Path(options.input)

        def usable(given: Config) -> Config:
            found = given.model_copy(update=song)
            # the daemon also plays without a usable model, and logs why
            if problems := file_problems(found):
                raise CommandError(problems)
            return found

        with termination_waits():
            config = usable(config)
            from stemfield.control.daemon.daemon import run

        try:
            return run(config, lambda: usable(_configured(options)))
        except OSError as error:
            raise CommandError([error.strerror or str(error)], FAILED) from error


def _configured(options: argparse.Namespace) -> Config:
    """The configuration of the file with the options of `serve` applied, except the music."""
    config = load_config(Path(options.config) if options.config else None)
    changes = {key: getattr(options, key) for key in ("role", "layout", "driver", "model") if getattr(options, key)}
    if options.binaural:
        hrtf = config.monitor.hrtf if options.hrtf is None else str(Path(options.hrtf).absolute())
        changes["monitor"] = config.monitor.model_copy(update={"binaural": True, "hrtf": hrtf})
    elif options.hrtf is not None:
        raise CommandError([HRTF_NEEDS_BINAURAL])
    if options.mirror:
        changes["mirror"] = parse_config({"mirror": options.mirror}, "--mirror").mirror
    return config.model_copy(update=changes).with_objects(options.objects)
