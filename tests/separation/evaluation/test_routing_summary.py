"""Routing over songs, as figures, table and picture."""

import matplotlib.image
import numpy as np
import pytest

from stemfield.separation.evaluation.routing import REGISTERS, RESIDUAL, WHOLE, Row
from stemfield.separation.evaluation.routing_picture import plot_routing
from stemfield.separation.evaluation.routing_summary import (
    missed_line,
    missed_singers,
    routing_table,
    summarise,
    without_empty_residual,
)
from stemfield.separation.evaluation.tables import Table, markdown

NAN = float("nan")


def song(vocals, residual=0.0, low=0.2):
    """A song in which a share of the vocals goes right and the rest to other; `low` of their power is low."""
    row = {"vocals": vocals, "other": 1.0 - vocals - residual, RESIDUAL: residual}
    return {
        register: {"vocals": Row(low if register == REGISTERS[0] else 1.0, row)} for register in (WHOLE, *REGISTERS)
    }


def test_means_medians_and_ranges():
    row = summarise([song(0.1), song(0.2), song(0.9)])[WHOLE]["vocals"]
    share = row.shares["vocals"]
    assert (row.songs, share.lowest, share.highest) == (3, 0.1, 0.9)
    assert (share.mean, share.median) == (pytest.approx(0.4), 0.2)
    assert sum(each.mean for each in row.shares.values()) == pytest.approx(1.0)


def test_songs_without_shares_do_not_count():
    silent = {WHOLE: {"vocals": Row(NAN, {"vocals": NAN, "other": NAN, RESIDUAL: NAN})}}
    assert summarise([silent]) == {WHOLE: {}}
    assert summarise([silent, song(0.3)])[WHOLE]["vocals"].songs == 1


def test_stems_known_together_stand_behind_the_others():
    row = Row(1.0, {"vocals": 1.0, RESIDUAL: 0.0})
    assert [*summarise([{WHOLE: {"drums+bass": row, "other": row, "vocals": row}}])[WHOLE]] == [
        "vocals", "other", "drums+bass",
    ]  # fmt: skip


def test_a_singer_is_missed_below_half_a_decibel():
    vocals_db = {"quiet": 0.49, "heard": 0.5, "reversed": -3.0, "instrumental": NAN}
    assert missed_singers(vocals_db) == ("quiet", "reversed")
    assert "in 2 of 3 songs: quiet, reversed." in missed_line("m", vocals_db)
    assert missed_line("m", {"heard": 3.0}).endswith("in 0 of 1 songs.")


def test_songs_with_next_to_no_power_in_a_register_do_not_count_there():
    found = summarise([song(0.25, low=0.004), song(0.75, low=0.3)])
    assert found[WHOLE]["vocals"].songs == 2
    assert found[REGISTERS[0]]["vocals"].songs == 1
    assert found[REGISTERS[0]]["vocals"].shares["vocals"].mean == 0.75


def test_the_table_shows_a_residual_only_if_it_holds_something():
    table = routing_table("t", summarise([song(0.25), song(0.75)]))
    assert table.headings == ("register", "true stem", "songs", "of its power", "vocals", "other")
    first = table.sections[0][0]
    assert first == (WHOLE, "vocals", "2", "1.00", "0.50 (0.25 to 0.75)", "0.50 (0.25 to 0.75)")
    with_residual = routing_table("t", summarise([song(0.5, residual=0.1)]))
    assert with_residual.headings[-1] == RESIDUAL
    assert with_residual.sections[0][0][-3:] == ("0.50", "0.40", "0.10")


def test_a_share_of_minus_nothing_is_nothing():
    summary = {WHOLE: {"vocals": Row(1.0, {"vocals": 1.001, "other": -0.001, RESIDUAL: 0.0})}}
    assert routing_table("t", summarise([summary])).sections[0][0][-2:] == ("1.00", "0.00")


def test_the_picture_is_grey_and_darker_for_more(tmp_path):
    path = tmp_path / "routing.png"
    plot_routing({"a": summarise([song(0.9)]), "b": summarise([song(0.9), song(0.8, residual=0.1, low=0.0)])}, path)
    pixels = matplotlib.image.imread(path)[..., :3]
    assert np.ptp(pixels, axis=2).max() == 0.0

    def darkness(share):
        plot_routing({"a": summarise([song(share)])}, path)
        return 1.0 - matplotlib.image.imread(path)[..., :3].mean()

    # the other cell of the row becomes as much lighter, but greys are not linear: all in one cell is darkest
    assert darkness(1.0) > darkness(0.5)


def test_a_picture_of_no_known_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        plot_routing({"a": summarise([song(0.9)])}, tmp_path / "routing.xyz")


def test_markdown():
    table = Table("t", ("a|b", "n"), ((("x", "1"),), (("y", "2"),)))
    assert markdown([table]) == "**t**\n\n| a\\|b | n |\n| --- | --: |\n| x | 1 |\n| y | 2 |"
    assert without_empty_residual({}) == {}
