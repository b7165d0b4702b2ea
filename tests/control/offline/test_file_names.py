"""Names as disks have them: of any bytes, as long as they may be, with signs that mean something elsewhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from stemfield.control.cli.main import main
from stemfield.renderer.adm.reading import read_document
from stemfield.renderer.files.bw64 import Bw64Reader

RATE = 44100
COMMAND = Path(sys.executable).with_name("stemfield")
LATIN = os.fsdecode(b"caf\xe9")
NAMES = (LATIN, "a [red]{0} %s", "l" * 251)


def save(folder: Path, name: str) -> Path:
    path = folder / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = 0.1 * np.random.default_rng(len(name)).standard_normal((RATE // 5, 2))
    with path.open("wb") as file:
        soundfile.write(file, sound, RATE, format="WAV", subtype="PCM_16")
    return path


def frames(path: Path) -> int:
    with path.open("rb") as file:
        return soundfile.info(file).frames


def test_a_batch_makes_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES:
        save(tmp_path / "in", name)
    plan = {"output": "out", "inputs": ["in/*"], "defaults": {"model": "light"}}
    (tmp_path / "plan.yaml").write_text(
        yaml.safe_dump(plan | {"remix": {}, "separate": {}, "adm": {"layout": "stereo"}})
    )
    words = (COMMAND, "batch", tmp_path / "plan.yaml", "--workers", "1")
    done = subprocess.run(words, capture_output=True, check=False, env=os.environ | {"XDG_CONFIG_HOME": "/nonexistent"})
    lines = (tmp_path / "out" / "report.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert {each["recording"] for each in found} == {str(tmp_path / "in" / f"{name}.wav") for name in NAMES}
    failed = {(each["job"], each["name"]): each["reason"] for each in found if each["status"] == "failed"}
    assert list(failed) == [("adm", NAMES[2])], failed
    assert "name of its result: expected at most 255 bytes, got 259: shorten it in the plan" in str(failed)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"[red]{0}" not in done.stderr  # what was made needs no look
    for name in NAMES:
        assert frames(tmp_path / "out" / "remix" / f"{name}.wav") == RATE // 5
        assert frames(tmp_path / "out" / "separate" / name / "vocals.wav") == RATE // 5
    for made in (tmp_path / "in").glob("l*"):
        made.unlink()
    assert main(["batch", str(tmp_path / "plan.yaml"), "--json"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["status"] for each in said[:-1]] == ["kept"] * 6


def test_commands_print_what_they_can(tmp_path: Path) -> None:
    song, out = save(tmp_path, LATIN), tmp_path / LATIN
    words = (COMMAND, "separate", song, out, "--model", "light")
    done = subprocess.run(words, capture_output=True, check=True)
    printed = [line.rpartition("/") for line in done.stdout.decode("ascii").splitlines()]
    assert [folder for folder, _, _ in printed] == [f"{tmp_path}/caf\\udce9"] * 5
    assert all((out / name).exists() for _, _, name in printed)
    wrong = subprocess.run((COMMAND, "remix", out / "no.wav", "x.wav"), capture_output=True, check=False)
    assert wrong.returncode == 2
    assert wrong.stderr.decode() == f"stemfield: error: {tmp_path}/caf\\udce9/no.wav: no such file\n"


def test_single_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = save(tmp_path, LATIN)
    long = tmp_path / f"{'o' * 251}.wav"
    assert main(["remix", str(song), str(long), "--model", "light"]) == 0
    assert frames(long) == RATE // 5
    adm = tmp_path / f"{LATIN}.adm.wav"
    assert main(["upmix", str(song), "--adm", str(adm), "--model", "light", "--layout", "stereo"]) == 0
    with Bw64Reader(adm) as reader:
        assert [programme.name for programme in read_document(reader.axml).programmes.values()] == ["caf?"]
    before = sorted(tmp_path.iterdir())
    assert main(["remix", str(song), str(tmp_path / f"{'o' * 252}.wav"), "--model", "light"]) == 2
    assert "cannot be written: File name too long" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_a_configuration_cannot_hold_such_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = save(tmp_path, LATIN)
    assert main(["init", "--yes", "--input", str(song), "--config", str(tmp_path / "config.yaml")]) == 2
    assert "rename it: a configuration can only hold names in UTF-8" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [song]


def test_separate_refuses_before_the_work_as_remix_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = save(tmp_path / "stems", "vocals")
    (tmp_path / "file").touch()
    for folder, told in (
        (song.parent, f"{song}: is the input itself"),
        (tmp_path / "file" / "deeper", f"{tmp_path / 'file'}: expected a folder, got a file"),
        (tmp_path / ("f" * 256), "cannot be written: File name too long"),
    ):
        assert main(["separate", str(song), str(folder), "--model", "light"]) == 2
        assert told in capsys.readouterr().err
    assert [path.name for path in song.parent.iterdir()] == ["vocals.wav"]


def test_a_warning_is_told_once(tmp_path: Path) -> None:
    song = save(tmp_path, "song")
    song.write_bytes(song.read_bytes()[:-4000])
    adm = ("--adm", tmp_path / "a.adm.wav", "--layout", "stereo")
    words = (COMMAND, "upmix", song, tmp_path / "a.wav", *adm, "--model", "light")
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    warnings = [line for line in done.stderr.splitlines() if "cut off" in line]
    assert warnings == [f"stemfield: warning: {song}: the file is cut off; read is what there is, 0.18 s of 0.20 s"]
