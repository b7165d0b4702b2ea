"""Checks of privileges: real-time priority, locked memory, and both for the service."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import Final

from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding, Id
from stemfield.control.doctor.probe_rights import Rights
from stemfield.control.doctor.processes import has_realtime_thread, is_service, realtime_limits, server_and_driver
from stemfield.systemd.state import AUDIO, LOCKED_BYTES, granting

DESKTOPS: Final = ("x11", "wayland", "mir")


def check_realtime(evidence: Evidence) -> Iterator[Finding]:
    """SCHED_FIFO is refused, or the server runs without it."""
    if evidence.jack is None or evidence.rights is None:
        return
    if evidence.rights.realtime:
        yield _refused(
            "realtime-refused", "rtprio", f"real-time priority is refused ({evidence.rights.realtime})", evidence.rights
        )
    server = evidence.wanted_server
    if evidence.jack.opened and not evidence.jack.realtime and not evidence.rights.realtime and server is not None:
        own, driver = server_and_driver(server.process.command)
        words = [word for word in own if word not in ("-r", "--no-realtime")] + driver
        yield Finding(
            "realtime-refused",
            f"the JACK server {server.name!r} ({server.process}) runs without real-time priority (-r)",
            server.again([words[0], "-R", *words[1:]]) if words else "jackd -R -d alsa",
        )


def check_memory_lock(evidence: Evidence) -> Iterator[Finding]:
    """Locking memory is refused."""
    if evidence.jack is None or evidence.rights is None or not evidence.rights.memory:
        return
    size = f"{LOCKED_BYTES >> 20} MiB of memory cannot be locked ({evidence.rights.memory})"
    yield _refused("memory-lock-refused", "memlock", size, evidence.rights)


def _refused(id_: Id, item: str, what: str, rights: Rights) -> Finding:
    """The reason of a refusal: a limit not in effect in this session, a missing group, or no limit in any file."""
    limit = rights.limits[0 if item == "rtprio" else 1]
    limited = f"{'RLIMIT_RTPRIO' if item == 'rtprio' else 'RLIMIT_MEMLOCK'} is {limit}"
    grant = rights.granted(item)
    again = f"loginctl terminate-user {shlex.quote(rights.user)}  # logs you out everywhere: log in again"
    if grant is not None and (grant.value == -1 or (limit != -1 and grant.value > limit)):
        return Finding(
            "limits-without-effect",
            f"{what}: {grant.file} has `{grant.line}`, but {limited} in this session, which is older than that line or "
            "does not use PAM",
            again,
        )
    if AUDIO in rights.account_groups - rights.groups:
        cause = f"{what}: {limited}, and user {rights.user} is in group {AUDIO} only after the next login"
        return Finding(id_, cause, again)
    line = granting(item)
    if AUDIO not in rights.account_groups and rights.user != "root":
        cause = f"{what}: {limited}, and user {rights.user} is not in group {AUDIO}"
        return Finding(id_, cause, f"sudo usermod -aG {AUDIO} {shlex.quote(rights.user)} && {line}  # log out and in")
    return Finding(id_, f"{what}: {limited}", f"{line}  # log out and in")


def check_service_limits(evidence: Evidence) -> Iterator[Finding]:
    """The service has fewer privileges than the shell."""
    rights, daemon = evidence.rights, evidence.daemon
    if rights is None or evidence.jack is None:
        return
    if daemon.pid and is_service(daemon.pid):
        priority, locked = realtime_limits(daemon.pid)
        if (not rights.realtime and priority == 0) or (not rights.memory and 0 <= locked < LOCKED_BYTES):
            unit = next(iter(evidence.units), None)
            yield Finding(
                "service-limits",
                f"the daemon runs as a service (process {daemon.pid}) with RLIMIT_RTPRIO {priority} and RLIMIT_MEMLOCK "
                f"{locked}: less than it needs",
                _drop_in(unit.drop_in, unit.systemctl)
                if unit
                else _drop_in("/etc/systemd/system/stemfield.service.d", "sudo systemctl"),
            )
            return
    for unit in evidence.units:
        if unit.missing:
            yield Finding(
                "service-limits",
                f"{unit.path} does not set {' and '.join(unit.missing)}: the service gets no real-time priority",
                _drop_in(unit.drop_in, unit.systemctl),
            )


def _drop_in(folder: str, systemctl: str) -> str:
    sudo = "sudo " if systemctl.startswith("sudo") else ""
    text = r"'[Service]\nLimitRTPRIO=95\nLimitMEMLOCK=infinity\n'"
    return (
        f"{sudo}mkdir -p {folder} && printf {text} | {sudo}tee {folder}/limits.conf && "
        f"{systemctl} daemon-reload && {systemctl} restart stemfield"
    )


def check_linger(evidence: Evidence) -> Iterator[Finding]:
    """A user service ends with the session, on a machine without a desktop that stays logged in."""
    of_user = [unit for unit in evidence.units if unit.kind == "user" and unit.enabled]
    if of_user and not evidence.lingers and os.environ.get("XDG_SESSION_TYPE") not in DESKTOPS:
        yield Finding(
            "service-without-linger",
            f"{of_user[0].path} is a user service without lingering: it ends with the user's last session",
            "sudo loginctl enable-linger $USER",
        )


def check_daemon_realtime(evidence: Evidence) -> Iterator[Finding]:
    """The server has real-time priority, but the daemon's callback does not."""
    jack, daemon, rights = evidence.jack, evidence.daemon, evidence.rights
    if jack is None or rights is None or not jack.opened or not jack.realtime or not daemon.pid:
        return
    if daemon.driver != "jack" or rights.realtime or is_service(daemon.pid) or has_realtime_thread(daemon.pid):
        return
    yield Finding(
        "realtime-refused",
        f"the daemon (process {daemon.pid}) was started where real-time priority is refused; this shell has it",
        f"kill {daemon.pid}; stemfield serve",
    )
