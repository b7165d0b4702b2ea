"""`stemfield doctor`: finds out why there is no sound."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from stemfield.control.cli.printing import print_json
from stemfield.control.cli.qr import show_qr
from stemfield.control.command_errors import BAD_INPUT, FAILED, CommandError, write_errors
from stemfield.control.doctor.diagnosis import CHECKS, diagnose
from stemfield.control.doctor.evidence import Evidence, collect
from stemfield.control.doctor.finding import PAGE, Finding
from stemfield.control.doctor.report import is_report, report
from stemfield.control.offline.inputs import check_target

INCOMPLETE = BAD_INPUT


def doctor(options: argparse.Namespace) -> int:
    """Examine the machine and print one line for each problem.

    Returns:
        0 no problem, 1 problems found, 2 no problem found but not everything could be examined.
    """
    target = _target(options.report) if options.report is not None else None
    with Console(stderr=True).status(f"examining this machine; watching the sound for {options.watch:g} s"):
        evidence = collect(Path(options.config) if options.config else None, options.watch)
    findings = diagnose(evidence)
    if target is not None:
        _write(target, report(evidence, findings))
    if options.json:
        _print_json(evidence, findings)
    elif target != Path("-"):
        _print(evidence, findings)
    if target is not None and target != Path("-") and not options.json:
        print(f"report written to {target}: read it before you pass it on")
    for problem in evidence.unseen:
        print(f"stemfield: could not examine: {problem}", file=sys.stderr)
    if findings:
        return FAILED
    return INCOMPLETE if evidence.unseen else 0


def _print_json(evidence: Evidence, findings: tuple[Finding, ...]) -> None:
    print_json(
        {
            "findings": [{**asdict(finding), "page": finding.page} for finding in findings],
            "unseen": list(evidence.unseen),
            "receivers": [asdict(receiver) for receiver in evidence.receivers],
            "urls": [page.shown for page in evidence.daemon.pages if not page.problem],
        }
    )


def _print(evidence: Evidence, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        print(finding)
    if findings:
        print(f"each is explained in {PAGE}, under its name")
    elif not evidence.unseen:
        print(f"no problem found in {len(CHECKS)} checks")
    working = [page for page in evidence.daemon.pages if not page.problem]
    if working:
        print(f"the page is at {', '.join(page.shown for page in working)}")
    outside = next((page for page in working if not page.is_local), None)
    if outside is not None and sys.stdout.isatty():
        show_qr(outside.url)


def _target(given: str) -> Path:
    """The file of the report.

    Raises:
        CommandError: the file exists and is not a report.
    """
    path = Path(given or time.strftime("stemfield-report-%Y%m%d-%H%M%S.txt"))
    if path == Path("-"):
        return path
    check_target(path)
    if path.exists() and not is_report(path):
        raise CommandError([f"{path}: exists and is not a report: choose another name"])
    return path


def _write(target: Path, text: str) -> None:
    if target == Path("-"):
        print(text, end="")
        return
    with write_errors(target, BAD_INPUT):
        target.write_text(text, encoding="utf-8")
