"""Each finding has its section in the manual, each section its finding, and the right form."""

from __future__ import annotations

import re
from pathlib import Path

from stemfield.control.doctor import check_network, check_rights, check_server, check_sound
from stemfield.control.doctor.diagnosis import CHECKS
from stemfield.control.doctor.finding import IDS, PAGE, Finding
from stemfield.systemd.state import LIMITS_FILE, LINES, granting


def test_each_finding_has_its_section_and_each_section_its_finding(repository: Path) -> None:
    sections = re.findall(r"^## (.+)$", (repository / PAGE).read_text(), re.MULTILINE)
    assert sections == list(IDS)
    assert len(set(IDS)) == len(IDS)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in IDS)


def test_every_name_is_given_by_a_check(repository: Path) -> None:
    modules = (check_network, check_rights, check_server, check_sound)
    code = "".join(Path(str(module.__file__)).read_text() for module in modules)
    assert {name for name in IDS if f'"{name}"' in code} == set(IDS)
    own = {f for m in modules for n, f in vars(m).items() if getattr(f, "__module__", "") == m.__name__ and callable(f)}
    judged = {f.__name__ for f in own if not f.__name__.startswith("_") and "Evidence" in str(f.__annotations__)}
    assert judged == {check.__name__ for check in CHECKS}


def test_one_limits_file_in_texts_and_cures(repository: Path) -> None:
    for page in (PAGE, "docs/service.md", "docs/troubleshooting.md"):
        text = (repository / page).read_text()
        assert set(re.findall(r"/etc/security/limits\.d/[\w.-]+", text)) == {LIMITS_FILE}
    assert all(f"\n{line}\n" in (repository / PAGE).read_text() for line in LINES.values())
    assert granting("memlock") == f"printf '%s\\n' '@audio - memlock unlimited' | sudo tee -a {LIMITS_FILE}"


def test_a_finding_is_one_line() -> None:
    finding = Finding("xruns-ours", "cause", "command")
    assert str(finding) == "xruns-ours: cause; cure: command"
    assert finding.page == "docs/doctor.md#xruns-ours"
