"""Models with one network per instrument: independent estimates are limited to the mixture."""

import numpy as np
import pytest
import toy_models as toys
import yaml

from stemfield.separation.cards.card import CardError, load_card
from stemfield.separation.streaming.streaming import Separator

HOP = 128
BINS = 2 * HOP + 1
SOURCES = toys.FOUR


def claims_of(each, sources=4, seed=3):
    """Estimates of each source's network, large enough that four sum to more than one in most bins."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((each, 2, BINS)) + 0.5 for _ in range(sources)]


@pytest.fixture
def model(tmp_path):
    """A card by the form of its graphs."""

    def make(each=1, takes="re_im", gives="re_im", sources=SOURCES, estimates=None, **fields):
        estimates = claims_of(each, len(sources)) if estimates is None else estimates
        return load_card(toys.mask_stream(tmp_path / "each", estimates, takes, gives, sources, **fields))

    return make


@pytest.fixture(scope="module")
def music(make_music):
    return make_music(20 * HOP, 44100)


def slow_separation(estimates, mixture, takes, lookahead=0):
    """By the definition, in double precision: each network's mask, scaled down where the sum exceeds one."""
    n = 4 * HOP
    rise, fall = np.arange(n - HOP) + 0.5, np.arange(HOP) + 0.5
    a = np.concatenate([np.sin(0.5 * np.pi * rise / (n - HOP)), np.cos(0.5 * np.pi * fall / HOP)])
    s = np.zeros(n)
    s[-2 * HOP :] = np.sin(np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP)) ** 2 / a[-2 * HOP :]
    scale = 2.0 / a.sum()
    frames = mixture.shape[1]
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (n - HOP, n + lookahead * HOP)))
    stems = np.zeros((len(estimates), 2, padded.shape[1]))
    level = 0.0
    heard = [np.zeros((2, BINS))] * lookahead
    for start in range(0, frames + (1 + lookahead) * HOP, HOP):
        X = scale * np.fft.rfft(a * padded[:, start : start + n])
        heard.append(X)
        masks = np.stack([toys.masks_of(claim, level)[0] for claim in estimates])
        masks /= np.maximum(masks.sum(axis=0), 1.0)
        mean_square = np.mean(np.abs(X) ** 2) if takes == "mag" else np.mean([X.real**2, X.imag**2])
        level = 0.5 * level + 1000.0 * mean_square
        then = start - lookahead * HOP
        if then >= 0:
            stems[..., then : then + n] += np.fft.irfft(masks * heard[-1 - lookahead]) * s / scale
    return stems[..., n - HOP : n - HOP + frames]


@pytest.mark.parametrize(
    ("each", "takes", "gives"), [(1, "re_im", "re_im"), (2, "re_im", "re_im"), (1, "mag", "mask"), (2, "mag", "mask")]
)
def test_equals_the_slow_separation(model, music, separate, null_db, each, takes, gives):
    over = sum(toys.masks_of(claim, 0.0)[0] for claim in claims_of(each)) > 1.0
    assert 0.5 < over.mean() < 1.0
    stems = separate(Separator(model(each, takes, gives), 44100), music)
    assert null_db(stems - slow_separation(claims_of(each), music, takes), music) < -100.0


