"""The real command, as its users and their scripts run it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sofar
import soundfile

from stemfield.control.cli.main import main
from stemfield.layouts.coordinates import cartesian
from stemfield.layouts.loader import load_layout
from stemfield.renderer.dsp.hrtf import AnalyticHead

RATE = 48000
COMMAND = Path(sys.executable).with_name("stemfield")


def stemfield(
    *words: object, cwd: Path | None = None, stdin: str | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), *map(str, words)],
        cwd=cwd,
        input=stdin,
        env=os.environ | {"XDG_CONFIG_HOME": "/nonexistent"} | more,
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(*words: object, status: int = 2, cwd: Path | None = None) -> list[str]:
    """The error lines of a command that must fail; it runs in this process, which spares a start of the interpreter."""
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(io.StringIO()) as errors:
        patch.setenv("XDG_CONFIG_HOME", "/nonexistent")
        for hook in ("excepthook", "unraisablehook"):
            patch.setattr(sys, hook, getattr(sys, hook))
        if cwd is not None:
            patch.chdir(cwd)
        try:
            got: object = main([str(word) for word in words])
        except SystemExit as ended:
            got = ended.code
    signal.signal(signal.SIGTERM, handler)
    lines = errors.getvalue().splitlines()
    assert got == status, lines
    assert all(line.startswith("stemfield: error: ") for line in lines), lines
    return [line.removeprefix("stemfield: error: ") for line in lines]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "song.wav"
    t = np.arange(2 * RATE) / RATE
    noise = 0.05 * np.random.default_rng(0).standard_normal((2, len(t)))
    sound = 0.3 * np.sin(2 * np.pi * 220 * t) + noise
    soundfile.write(path, sound.T, RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def sofa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded head, measured in 36 directions."""
    head = sofar.Sofa("SimpleFreeFieldHRIR")
    azimuths = np.arange(0.0, 360.0, 10.0)
    head.Data_IR = AnalyticHead(44_100).filters(cartesian(azimuths, 0.0)).astype(float)
    head.SourcePosition = np.column_stack([azimuths, np.zeros(36), np.ones(36)])
    head.Data_SamplingRate, head.Data_Delay = 44_100, np.zeros((1, 2))
    head.ReceiverPosition = [[0, 0.09, 0], [0, -0.09, 0]]
    path = tmp_path_factory.mktemp("heads") / "head.sofa"
    sofar.write_sofa(str(path), head)
    return path


MUTED = ((1, "true"), (1.5, "false"))


