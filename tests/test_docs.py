"""The documentation: it builds without a warning, every chapter is reached, and its man pages are man pages."""

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stemfield.control.config.configuration import Config, parse_config
from stemfield.control.options.commands import make_parser
from stemfield.layouts.loader import load_layout

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make docs-site` builds; a warning is a failure."""
    out = tmp_path_factory.mktemp("site")
    for kind in ("html", "man"):
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-M", kind, str(DOCS), str(out), "-W", "-n", "--keep-going", "-q"],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return out


def test_every_chapter_is_in_the_table_of_contents(site: Path) -> None:
    contents = (site / "html" / "index.html").read_text()
    for page in DOCS.glob("*.md"):
        assert f'href="{page.stem}.html"' in contents or page.stem == "index", page


def test_no_page_is_empty_and_no_picture_is_missing(site: Path) -> None:
    for page in (site / "html").glob("*.html"):
        text = page.read_text()
        for source in re.findall(r'<img[^>]* src="([^":]+)"', text):
            assert (page.parent / source).is_file(), f"{page.name}: {source}"
    for page in DOCS.glob("*.md"):
        shown = re.sub(r"<[^>]+>", " ", (site / "html" / f"{page.stem}.html").read_text())
        assert len(shown.split()) > 100, page


def test_links_to_places_within_the_site_lead_somewhere(site: Path) -> None:
    pages = {page.name: page.read_text() for page in (site / "html").glob("*.html")}
    for name, text in pages.items():
        for target, anchor in re.findall(r'href="([\w-]*(?:\.html)?)#([^"]+)"', text):
            assert f'id="{html.unescape(anchor)}"' in pages[target or name], f"{name}: {target}#{anchor}"


def test_man_pages_name_what_they_describe(site: Path) -> None:
    sections = {"stemfield.1": "serve", "stemfield.yaml.5": "layout_folders", "stemfield-osc.7": "/object/{o}/aed"}
    for name, part in sections.items():
        page = (site / "man" / name).read_text()
        title, number = name.rsplit(".", 1)
        assert re.search(rf'^\.TH "{re.escape(title.upper())}" "{number}"', page, re.MULTILINE)
        assert re.search(rf"^{re.escape(title)} \\- \w", page.replace("\\-osc", "-osc"), re.MULTILINE)
        assert part in page.replace("\\_", "_").replace("\\-", "-")


def yaml_blocks() -> list[tuple[str, str]]:
    """Every block of YAML in the manual, by its page."""
    pages = sorted(DOCS.glob("*.md"))
    return [(p.name, block) for p in pages for block in re.findall(r"^```yaml\n(.*?)^```", p.read_text(), re.M | re.S)]


def test_configurations_and_rooms_in_the_manual_can_be_used(tmp_path: Path) -> None:
    known = {"configuration": 0, "room": 0}
    for page, text in yaml_blocks():
        data = yaml.safe_load(text)
        if "name" in data and "speakers" in data:
            known["room"] += 1
            file = tmp_path / f"{data['name']}.yaml"
            file.write_text(re.sub(r", fir: [^,}]+", "", text))
            load_layout(str(file))
        elif set(data) <= set(Config.model_fields):
            known["configuration"] += 1
            parse_config(data, page)
    assert known["configuration"] >= 6
    assert known["room"] >= 3


def test_units_in_the_manual_are_what_systemd_understands_and_start_its_commands(tmp_path: Path) -> None:
    page = (DOCS / "two-machines.md").read_text()
    units = dict(re.findall(r"^```ini\n# /etc/systemd/system/(\S+\.service).*?\n(.*?)^```", page, re.M | re.S))
    assert set(units) == {"zita-j2n.service", "zita-n2j.service"}
    for name, text in units.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "--system", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True
        )
        complaints = [line for line in done.stderr.splitlines() if name in line]
        assert (done.returncode, complaints) == (0, []), done.stderr
        (command,) = re.findall(r"^ExecStart=/usr/bin/(.*)$", text, re.M)
        assert f"\n{command}\n" in page


def test_every_command_is_described() -> None:
    page = (DOCS / "cli.md").read_text()
    for name, parser in make_parser().commands.items():
        for words in [f"{name} {below}" for below in parser.commands] or [name]:
            assert f"## stemfield {words}\n" in page
