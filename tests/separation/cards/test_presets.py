import shutil

import pytest
import yaml

from stemfield.separation.cards.card import SHIPPED, available_models, load_card
from stemfield.separation.cards.presets import DEFAULT, PRESETS


def own(folder, name, origin):
    """A copy of a shipped model under another name."""
    shutil.copytree(SHIPPED / origin, folder / name)
    path = folder / name / "card.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"name": name, "title": "mine"}))


def test_every_preset_is_a_shipped_model_and_no_model_has_a_presets_name():
    shipped = {path.name for path in SHIPPED.iterdir() if path.is_dir()}
    assert {DEFAULT, "light", "studio"} <= PRESETS.keys()
    assert set(PRESETS.values()) <= shipped
    assert not shipped & PRESETS.keys()
    for preset, name in PRESETS.items():
        assert load_card(preset).name == name


def test_the_light_one_is_no_later_than_23_ms():
    card = load_card("light")
    assert card.delay_samples / card.sample_rate.highest_hz < 0.0235


def test_presets_are_listed_with_their_models():
    told = {preset: entry.name for entry in available_models() for preset in entry.presets}
    assert told == PRESETS


def test_a_users_model_of_a_presets_name_comes_first(tmp_path):
    own(tmp_path, "studio", PRESETS["studio"])
    assert load_card("studio", (tmp_path,)).title == "mine"
    entries = available_models((tmp_path,))
    assert [entry.name for entry in entries if entry.name == "studio"] == ["studio"]
    assert not [entry.name for entry in entries if "studio" in entry.presets]


def test_a_users_model_of_a_shipped_ones_name_takes_its_presets(tmp_path):
    name = PRESETS[DEFAULT]
    own(tmp_path, name, name)
    assert load_card(DEFAULT, (tmp_path,)).title == "mine"
    mine, *others = [entry for entry in available_models((tmp_path,)) if entry.name == name]
    assert DEFAULT in mine.presets
    assert [entry.presets for entry in others] == [()]


@pytest.mark.parametrize(("asked", "meant"), [("stduio", "studio"), ("defualt", "default")])
def test_presets_are_suggested(asked, meant):
    with pytest.raises(ValueError, match=f"did you mean {meant}"):
        load_card(asked)
