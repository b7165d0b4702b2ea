"""The stages: each listed once, each with words of its own."""

import importlib
import pkgutil
from dataclasses import replace

import pytest

from stemfield.layouts.loader import load_layout
from stemfield.layouts.model import BassManagement
from stemfield.renderer import dsp
from stemfield.renderer.dsp.chain import Chain, design_chain
from stemfield.renderer.dsp.shared import Shared
from stemfield.renderer.engine import capture
from stemfield.renderer.engine.memory import TABLE_WORDS, Word
from stemfield.renderer.engine.stages import STAGES
from stemfield.renderer.engine.stages import TABLE_WORDS as STAGE_WORDS

CHAINS = {
    "plain": Chain.plain(5, 48_000),
    "everything": design_chain(
        replace(load_layout("5.1"), bass_management=BassManagement(), dual_band=True), 48_000
    ).monitored(64),
}


def test_every_module_with_a_stage_is_listed_once():
    modules = [importlib.import_module(f"{dsp.__name__}.{found.name}") for found in pkgutil.iter_modules(dsp.__path__)]
    own = [module.run for module in (*modules, capture) if "run" in vars(module)]
    listed = [stage.run for stage in STAGES]
    assert len(listed) == len(set(listed))
    assert set(listed) == set(own)


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_words_point_to_the_arrays_of_a_state(chain):
    for stage in STAGES:
        state = stage.state(chain, 13)
        assert len(state.table) <= STAGE_WORDS
        assert state.address % 64 == 0
        for word in state.words:
            if int(state.table[word]) > 1 << 32:  # an address
                array = state[word] if word in state.arrays else state.parts[0].table
                assert state.table[word] == array.ctypes.data


def test_no_two_words_of_the_engine_are_one():
    words = [*map(int, Shared), *map(int, Word)]
    assert len(words) == len(set(words))
    assert max(words) == TABLE_WORDS - 1


def test_words_that_control_writes_share_no_cache_line_with_others():
    control = {Word.PLAYER_END, Word.BYPASS, Word.PLAYING}
    others = {int(word) // 8 for word in (*Shared, *Word) if word not in control}
    assert not others & {int(word) // 8 for word in control}
    assert Word.PLAYER_END // 8 != Word.PLAYER_AT // 8