class TestUsage:
    def test_help_is_quick_and_loads_nothing_heavy(self) -> None:
        code = "import sys\nfrom stemfield.control.cli.main import main\n"
        code += "try:\n main(['--help'])\nexcept SystemExit: pass\n"
        code += "print(sorted({'numpy', 'numba', 'pydantic', 'onnxruntime', 'scipy', 'rich'} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"
        for name in ("serve", "upmix", "separate", "remix", "gains", "layouts", "models", "check", "browse"):
            assert f"  {name}" in done.stdout

    def test_upmix_loads_neither_the_daemon_nor_what_serves_a_network(self, song: Path, tmp_path: Path) -> None:
        code = "import sys\nfrom stemfield.control.cli.main import main\n"
        code += f"main({['upmix', str(song), str(tmp_path / 'out.wav'), '--layout', 'stereo']})\n"
        code += "parts = ('daemon.daemon', 'network.listeners', 'http', 'hub', 'audio', 'doctor')\n"
        code += "names = ['aiohttp', 'zeroconf', *(f'stemfield.control.{part}' for part in parts)]\n"
        code += "print(sorted(set(names) & set(sys.modules)), 'stemfield.control.offline.render' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[] True"

    def test_version(self) -> None:
        assert stemfield("--version").stdout.split()[0] == "stemfield"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["serv"], "unknown command serv, did you mean serve?"),
            (["qqqq"], "unknown command qqqq: expected serve, demo, upmix"),
            (["layouts", "lst"], "unknown command lst, did you mean list?"),
            (["upmix", "a", "b", "--laoyut", "5.1"], "unknown option --laoyut, did you mean --layout?"),
            (["upmix", "a", "b", "--lay=5.1"], "unknown option --lay"),
            ([], "the following arguments are required: COMMAND"),
            (["upmix", "a"], "OUT is missing: the file to write (or --adm OUT.adm.wav, for other programs)"),
            (["render", "a"], "the following arguments are required: --output/-o"),
            (["remix", "a", "b", "--threshold", "2"], "argument --threshold: expected a number from 0 to 1, got 2"),
            (
                ["remix", "a", "b", "--threshold", "-0.5"],
                "argument --threshold: expected a number from 0 to 1, got -0.5",
            ),
            (["remix", "a", "b", "--gain", "vocals"], "expected NAME=DB, such as vocals=-6, got vocals"),
            (["remix", "a", "b", "--gain", "vocals=loud"], "expected a number from -120 to 20, got loud"),
            (["serve", "--objects", "124"], "expected a whole number from 0 to 123, got 124"),
            (["remix", "a", "b", "--threshold", "0_1"], "expected a number from 0 to 1, got 0_1"),
            (["remix", "a", "b", "--threshold", "\uff11"], "expected a number from 0 to 1, got \uff11"),
            (["remix", "a", "b", "--gain", "vocals=1_0"], "expected a number from -120 to 20, got 1_0"),
            (["send", "/ping", "--port", "\u0664\u0660\u0660\u0661"], "expected a port from 1 to 65535"),
            (["serve", "--mirror", "adm:127.0.0.1:\uff14"], "expected s3a or adm, a numeric address and a port"),
            (["serve", "--objects", "1_0"], "expected a whole number from 0 to 123, got 1_0"),
            (["serve", "--objects", "\u0665"], "expected a whole number from 0 to 123, got \u0665"),
            (
                ["models", "import", "a", "--samples", "4_000"],
                "expected a whole number from 1 to 1073741824, got 4_000",
            ),
            (["serve", "--objects", "some"], "expected a whole number from 0 to 123, got some"),
            (["serve", "--driver", "alsa"], "argument --driver: invalid choice: 'alsa'"),
        ],
    )
    def test_bad_usage_is_one_line_with_a_hint(self, words: list[str], message: str) -> None:
        (line,) = refused(*words)
        assert message in line

    def test_debug_shows_the_traceback(self) -> None:
        done = stemfield("layouts", "show", "22.3", "--debug")
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert "Traceback" not in stemfield("layouts", "show", "22.3").stderr

    def test_a_closed_pipe_is_no_traceback(self) -> None:
        shown = subprocess.Popen([str(COMMAND), "layouts", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.close()
        assert shown.stderr.read() == b""
        shown.stderr.close()
        shown.wait(20)


class TestLayoutsAndModels:
    def test_list(self) -> None:
        text = stemfield("layouts", "list").stdout
        entries = json.loads(stemfield("layouts", "list", "--json").stdout)
        assert {e["name"] for e in entries} >= {"stereo", "5.1", "7.1.4", "22.2", "quad", "octagon", "surrey"}
        assert all(e["name"] in text for e in entries)
        models = json.loads(stemfield("models", "list", "--json").stdout)
        assert len(models) >= 1
        assert models[0]["name"] in stemfield("models", "list").stdout

    def test_show_is_in_port_order(self) -> None:
        speakers = json.loads(stemfield("layouts", "show", "4+7+0", "--json").stdout)["speakers"]
        labels = [
            "M+030",
            "M-030",
            "M+000",
            "LFE1",
            "M+090",
            "M-090",
            "M+135",
            "M-135",
            "U+045",
            "U-045",
            "U+135",
            "U-135",
        ]
        assert [s["label"] for s in speakers] == labels
        assert [s["label"] for s in speakers if s["lfe"]] == ["LFE1"]
        lines = stemfield("layouts", "show", "4+7+0").stdout.splitlines()
        assert [line.split()[1] for line in lines[2:]] == labels

    def test_check_tells_every_problem_of_every_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.yaml").write_text(
            "name: a\nspeakers:\n"
            "  - {label: L, azimuth_deg: 30, chanel: 1}\n"
            "  - {label: L, azimuth_deg: x, channel: 2}\n"
        )
        lines = refused("layouts", "check", "a.yaml", "missing.yaml", "22.2", cwd=tmp_path)
        assert any("chanel" in line and "channel" in line for line in lines)
        assert any("azimuth_deg" in line for line in lines)
        assert any("missing.yaml" in line for line in lines)
        done = stemfield("layouts", "check", "22.2", "a.yaml", "--json", cwd=tmp_path)
        assert done.returncode == 2
        assert [entry["ok"] for entry in json.loads(done.stdout)] == [True, False]

    def test_check_reviews_like_an_expert(self, tmp_path: Path) -> None:
        done = stemfield("layouts", "check", "quad")
        assert done.returncode == 0
        lines = done.stdout.splitlines()
        assert lines[0] == "quad: ok"
        assert all(line.startswith("quad: note: ") for line in lines[1:])
        assert any("energy vector" in line for line in lines)
        near = "- {label: A, azimuth_deg: 50, channel: 1}\n  - {label: B, azimuth_deg: 48, channel: 2}"
        (tmp_path / "near.yaml").write_text(f"name: near\nspeakers:\n  {near}\n")
        done = stemfield("layouts", "check", "near.yaml", cwd=tmp_path)
        assert done.returncode == 0  # it can be used, and everything else takes it
        assert "near.yaml: advice: A and B stand only 2.0 degrees apart" in done.stdout.splitlines()
        (entry,) = json.loads(stemfield("layouts", "check", "near.yaml", "--json", cwd=tmp_path).stdout)
        assert (entry["ok"], entry["problems"], len(entry["advice"]), bool(entry["notes"])) == (True, [], 1, True)
        (tmp_path / "near.yaml").write_text(
            f"name: near\nspeakers:\n  {near.replace('channel: 2', 'channel: 2, fir: x.wav')}\n"
        )
        (line,) = refused("layouts", "check", "near.yaml", cwd=tmp_path)
        assert line.startswith("near.yaml: B: x.wav: ")

    def test_plot(self, tmp_path: Path) -> None:
        assert stemfield("layouts", "plot", "5.1", tmp_path / "room.svg").returncode == 0
        assert "M+110" in (tmp_path / "room.svg").read_text()
        assert "ends in .svg or .png" in refused("layouts", "plot", "5.1", tmp_path / "room.pdf")[0]
        assert "there is no folder" in refused("layouts", "plot", "5.1", tmp_path / "no" / "room.svg")[0]
        assert "did you mean" in refused("layouts", "plot", "octagn", tmp_path / "room.svg")[0]

    def test_convert_writes_what_our_own_loader_reads(self, tmp_path: Path) -> None:
        speakers = [
            {"Azimuth": a, "Elevation": e, "Radius": 2, "IsImaginary": i, "Channel": n + 1, "Gain": 1}
            for n, (a, e, i) in enumerate([(45, 0, False), (-45, 0, False), (180, 0, False), (0, -90, True)])
        ]
        (tmp_path / "iem.json").write_text(json.dumps({"Name": "den", "LoudspeakerLayout": {"Loudspeakers": speakers}}))
        done = stemfield("layouts", "convert", "iem.json", "den.yaml", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["path"], len(told["labels"])) == ("den.yaml", 3)
        assert told["notes"]
        shown = json.loads(stemfield("layouts", "show", "den.yaml", "--json", cwd=tmp_path).stdout)
        assert [(s["azimuth_deg"], s["radius_m"]) for s in shown["speakers"]] == [(45, 2), (-45, 2), (180, 2)]
        assert "ends in .yaml" in refused("layouts", "convert", "iem.json", "den.json", cwd=tmp_path)[0]
        assert "input itself" in refused("layouts", "convert", "den.yaml", "den.yaml", cwd=tmp_path)[0]
        (tmp_path / "bad.xml").write_text("<nothing/>")
        assert "unknown kind" in refused("layouts", "convert", "bad.xml", "x.yaml", cwd=tmp_path)[0]
        assert not (tmp_path / "x.yaml").exists()

    def test_copy_makes_a_room_of_ones_own_with_real_and_nominal_places(self, tmp_path: Path) -> None:
        done = stemfield("layouts", "copy", "22.2", "hall.yaml", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["name"] == "hall"
        text = (tmp_path / "hall.yaml").read_text()
        one = (
            "label: M+060, azimuth_deg: 60.0, elevation_deg: 0.0, radius_m: 2.0, channel: 1, nominal_azimuth_deg: 60.0"
        )
        assert one in text
        (tmp_path / "hall.yaml").write_text(text.replace("azimuth_deg: 60.0", "azimuth_deg: 052", 1))
        copy, shipped = load_layout(str(tmp_path / "hall.yaml")), load_layout("22.2")
        assert (copy.name, copy.aliases, copy.title) == ("hall", (), shipped.title)
        assert copy.speakers[0] == replace(shipped.speakers[0], azimuth_deg=52.0, nominal_azimuth_deg=60.0)
        assert copy.speakers[1:] == shipped.speakers[1:]
        assert stemfield("layouts", "check", "hall.yaml", cwd=tmp_path).returncode == 0

    @pytest.mark.parametrize("layout", ["living-room", "attic", "stereo", "9.1.4"])
    def test_a_copy_plays_as_what_it_is_a_copy_of(self, tmp_path: Path, layout: str) -> None:
        assert stemfield("layouts", "copy", layout, "my room.yml", cwd=tmp_path).returncode == 0
        copy = load_layout(str(tmp_path / "my room.yml"))
        assert replace(copy, name=layout, aliases=load_layout(layout).aliases) == load_layout(layout)

    def test_copy_refuses_what_would_lose_something(self, tmp_path: Path) -> None:
        (tmp_path / "hall.yaml").write_text("mine")
        assert "hall.yaml: exists already" in refused("layouts", "copy", "22.2", "hall.yaml", cwd=tmp_path)[0]
        assert (tmp_path / "hall.yaml").read_text() == "mine"
        assert "ends in .yaml" in refused("layouts", "copy", "22.2", "hall.xml", cwd=tmp_path)[0]
        assert "did you mean 22.2" in refused("layouts", "copy", "22.3", "new.yaml", cwd=tmp_path)[0]
        assert (
            "no/hall.yaml: there is no folder no" in refused("layouts", "copy", "22.2", "no/hall.yaml", cwd=tmp_path)[0]
        )

    def test_check_looks_at_the_head_of_the_monitor(self, tmp_path: Path, sofa: Path) -> None:
        config = tmp_path / "config.yaml"
        config.write_text(f"layout: quad\nmonitor: {{binaural: true, hrtf: {sofa}}}\n")
        assert stemfield("check", config).stdout == f"{config}: ok\n"
        config.write_text("layout: quad\nmonitor: {binaural: true, hrtf: mine.sofa}\n")
        assert refused("check", config) == [f"monitor.hrtf: {tmp_path / 'mine.sofa'}: no such file"]

    def test_models_check(self, tmp_path: Path) -> None:
        name = json.loads(stemfield("models", "list", "--json").stdout)[0]["name"]
        assert stemfield("models", "check", name).stdout == f"{name}: ok\n"
        assert "did you mean" in refused("models", "check", name + "x")[0]

    def test_layouts_of_ones_own_are_found_in_the_config_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "stemfield" / "layouts"
        folder.mkdir(parents=True)
        pair = "- {label: A, azimuth_deg: 50, channel: 1}\n  - {label: B, azimuth_deg: -50, channel: 2}"
        (folder / "den.yaml").write_text(f"name: den\nspeakers:\n  {pair}\n")
        shown = stemfield("layouts", "show", "den", "--json", XDG_CONFIG_HOME=str(tmp_path))
        assert [s["label"] for s in json.loads(shown.stdout)["speakers"]] == ["A", "B"]


class TestGains:
    def table(self, folder: Path, text: str) -> Path:
        path = folder / "positions.csv"
        path.write_text(text)
        return path

    def test_known_gains_on_22_2(self, tmp_path: Path) -> None:
        path = self.table(
            tmp_path,
            "\ufeffazimuth_deg, elevation_deg, distance_m, width_deg, height_deg\n"
            "15,0,1,0,0\n\n22,40,3.5,,0\n0,90,2,0,\n",
        )
        answer = json.loads(stemfield("gains", "--layout", "22.2", "--from", path, "--json").stdout)
        assert answer["labels"][:4] == ["M+060", "M-060", "M+000", "LFE1"]
        assert len(answer["labels"]) == 24
        rows = [{k: g for k, g in zip(answer["labels"], row, strict=True) if g > 1e-9} for row in answer["gains"]]
        # the figures on which three other renderers agree
        assert rows[0] == pytest.approx({"M+000": 0.7071, "M+030": 0.7071}, abs=1e-4)
        assert rows[1] == pytest.approx({"U+045": 0.6726, "U+000": 0.7015, "T+000": 0.2355}, abs=1e-4)
        assert rows[2] == pytest.approx({"T+000": 1.0}, abs=1e-9)

    def test_a_table_of_a_spreadsheet_from_stdin(self) -> None:
        table = "azimuth_deg,elevation_deg,distance_m\n30,0,1\n"
        plain, marked = (
            stemfield("gains", "--layout", "5.1", "--from", "-", stdin=t) for t in (table, "\ufeff" + table)
        )
        assert (marked.stderr, marked.stdout) == ("", plain.stdout)

    def test_columns_in_any_order_and_from_stdin(self, tmp_path: Path) -> None:
        usual = self.table(tmp_path, "azimuth_deg,elevation_deg,distance_m\n40,10,2\n")
        turned = "distance_m,azimuth_deg,elevation_deg\n2,40,10\n"
        first = stemfield("gains", "--layout", "7.1.4", "--from", usual, "--json").stdout
        second = stemfield("gains", "--layout", "7.1.4", "--from", "-", "--json", stdin=turned).stdout
        assert json.loads(first) == json.loads(second)

    def test_every_bad_line_is_told(self, tmp_path: Path) -> None:
        path = self.table(
            tmp_path,
            "azimuth_deg,elevation_deg,distance_m,width_deg\n0,0,1,0\n0,91,1,0\n,0,-1,0\n1,2\nnan,0,1,0\n5,5,1,370\n1_0,\u0665,1,0\n",
        )
        lines = refused("gains", "--layout", "quad", "--from", path)
        told = [line.removeprefix(f"{path}: ") for line in lines]
        assert told == [
            "line 3: elevation_deg: expected a number from -90 to 90, got 91",
            "line 4: azimuth_deg: expected a number from -360 to 360, got nothing",
            "line 4: distance_m: expected a number from 0 to 1000, got -1",
            "line 5: expected 4 values, got 2",
            "line 6: azimuth_deg: expected a number from -360 to 360, got nan",
            "line 7: width_deg: expected a number from 0 to 360, got 370",
            "line 8: azimuth_deg: expected a number from -360 to 360, got 1_0",
            "line 8: elevation_deg: expected a number from -90 to 90, got \u0665",
        ]

    def test_extents_are_those_of_the_panner(self, tmp_path: Path) -> None:
        path = self.table(
            tmp_path,
            "azimuth_deg,elevation_deg,distance_m,width_deg,height_deg\n45,0,1,,\n45,0,1,90,0\n0,0,1,360,180\n",
        )
        rows = np.array(json.loads(stemfield("gains", "--layout", "cube", "--from", path, "--json").stdout)["gains"])
        np.testing.assert_allclose((rows**2).sum(axis=1), 1.0, atol=1e-6)
        assert (rows > 1e-6).sum(axis=1).tolist()[0] < (rows > 1e-6).sum(axis=1).tolist()[1]
        np.testing.assert_allclose(rows[2], np.sqrt(1 / 8), atol=0.02)  # everywhere

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "empty: expected a first line with the columns azimuth_deg, elevation_deg, distance_m"),
            ("azimuth_deg,elevation_deg,distance_m\n", "contains no position"),
            ("azimut_deg,elevation_deg,distance_m\n", "unknown column 'azimut_deg', did you mean azimuth_deg?"),
            ("azimuth_deg,elevation_deg\n1,2\n", "column distance_m is missing"),
            ("azimuth_deg,elevation_deg,distance_m,distance_m\n", "column distance_m appears twice"),
        ],
    )
    def test_bad_tables(self, tmp_path: Path, text: str, message: str) -> None:
        path = self.table(tmp_path, text)
        assert any(message in line for line in refused("gains", "--layout", "quad", "--from", path))
        assert "No such file" in refused("gains", "--layout", "quad", "--from", tmp_path / "none.csv")[0]


