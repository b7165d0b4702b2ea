"""Checks of the daemon: its configuration, its last run, its ports, its page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from stemfield.control.daemon.last_run import UNLIMITED
from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.control.doctor.probe_daemon import DaemonState
from stemfield.control.doctor.processes import Process

RECENT_S: Final = 60.0
"""Maximum age of a refused message that is reported."""


def check_config(evidence: Evidence) -> Iterator[Finding]:
    """The configuration is invalid."""
    if evidence.config_problems:
        file, _, problem = evidence.config_problems[0].partition(": ")
        more = len(evidence.config_problems) - 1
        rest = f", and {more} more" if more else ""
        yield Finding("config-unusable", f"{file}: {problem}{rest}", f"stemfield check {file}")


def check_last_run(evidence: Evidence) -> Iterator[Finding]:
    """The service failed, or the daemon ended without an error message."""
    for unit in evidence.units:
        if unit.result:
            manager = "--user " if unit.kind == "user" else ""
            yield Finding(
                "process-vanished",
                f"the service of {unit.path} failed: systemd reports {unit.result}",
                f"journalctl {manager}--unit stemfield --lines 30",
            )
    gone = [run for run in evidence.runs if not run.ended and not run.is_alive]
    if not gone:
        return
    last = gone[0]
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(last.began_s))
    often = f", {len(gone)} runs in a row" if len(gone) > 1 else ""
    cause = f"the daemon started at {began} (process {last.pid}) ended without a message{often}"
    if last.over_budget or last.rttime_us != UNLIMITED:
        warned = ", and had sent a warning" if last.over_budget else ""
        cause += (
            f": the kernel kills processes that use {last.rttime_us / 1000:g} ms of real time without a pause "
            f"(RLIMIT_RTTIME){warned}"
        )
        yield Finding("process-vanished", cause, "prlimit --rttime=unlimited stemfield serve")
        return
    yield Finding(
        "process-vanished",
        f"{cause}: it was killed (SIGKILL, often out of memory), or the machine lost power",
        f"journalctl --since '{began}' --grep 'Killed process|oom|stemfield'",
    )


def check_address(evidence: Evidence) -> Iterator[Finding]:
    """The configured address is not one of this machine."""
    if evidence.daemon.address_problem and not evidence.daemon.runs:
        yield Finding(
            "address-missing",
            f"the daemon cannot listen on its configured address: {evidence.daemon.address_problem}",
            "stemfield init --network",
        )


def check_osc_port(evidence: Evidence) -> Iterator[Finding]:
    """Another program uses the OSC port."""
    owner, port = evidence.daemon.osc_owner, evidence.config.osc.port
    if owner is not None and not evidence.daemon.runs:
        yield Finding(
            "osc-port-taken",
            f"UDP port {port} (osc.port) is used by {owner}: it receives the OSC, and no daemon can start",
            f"kill {owner.pid}" if owner.pid else f"sudo fuser -k {port}/udp",
        )


def check_osc(evidence: Evidence) -> Iterator[Finding]:
    """The daemon does not reply, or refuses messages."""
    daemon = evidence.daemon
    if daemon.runs and not daemon.answers:
        yield Finding(
            "osc-ignored",
            f"the daemon ({daemon.osc_owner}) has UDP port {evidence.config.osc.port} but does not reply to a ping",
            f"kill -KILL {daemon.pid}; stemfield serve",
        )
        return
    where, reason, at = (*daemon.values.get("/status/refused", ()), "", "", 0)[:3]
    age_s = daemon.number("/heartbeat") - (float(at) if isinstance(at, int | float) else 0.0)
    if where and age_s <= RECENT_S:
        yield Finding(
            "osc-ignored",
            f"a message to {where} was refused {age_s:.0f} s ago: {reason}",
            "stemfield send '/object/*/aed'  # lists the objects",
        )
    refused_doctor = any("not allowed" in page.problem for page in daemon.pages)  # counted as well
    if (not_allowed := daemon.number("/status/not_allowed")) and not refused_doctor:
        yield Finding(
            "osc-ignored",
            f"{not_allowed:.0f} messages came from networks that are not allowed (network.allow)",
            "stemfield init --network",
        )
    if limited := daemon.number("/status/limited"):
        yield Finding(
            "osc-ignored",
            f"{limited:.0f} messages were above network.max_messages_per_s and were dropped",
            "stemfield send '/status/*'",
        )


def _is_foreign(owner: Process, daemon: DaemonState) -> bool:
    """Whether the owner of the page's port is another program than the daemon, as far as processes are visible."""
    if daemon.answers and not (owner.pid and daemon.pid):
        return False
    return owner.pid != daemon.pid if daemon.pid else not owner.is_stemfield


def check_page(evidence: Evidence) -> Iterator[Finding]:
    """The page cannot be opened."""
    daemon, port = evidence.daemon, evidence.config.http.port
    owner = daemon.page_owner
    if owner is not None and _is_foreign(owner, daemon):
        yield Finding(
            "page-unreachable",
            f"TCP port {port} (http.port) is used by {owner}: the page cannot be served",
            f"kill {owner.pid}" if owner.pid else f"sudo fuser -k {port}/tcp",
        )
        return
    broken = [page for page in daemon.pages if page.problem]
    if not broken:
        return
    working = [page.shown for page in daemon.pages if not page.problem]
    elsewhere = f"; it is at {', '.join(working)}" if working else ""
    yield Finding(
        "page-unreachable",
        f"a browser cannot open {broken[0].shown}: {broken[0].problem}{elsewhere}",
        "stemfield init --network" if "not allowed" in broken[0].problem else f"kill {daemon.pid}; stemfield serve",
    )
