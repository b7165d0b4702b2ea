"""All checks, in the order in which problems should be fixed: first those that hide others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from stemfield.control.doctor import check_network, check_rights, check_server, check_sound
from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding

Check = Callable[[Evidence], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    check_network.check_config,
    check_server.check_library,
    check_server.check_server,
    check_server.check_hang,
    check_server.check_start_order,
    check_server.check_number,
    check_server.check_remnants,
    check_server.check_device,
    check_rights.check_realtime,
    check_rights.check_memory_lock,
    check_rights.check_daemon_realtime,
    check_rights.check_service_limits,
    check_rights.check_linger,
    check_sound.check_connections,
    check_sound.check_port_names,
    check_sound.check_hdmi,
    check_sound.check_rate,
    check_sound.check_forced,
    check_sound.check_xruns,
    check_network.check_last_run,
    check_network.check_address,
    check_network.check_osc_port,
    check_network.check_osc,
    check_network.check_page,
)


def diagnose(evidence: Evidence) -> tuple[Finding, ...]:
    """All findings, without duplicates."""
    return tuple(dict.fromkeys(finding for check in CHECKS for finding in check(evidence)))