class TestOffline:
    def test_upmix_is_as_long_as_the_input_and_sounds(self, song: Path, tmp_path: Path) -> None:
        done = stemfield("upmix", "--live", song, tmp_path / "out.wav", "--layout", "7.1.4")
        assert done.returncode == 0, done.stderr
        feeds, rate = soundfile.read(tmp_path / "out.wav")
        assert (feeds.shape, rate) == ((2 * RATE, 12), RATE)
        assert np.abs(feeds).max() > 0.05
        assert np.abs(feeds[:, 3]).max() == 0  # LFE1

    def test_upmix_with_a_scene(self, song: Path, tmp_path: Path) -> None:
        def level_db(scene: str) -> np.ndarray:
            (tmp_path / "scene.yaml").write_text(scene)
            out = tmp_path / "out.wav"
            done = stemfield("upmix", "--live", song, out, "--layout", "quad", "--scene", tmp_path / "scene.yaml")
            assert done.returncode == 0, done.stderr
            return 10 * np.log10(np.mean(soundfile.read(out)[0] ** 2, axis=0) + 1e-12)

        names = ("vocals", "bass", "drums", "other", "residual")
        behind = "object: {" + ", ".join(f"{n}: {{aed: [180, 0, 1], width: 0}}" for n in names) + "}"
        levels = level_db(behind)
        assert levels[2:].min() > levels[:2].max() + 40  # M+135 and M-135 carry it all
        bad = tmp_path / "bad.yaml"
        bad.write_text("object: {vocls: {level: 1}}\nmaster: {gain: 900}\n")
        lines = refused("upmix", song, tmp_path / "x.wav", "--layout", "quad", "--scene", bad)
        assert len(lines) == 2
        assert "no such file" in refused("upmix", song, "x.wav", "--layout", "quad", "--scene", "none.yaml")[0]

    def test_upmix_follows_a_recording_of_control(self, song: Path, tmp_path: Path) -> None:
        header = '{"stemfield": "recording", "format": 1}'
        # points, because a decorrelator rings on and begins before the direct sound
        at_once = [f'[0, "/object/{n}/{what}", [0]]' for n in range(5) for what in ("smooth", "width")]
        changes = [(at_s, f'[{at_s}, "/object/{n}/mute", [{mute}]]') for n in range(5) for at_s, mute in MUTED]
        takes = {"plain": [header, *at_once], "take": [header, *at_once, *(line for _, line in sorted(changes))]}
        sounds = []
        for name, lines in takes.items():
            (tmp_path / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines))
            out = tmp_path / f"{name}.wav"
            words = ("upmix", "--live", song, out, "--layout", "stereo", "--recording", tmp_path / f"{name}.jsonl")
            done = stemfield(*words)
            assert done.returncode == 0, done.stderr
            sounds.append(soundfile.read(out)[0])
        expected, got = sounds
        # Scenes begin at their frame, and ramps take 5 ms.
        late = round(0.005 * RATE)
        assert not got[RATE + late : round(1.5 * RATE)].any()
        assert got[RATE + late - 2].all()
        for part in (slice(0, RATE), slice(round(1.5 * RATE) + late, 2 * RATE)):
            np.testing.assert_allclose(got[part], expected[part], atol=1e-6)
        assert "line 1" in refused("upmix", song, "x.wav", "--layout", "quad", "--recording", song)[0]
        (line,) = refused("upmix", song, "x.wav", "--layout", "quad", "--recording", "none.jsonl")
        assert line.startswith("none.jsonl: no such recording: expected a file")

    def test_upmix_for_headphones(self, song: Path, tmp_path: Path, sofa: Path) -> None:
        """The same scene for both ears: what stands on the left is louder in the left one, whosever ears they are."""
        names = ("vocals", "bass", "drums", "other", "residual")
        left = "object: {" + ", ".join(f"{n}: {{aed: [90, 0, 1], width: 0}}" for n in names) + "}"
        (tmp_path / "scene.yaml").write_text(left)
        words = ("upmix", "--live", song, tmp_path / "out.flac", "--binaural", "--scene", tmp_path / "scene.yaml")
        for more in ((), ("--layout", "7.1.4"), ("--layout", "7.1.4", "--hrtf", sofa)):
            done = stemfield(*words, *more)
            assert done.returncode == 0, done.stderr
            ears, rate = soundfile.read(tmp_path / "out.flac")
            assert (ears.shape, rate) == ((2 * RATE, 2), RATE)
            treble = np.sqrt(np.mean(np.diff(ears, 4, axis=0) ** 2, axis=0))  # the head casts no shadow on bass
            assert treble[0] > 2 * treble[1] > 0.01

    def test_what_is_no_head_is_refused_before_the_work(self, song: Path, tmp_path: Path, sofa: Path) -> None:
        out = tmp_path / "out.wav"
        assert "--layout is missing" in refused("upmix", song, out)[0]
        assert "only with --binaural" in refused("upmix", song, out, "--layout", "quad", "--hrtf", sofa)[0]
        assert "no such file" in refused("upmix", song, out, "--binaural", "--hrtf", "none.sofa")[0]
        assert "only with --binaural" in refused("serve", "--hrtf", sofa)[0]
        (line,) = refused("serve", "--driver", "clock", "--binaural", "--hrtf", "none.sofa", cwd=tmp_path)
        assert line == f"monitor.hrtf: {tmp_path / 'none.sofa'}: no such file"
        (tmp_path / "cut.sofa").write_bytes(sofa.read_bytes()[:9000])
        (line,) = refused("upmix", song, out, "--binaural", "--hrtf", tmp_path / "cut.sofa")
        assert "cut.sofa: damaged, or not a SOFA file" in line
        assert not out.exists()

    def test_separate_sums_to_the_recording(self, song: Path, tmp_path: Path) -> None:
        done = stemfield("separate", "--live", song, tmp_path / "new" / "stems")
        assert done.returncode == 0, done.stderr
        paths = [Path(line) for line in done.stdout.splitlines()]
        assert [path.stem for path in paths] == ["vocals", "bass", "drums", "other", "residual"]
        total = sum(soundfile.read(path)[0] for path in paths)
        recording = soundfile.read(song)[0]
        assert total.shape == recording.shape
        assert 10 * np.log10(np.mean((total - recording) ** 2) / np.mean(recording**2)) < -90

    def test_remix_keeps_the_recording_or_silences_all(self, song: Path, tmp_path: Path) -> None:
        recording = soundfile.read(song)[0]
        assert stemfield("remix", "--live", song, tmp_path / "same.wav").returncode == 0
        np.testing.assert_allclose(soundfile.read(tmp_path / "same.wav")[0], recording, atol=1e-5)
        words = [w for n in ("vocals", "bass", "drums", "other", "residual") for w in ("--gain", f"{n}=-120")]
        assert stemfield("remix", "--live", song, tmp_path / "none.flac", *words).returncode == 0
        assert np.abs(soundfile.read(tmp_path / "none.flac")[0]).max() < 1e-5
        assert "did you mean drums" in refused("remix", song, tmp_path / "x.wav", "--gain", "drms=3")[0]

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("x.mp3", "expected a .wav or .flac file, got .mp3"),
            ("x.flac", "FLAC: expected at most 8 channels, got 24; write .wav"),
            ("none/x.wav", "there is no folder"),
            ("song.wav", "is the input itself"),
        ],
    )
    def test_bad_targets_are_refused_before_the_work(self, song: Path, target: str, message: str) -> None:
        (line,) = refused("upmix", song, song.parent / target, "--layout", "22.2")
        assert message in line
        assert [path.name for path in song.parent.iterdir()] == ["song.wav"]

    def test_bad_sources(self, tmp_path: Path) -> None:
        (tmp_path / "text.mp3").write_text("no music\n" * 100)
        soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), RATE)
        soundfile.write(tmp_path / "slow.wav", np.zeros(100), 4000)
        for name, message in (
            ("text.mp3", "not a sound file"),
            ("six.wav", "expected 1 (mono) or 2 (stereo) channels, got 6"),
            ("slow.wav", "sample rate: expected 8000 to 192000 Hz, got 4000 Hz"),
            ("none.wav", "no such file"),
        ):
            for words in (
                ["upmix", name, "o.wav", "--layout", "quad"],
                ["separate", name, "o"],
                ["remix", name, "o.wav"],
            ):
                (line,) = refused(*words, cwd=tmp_path)
                assert line.startswith(f"{name}: {message}")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["six.wav", "slow.wav", "text.mp3"]

    def test_damage_found_while_working_is_status_1_and_leaves_nothing(self, song: Path, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "cut.flac", soundfile.read(song)[0], RATE)
        content = (tmp_path / "cut.flac").read_bytes()
        (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
        (line,) = refused("upmix", "cut.flac", "o.wav", "--layout", "quad", cwd=tmp_path, status=1)
        assert "damaged or cut off after" in line
        assert [path.name for path in tmp_path.iterdir()] == ["cut.flac"]

    def test_a_warning_about_the_source_is_told(self, song: Path, tmp_path: Path) -> None:
        (tmp_path / "cut.wav").write_bytes(song.read_bytes()[:200_000])
        done = stemfield("upmix", "--live", tmp_path / "cut.wav", tmp_path / "o.wav", "--layout", "stereo")
        assert done.returncode == 0
        assert "stemfield: warning: " in done.stderr
        assert "cut off" in done.stderr

    @pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_interrupted_work_leaves_nothing(self, tmp_path: Path, sent: signal.Signals, status: int) -> None:
        noise = 0.1 * np.random.default_rng(0).standard_normal((RATE, 2))
        with soundfile.SoundFile(tmp_path / "long.wav", "w", RATE, 2) as file:
            for _ in range(600):
                file.write(noise)
        work = subprocess.Popen(
            [str(COMMAND), "upmix", "--live", "long.wav", "o.wav", "--layout", "22.2"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),  # it is ignored in the background
        )
        deadline = time.monotonic() + 40
        while len(list(tmp_path.iterdir())) < 2:  # the unfinished file has a name of its own
            assert time.monotonic() < deadline, "nothing is written"
            time.sleep(0.02)
        time.sleep(0.3)
        work.send_signal(sent)
        _, errors = work.communicate(timeout=20)
        assert work.returncode == status, errors
        assert b"Traceback" not in errors
        assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]


