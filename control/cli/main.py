"""The command line: runs a command and prints errors as single lines."""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial
from types import TracebackType

from stemfield.control.command_errors import ENDS, FAILED, termination_waits
from stemfield.control.daemon.log import error_prefix
from stemfield.control.daemon.standard_streams import fill_standard_streams
from stemfield.control.options.commands import make_parser
from stemfield.layouts.problems import UserError, shortened

INTERRUPTED = 130
REPEAT_S = 0.05
MAX_ERRORS = 100
"""Maximum number of error lines printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: words after the name of the program; None: those of the process.

    Returns:
        The exit status: 0 done, 1 failed while working, 2 bad usage or input, 130 interrupted.
    """
    fill_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may contain any bytes
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        importlib.import_module("stemfield.control.cli.completion").complete(parser)
    parser.check_words(words)
    options = parser.parse_args(words)
    sys.unraisablehook = partial(_repeat_interrupt, report=options.debug)
    if not options.debug:
        sys.excepthook = _print_fault
    module, function = options.run.split(".")
    # clean up as on an interrupt
    for number in ENDS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as with `nohup`
            signal.signal(number, lambda given, _: sys.exit(128 + given))
    try:
        with termination_waits():
            run = getattr(importlib.import_module(f"stemfield.control.cli.{module}"), function)
        status = int(run(options))
        sys.stdout.flush()
    except UserError as error:
        if options.debug:
            raise
        for line in shortened(error.lines, MAX_ERRORS):
            _print_error(line)
        return error.status
    except BrokenPipeError:
        # the reader closed the output; Python would report that again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        if options.debug or not _output_is_lost():
            raise
        _print_error(f"standard output: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        if options.debug:
            raise
        return INTERRUPTED
    return status


def _output_is_lost() -> bool:
    """Whether the standard output is broken: Python drops the text with the error, so an empty line is tried."""
    try:
        print(flush=True)
    except OSError:
        return True
    return False


def _repeat_interrupt(lost: sys.UnraisableHookArgs, *, report: bool) -> None:
    """Repeat an interrupt that was lost where nothing can be raised, as in a finaliser of a library."""
    if report:
        sys.__unraisablehook__(lost)
    match lost.exc_value:
        case KeyboardInterrupt():
            number = int(signal.SIGINT)
        case SystemExit(code=int(code)) if code > 128:
            number = code - 128
        case _:
            return
    # from another thread: an exception raised here is lost too
    again = threading.Timer(REPEAT_S, signal.pthread_kill, (threading.main_thread().ident, number))
    again.daemon = True
    again.start()


def _print_fault(kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
    _print_error(f"{kind.__name__}: {' '.join(str(error).split())} (run with --debug to see where)")


def _print_error(text: str) -> None:
    print(f"{error_prefix(sys.stderr)}stemfield: error: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
