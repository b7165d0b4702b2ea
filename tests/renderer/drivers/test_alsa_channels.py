"""A card's own channel map, as ALSA's library tells it; the library here is one whose cards are known."""

import subprocess

import pytest

from stemfield.renderer.drivers import alsa_channels
from stemfield.renderer.drivers.alsa_channels import channel_map, channels_by_alias

LIBRARY = r"""
#include <string.h>
#include <stddef.h>
struct map { int kind; unsigned channels; unsigned places[8]; };
static struct map stereo = {1, 2, {3, 4}}, desk = {1, 6, {3, 4, 5, 6, 7, 8}};
static struct map film = {1, 6, {3, 4, 7, 8, 9, 10 | 0x10000}};
static struct map free_to_choose = {2, 8, {3, 4, 8, 7, 5, 6, 14, 15}};
static struct map *one[] = {&stereo, &desk, NULL}, *other[] = {&film, NULL}, *hdmi[] = {&free_to_choose, NULL};
static int freed;
int snd_card_get_index(const char *name) {
  return !strcmp(name, "0") || !strcmp(name, "PCH") ? 0 : !strcmp(name, "USB") ? 1 : -19;
}
struct map **snd_pcm_query_chmaps_from_hw(int card, int device, int sub, int stream) {
  return stream != 0 || sub != -1 ? NULL : card == 1 ? other : device == 3 ? hdmi : one;
}
void snd_pcm_free_chmaps(struct map **maps) { freed++; }
const char *snd_pcm_chmap_name(int place) {
  static const char *names[] = {"UNKNOWN", "NA", "MONO", "FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR"};
  return names[place];
}
"""


@pytest.fixture(autouse=True)
def _cards(tmp_path, monkeypatch, tool):
    source, library = tmp_path / "asound.c", tmp_path / "asound.so"
    source.write_text(LIBRARY)
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.setattr(alsa_channels, "ALSA", str(library))
    channel_map.cache_clear()
    yield
    channel_map.cache_clear()


@pytest.mark.parametrize(
    ("device", "count", "channels"),
    [
        ("hw:0", 6, ("FL", "FR", "RL", "RR", "FC", "LFE")),
        ("hw:CARD=PCH,DEV=0", 2, ("FL", "FR")),
        ("plughw:USB", 6, ("FL", "FR", "FC", "LFE", "SL", "SR")),
        ("hw:PCH,3", 8, ("FL", "FR", "RL", "RR", "FC", "LFE", "SL", "SR")),
        ("hw:0", 8, ()),
        ("hw:nobody", 2, ()),
        ("dummy_pcm", 2, ()),
    ],
)
def test_the_map_of_a_card(device, count, channels):
    assert channel_map(device, count) == channels


def test_ports_by_the_aliases_that_jackd_gives_them():
    aliases = [[f"alsa_pcm:hw:0:in{n}"] for n in range(1, 7)] + [[], ["alsa_pcm:hw:9:in1"], ["alsa_pcm:hw:0:out1"]]
    assert channels_by_alias(aliases) == ["FL", "FR", "RL", "RR", "FC", "LFE", None, None, None]


def test_without_the_library_nothing_is_known(monkeypatch):
    monkeypatch.setattr(alsa_channels, "ALSA", "libasound-that-is-not-there.so")
    assert channel_map("hw:0", 6) == ()