class TestConfig:
    def test_check_tells_every_problem(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text("layot: 5.1\nosc: {port: 99999}\ndriver: alsa\n")
        lines = refused("check", "c.yaml", cwd=tmp_path)
        assert len(lines) == 3
        assert any("did you mean layout" in line for line in lines)
        done = stemfield("check", "c.yaml", "--json", cwd=tmp_path)
        (entry,) = json.loads(done.stdout)
        assert (done.returncode, entry["ok"], len(entry["problems"])) == (2, False, 3)

    def test_check_looks_at_what_the_config_names(self, tmp_path: Path) -> None:
        (tmp_path / "c.yaml").write_text("layout: 22.3\nmodel: nothing\ninput: none.wav\n")
        lines = refused("check", "c.yaml", cwd=tmp_path)
        assert [word in line for word, line in zip(("22.3", "none.wav", "nothing"), lines, strict=True)] == [True] * 3
        (tmp_path / "c.yaml").write_text("layout: 5.1\n")
        assert stemfield("check", "c.yaml", cwd=tmp_path).stdout == "c.yaml: ok\n"

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["--config", "none.yaml"], "none.yaml: cannot be read"),
            (["--layout", "22.3"], "22.3: unknown name"),
            (["--input", "none.wav"], "none.wav: no such file"),
        ],
    )
    def test_serve_refuses_before_it_starts(self, tmp_path: Path, words: list[str], message: str) -> None:
        (line,) = refused("serve", *words, cwd=tmp_path)
        assert message in line


def test_browse_prints_a_list() -> None:
    found = json.loads(stemfield("browse", "--timeout", "0.3", "--json").stdout)
    assert isinstance(found, list)