@pytest.mark.parametrize("gives", ["re_im", "mask"])
@pytest.mark.parametrize("together", [False, True])
def test_a_network_that_looks_ahead_is_later_and_aligned(tmp_path, music, separate, null_db, gives, together):
    """Three hops: the output of a call belongs to the mixture three calls earlier."""
    estimates = claims_of(1)
    given = np.concatenate([0.1 * claim - 3.0 for claim in estimates]) if together else estimates
    card = load_card(toys.mask_stream(tmp_path / "ahead", given, gives=gives, lookahead=3))
    separator = Separator(card, 44100)
    assert separator.latency_frames == (2 + 3) * HOP
    stems = separate(separator, music)
    if together:
        assert null_db(stems.sum(axis=0) - music, music) < -100.0
    else:
        assert null_db(stems - slow_separation(estimates, music, "re_im", 3), music) < -100.0
    for block in (1, 1000):
        assert np.array_equal(separate(separator, music, block), stems), block
    separator.threshold = 0.3
    strict = separate(separator, music)
    assert 0.0 < (strict**2).sum() < (stems**2).sum()
    fed = out = 0
    for at in range(0, music.shape[1], 100):
        fed += music[:, at : at + 100].shape[1]
        out += separator.feed(music[:, at : at + 100]).shape[2]
        assert fed - separator.latency_frames <= out


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8])
def test_stems_and_rest_sum_to_the_mixture(model, music, separate, null_db, threshold):
    separator = Separator(model(sources=("vocals", "drums"), rest="other"), 44100)
    assert separator.stems == ("vocals", "drums", "other")
    separator.threshold = threshold
    stems = separate(separator, music)
    energies = (stems**2).sum(axis=(1, 2))
    if threshold == 0.0:
        assert energies.min() > 0.0
        assert null_db(stems.sum(axis=0) - music, music) < -100.0
    else:  # what is rejected stays in the residual
        assert 0.0 < energies.sum() < 0.99 * (music**2).sum()


def test_one_graph_for_one_source_leaves_a_rest(model, music, separate, null_db):
    card = model(sources=("vocals",), estimates=claims_of(1, 1), rest="band", stems={"band": "other"})
    vocals, _, _, other = separate(Separator(card, 44100, stems=SOURCES), music)
    (alone,) = slow_separation(claims_of(1, 1), music, "re_im")
    assert null_db(vocals - alone, music) < -100.0
    assert null_db(vocals + other - music, music) < -100.0


def test_blocks_and_silence_do_not_matter(model, music, separate):
    separator = Separator(model(), 44100)
    whole = separate(separator, music, music.shape[1])
    for block in (1, 100, 1000):
        assert np.array_equal(separate(separator, music, block), whole), block
    later = separate(separator, np.pad(music, ((0, 0), (3000, 0))))
    assert not later[..., :3000].any()
    assert np.array_equal(later[..., 3000:], whole)


def test_a_network_that_fails_silences_its_own_instrument_only(model, music, separate):
    estimates = claims_of(1)
    estimates[2] = np.full_like(estimates[2], np.nan)
    stems = separate(Separator(model(estimates=estimates), 44100), music)
    assert not stems[2].any()
    assert all(stems[index].any() for index in (0, 1, 3))


def test_the_rule_of_the_web_remixer_takes_its_networks(model, music, separate):
    separator = Separator(model(), 44100, rule="surrey")
    separator.threshold = 0.4
    stems = separate(separator, music)
    assert np.isfinite(stems).all()
    assert stems.any()


def test_each_file_is_checked(tmp_path):
    folder = tmp_path / "each"
    estimates = claims_of(1)
    estimates[1] = np.zeros((1, 2, BINS - 64))
    with pytest.raises(CardError) as caught:
        Separator(load_card(toys.mask_stream(folder, estimates)), 44100)
    assert caught.value.source == str(folder / "bass.onnx")
    assert caught.value.problems == (
        "the input 'X': expected shape [2, 257, 2] as in the card, got [2, 193, 2]",
        "the output 'Y': expected shape [1, 2, 257, 2] as in the card, got [1, 2, 193, 2]",
    )


def test_a_file_too_few_and_a_graph_of_too_many(tmp_path):
    with pytest.raises(CardError) as caught:
        load_card(toys.mask_stream(tmp_path / "three", claims_of(3)))
    expected = (
        "outputs: shape of Y: expected [1, 2, 257, 2] or [2, 2, 257, 2] from sources, files and stft,"
        " got [3, 2, 257, 2]"
    )
    assert caught.value.problems == (expected,)
    folder = tmp_path / "few"
    toys.mask_stream(folder, claims_of(1))
    card = yaml.safe_load((folder / "card.yaml").read_text())
    (folder / "card.yaml").write_text(yaml.safe_dump(card | {"files": card["files"][:3]}))
    with pytest.raises(CardError) as caught:
        load_card(str(folder))
    assert caught.value.problems == ("files: expected one, or one per source (4), got 3",)
