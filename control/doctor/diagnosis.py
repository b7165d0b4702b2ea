"""All judgements, in the order in which a person would mend things: first what makes the others unanswerable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from stemfield.control.doctor import check_network as reach_checks
from stemfield.control.doctor import check_rights as rights_checks
from stemfield.control.doctor import check_server as server_checks
from stemfield.control.doctor import check_sound as sound_checks
from stemfield.control.doctor.evidence import Evidence
from stemfield.control.doctor.finding import Finding

Check = Callable[[Evidence], Iterator[Finding]]

CHECKS: Final[tuple[Check, ...]] = (
    reach_checks.config,
    server_checks.wrong_library,
    server_checks.missing,
    server_checks.hangs,
    server_checks.late,
    server_checks.several,
    server_checks.left_over,
    server_checks.device_busy,
    rights_checks.realtime,
    rights_checks.memory,
    rights_checks.daemon_without_realtime,
    rights_checks.service,
    rights_checks.linger,
    sound_checks.unconnected,
    sound_checks.unmatched,
    sound_checks.off_rate,
    sound_checks.forced,
    sound_checks.interrupted,
    reach_checks.vanished,
    reach_checks.address,
    reach_checks.port_taken,
    reach_checks.osc,
    reach_checks.page,
)


def diagnose(seen: Evidence) -> tuple[Finding, ...]:
    """Everything that is wrong; the same line is said once."""
    return tuple(dict.fromkeys(finding for check in CHECKS for finding in check(seen)))
