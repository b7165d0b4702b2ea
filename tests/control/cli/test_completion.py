"""Completion in a real bash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).parent / "stemfield")

ASK = """
source <({program} completion bash)
line=$1
COMP_WORDS=($line) COMP_LINE=$line COMP_POINT=${{#line}} COMP_TYPE=9 COMP_KEY=9
[[ $line == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
spec=$(complete -p stemfield)
function=$(sed 's/.*-F \\([^ ]*\\).*/\\1/' <<< "$spec")
$function stemfield "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(line: str, folder: Path) -> set[str]:
    environment = os.environ | {"PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}"}
    environment["XDG_CONFIG_HOME"] = str(folder)
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(program=PROGRAM), "bash", line],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return {word.strip() for word in done.stdout.splitlines() if word.strip()}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stemfield lay", {"layouts"}),
        ("stemfield service ", {"install", "uninstall", "status"}),
        ("stemfield serve --lay", {"--layout"}),
        ("stemfield serve --layout 22", {"22.2"}),
        ("stemfield serve --model st", {"studio"}),
        ("stemfield serve --driver ", {"jack", "clock"}),
    ],
)
def test_bash_completes(line: str, words: set[str], tmp_path: Path) -> None:
    assert completed(line, tmp_path) == words


@pytest.mark.parametrize(("shell", "part"), [("zsh", "compdef"), ("fish", "complete --command stemfield")])
def test_other_shells_get_a_script_of_their_own(shell: str, part: str) -> None:
    script = subprocess.run([PROGRAM, "completion", shell], capture_output=True, text=True, check=True).stdout
    assert part in script
    assert "stemfield" in script
