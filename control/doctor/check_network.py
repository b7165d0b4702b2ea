"""Judgements about the daemon itself: its configuration, its end, its ports, its page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from stemfield.control.daemon.last_run import UNLIMITED
from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding
from stemfield.control.doctor.probe_daemon import DaemonLook
from stemfield.control.doctor.processes import Process

RECENT_S: Final = 60.0
"""A message that was refused longer ago is no news."""


def config(seen: Evidence) -> Iterator[Finding]:
    """The configuration cannot be used."""
    if seen.config_problems:
        file, _, problem = seen.config_problems[0].partition(": ")
        more = len(seen.config_problems) - 1
        rest = f", and {more} more" if more else ""
        yield Finding("config-unusable", f"{file}: {problem}{rest}", f"stemfield check {file}")


def vanished(seen: Evidence) -> Iterator[Finding]:
    """The daemon ended without a word, or was replaced after it had."""
    for unit in seen.units:
        if unit.result:
            manager = "--user " if unit.kind == "user" else ""
            yield Finding(
                "process-vanished",
                f"the service of {unit.path} failed: systemd says {unit.result}",
                f"journalctl {manager}--unit stemfield --lines 30",
            )
    gone = [run for run in seen.runs if not run.ended and not run.is_alive]
    if not gone:
        return
    last = gone[0]
    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(last.began_s))
    often = f", {len(gone)} runs in a row" if len(gone) > 1 else ""
    cause = f"the daemon of {began} (process {last.pid}) ended without a word{often}"
    if last.over_budget or last.rttime_us != UNLIMITED:
        warned = ", and it was warned" if last.over_budget else ""
        cause += f": the kernel kills what computes {last.rttime_us / 1000:g} ms in real time (RLIMIT_RTTIME){warned}"
        yield Finding("process-vanished", cause, "prlimit --rttime=unlimited stemfield serve")
        return
    yield Finding(
        "process-vanished",
        f"{cause}: it was killed (SIGKILL, often for lack of memory) or the machine went off",
        f"journalctl --since '{began}' --grep 'Killed process|oom|stemfield'",
    )


def address(seen: Evidence) -> Iterator[Finding]:
    """It is to listen where this machine is not."""
    if seen.daemon.address_problem and not seen.daemon.runs:
        yield Finding(
            "address-missing",
            f"the daemon cannot listen where it should: {seen.daemon.address_problem}",
            "stemfield init --network",
        )


def port_taken(seen: Evidence) -> Iterator[Finding]:
    """Another program has the OSC port."""
    owner = seen.daemon.osc_owner
    if owner is not None and not seen.daemon.runs:
        yield Finding(
            "osc-port-taken",
            f"UDP port {seen.config.osc.port} (osc.port) belongs to {owner}: OSC goes there, and no daemon can start",
            f"kill {owner.pid}" if owner.pid else f"sudo fuser -k {seen.config.osc.port}/udp",
        )


def osc(seen: Evidence) -> Iterator[Finding]:
    """Messages do not get through, or nothing comes of them."""
    daemon = seen.daemon
    if daemon.runs and not daemon.answers:
        yield Finding(
            "osc-ignored",
            f"the daemon ({daemon.osc_owner}) has UDP port {seen.config.osc.port} and does not answer a ping",
            f"kill -KILL {daemon.pid}; stemfield serve",
        )
        return
    where, reason, at = (*daemon.values.get("/status/refused", ()), "", "", 0)[:3]
    age_s = daemon.number("/heartbeat") - (float(at) if isinstance(at, int | float) else 0.0)
    if where and age_s <= RECENT_S:
        yield Finding(
            "osc-ignored",
            f"a message to {where} was refused {age_s:.0f} s ago: {reason}",
            "stemfield send '/object/*/aed'  # what there is",
        )
    refused_us = any("not allowed" in page.problem for page in daemon.pages)  # which was counted, too
    if (strangers := daemon.number("/status/not_allowed")) and not refused_us:
        yield Finding(
            "osc-ignored",
            f"{strangers:.0f} messages came from networks that are not allowed (network.allow)",
            "stemfield init --network",
        )
    if limited := daemon.number("/status/limited"):
        yield Finding(
            "osc-ignored",
            f"{limited:.0f} messages came faster than network.max_messages_per_s allows and were dropped",
            "stemfield send '/status/*'",
        )


def _is_foreign(owner: Process, daemon: DaemonLook) -> bool:
    """Whether who has the page's port is somebody else than the daemon, as far as we may see who they are."""
    if daemon.answers and not (owner.pid and daemon.pid):
        return False
    return owner.pid != daemon.pid if daemon.pid else not owner.is_stemfield


def page(seen: Evidence) -> Iterator[Finding]:
    """The page is not where it should be."""
    daemon, port = seen.daemon, seen.config.http.port
    owner = daemon.page_owner
    if owner is not None and _is_foreign(owner, daemon):
        yield Finding(
            "page-unreachable",
            f"TCP port {port} (http.port) belongs to {owner}: the page cannot be there",
            f"kill {owner.pid}" if owner.pid else f"sudo fuser -k {port}/tcp",
        )
        return
    broken = [page for page in daemon.pages if page.problem]
    if not broken:
        return
    working = [page.shown for page in daemon.pages if not page.problem]
    there = f"; it is at {', '.join(working)}" if working else ""
    yield Finding(
        "page-unreachable",
        f"a browser does not get {broken[0].shown}: {broken[0].problem}{there}",
        "stemfield init --network" if "not allowed" in broken[0].problem else f"kill {daemon.pid}; stemfield serve",
    )
