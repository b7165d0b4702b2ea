"""Every command has a handler."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from stemfield.control.parameters.actions import ACTIONS, AssignScene, RestartLoudness
from stemfield.control.parameters.commands import Action, Command, Problem


def test_every_command_has_a_handler(control: Any, tmp_path: Path) -> None:
    recorder = control.recorder(tmp_path, print)
    commands = {row.command for row in ACTIONS} | {*get_args(Command), Problem} - {Action}
    commands -= {RestartLoudness, AssignScene}  # the daemon's: the hub knows neither the audio nor what plays
    assert commands == control.hub._handlers.keys()
    control.on_loop(recorder.close())
