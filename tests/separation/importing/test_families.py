"""Other people's models: toy graphs with the very tensors of each family, against plain offline computations."""

import numpy as np
import pytest
import toy_models as toys

from stemfield.separation.cards.card import load_card
from stemfield.separation.signal.combine import wiener
from stemfield.separation.streaming.streaming import Separator

RATE_HZ = 44100
FOUR = ("drums", "bass", "other", "vocals")


@pytest.fixture(scope="module")
def music(make_music):
    return make_music(11 * RATE_HZ, RATE_HZ)


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(8)


def hann(n_fft):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


def stft(sound, n_fft, hop):
    """Frames centred on multiples of hop from sample 0 on, zeros around: (..., bins, frames), double precision."""
    padded = np.pad(sound.astype(np.float64), [(0, 0)] * (sound.ndim - 1) + [(n_fft // 2, n_fft)])
    starts = range(0, padded.shape[-1] - n_fft + 1, hop)
    return np.stack([np.fft.rfft(padded[..., at : at + n_fft] * hann(n_fft)) for at in starts], axis=-1)


def istft(spectra, n_fft, hop, frames, first=None):
    """Sound from `first` samples after the beginning of the first frame on; its middle where that is not said."""
    length = n_fft + hop * (spectra.shape[-1] - 1)
    sound, energy = np.zeros((*spectra.shape[:-2], length)), np.zeros(length)
    for index in range(spectra.shape[-1]):
        part = slice(index * hop, index * hop + n_fft)
        sound[..., part] += np.fft.irfft(spectra[..., index], n_fft) * hann(n_fft)
        energy[part] += hann(n_fft) ** 2
    first = n_fft // 2 if first is None else first
    return (sound / np.maximum(energy, 1e-12))[..., first : first + frames]


def filtered(music, masks, n_fft=4096, hop=1024, before=0):
    """Music under masks of shape (sources, 2, bins); frames lie `before` samples before multiples of hop."""
    lead = n_fft + before
    spectra = stft(np.pad(music, ((0, 0), (lead, 0))), n_fft, hop)
    return istft(masks[..., None] * spectra[None], n_fft, hop, lead + music.shape[1])[..., lead:]


def check(folder, music, separate, null_db, expected, limit_db=-85.0):
    """Runs a card in blocks, compares with what is expected; returns the separator."""
    separator = Separator(load_card(folder), RATE_HZ)
    stems = separate(separator, music)
    assert stems.shape == (len(separator.stems), 2, music.shape[1])
    assert null_db(stems - expected, music) < limit_db
    return separator


def openunmix(folder, rng, rule):
    folder.mkdir()
    gains = rng.uniform(0.05, 1.0, (4, 2, 2049)).astype(np.float32)
    for name, gain in zip(FOUR, gains, strict=True):
        pair = ("x", ("N", 2, 2049, "T"), "y", ("N", 2, 2049, "T"), gain[None, ..., None])
        toys.scaling(folder / f"{name}.onnx", [pair])
    port = {"role": "mag", "layout": "b c f t"}
    path = toys.write_card(
        folder,
        "mag_chunk",
        FOUR,
        [f"{name}.onnx" for name in FOUR],
        inputs=[{"name": "x", **port}],
        outputs=[{"name": "y", **port}],
        stft={"n_fft": 4096, "hop": 1024},
        chunk={"samples": 160 * 1024, "trim": 8 * 1024, "overlap": 0.25},
        combine=rule,
    )
    return path, gains.astype(np.float64)


def test_openunmix_with_ratios(tmp_path, music, separate, null_db, rng):
    folder, gains = openunmix(tmp_path / "umx", rng, {"rule": "ratio", "power": 2.0})
    masks = gains**2 / (gains**2).sum(axis=0)
    expected = filtered(music, masks)
    separator = check(folder, music, separate, null_db, expected)
    assert separator.latency_frames == 152 * 1024 + 1024
    assert null_db(expected.sum(axis=0) - music, music) < -100


def test_openunmix_with_the_mixtures_phase(tmp_path, music, separate, null_db, rng):
    folder, gains = openunmix(tmp_path / "umx", rng, {"rule": "direct"})
    check(folder, music, separate, null_db, filtered(music, gains))


def slow_wiener(gains, X, iterations):
    """Expectation-maximisation of a chunk, bin by bin and frame by frame in matrices of two by two."""
    y = gains[..., None] * X
    sources, _, bins, frames = y.shape
    for _ in range(iterations):
        new = np.zeros_like(y)
        for f in range(bins):
            v = (np.abs(y[:, :, f]) ** 2).mean(axis=1)
            R = [
                sum(np.outer(y[s, :, f, t], y[s, :, f, t].conj()) for t in range(frames)) / max(v[s].sum(), 1e-30)
                for s in range(sources)
            ]
            for t in range(frames):
                C = sum(v[s, t] * R[s] for s in range(sources)) + 1e-12 * np.eye(2)
                for s in range(sources):
                    new[s, :, f, t] = v[s, t] * R[s] @ np.linalg.solve(C, X[:, f, t])
        y = new
    return y


def test_the_wiener_filter_is_that_of_the_matrices(rng):
    X = rng.standard_normal((2, 4, 9)) + 1j * rng.standard_normal((2, 4, 9))
    gains = rng.uniform(0.1, 1.0, (3, 2, 4))
    X, gains = X.astype(np.complex64), gains.astype(np.float32)
    found = wiener(gains[..., None] * np.abs(X), X, 2)
    expected = slow_wiener(gains.astype(float), X.astype(complex), 2)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=0), X, atol=1e-4)


def test_openunmix_with_the_wiener_filter_sums_to_the_mixture(tmp_path, music, separate, null_db, rng):
    folder, _ = openunmix(tmp_path / "umx", rng, {"rule": "wiener", "iterations": 1})
    short = music[:, : 6 * RATE_HZ]
    stems = separate(Separator(load_card(folder), RATE_HZ), short)
    assert null_db(stems.sum(axis=0) - short, short) < -70


@pytest.mark.parametrize("above", ["zero", "average"])
def test_spleeter(tmp_path, music, separate, null_db, rng, above):
    folder = tmp_path / "spleeter"
    folder.mkdir()
    names = ("vocals", "accompaniment")
    gains = rng.uniform(0.05, 1.0, (2, 2, 1024)).astype(np.float32)
    for name, gain in zip(names, gains, strict=True):
        shape = (2, "num_splits", 512, 1024)
        toys.scaling(folder / f"{name}.onnx", [("x", shape, "y", shape, gain[:, None, None, :])])
    port = {"role": "mag", "layout": "c b t f"}
    path = toys.write_card(
        folder,
        "mag_chunk",
        names,
        [f"{name}.onnx" for name in names],
        stems={"accompaniment": "other"},
        inputs=[{"name": "x", **port}],
        outputs=[{"name": "y", **port}],
        stft={"n_fft": 4096, "hop": 1024, "bins": 1024, "above": above},
        chunk={"samples": 511 * 1024, "trim": 5 * 1024 + 512, "overlap": 0.25},
        combine={"rule": "ratio", "power": 2.0},
    )
    masks = gains.astype(np.float64) ** 2 / (gains.astype(np.float64) ** 2).sum(axis=0)
    rest = masks.mean(axis=-1, keepdims=True) if above == "average" else np.zeros((2, 2, 1))
    whole = np.concatenate([masks, np.repeat(rest, 1025, axis=-1)], axis=-1)
    # The chunk starts 5.5 hops and the cross-fade of 125 before the music: its frames lie half a hop beside.
    check(path, music, separate, null_db, filtered(music, whole, before=512))


def mdx(folder, rng, n_fft=6144, dim_f=3072, compensate=1.022, shape=("batch_size", 4, 3072, 256)):
    folder.mkdir()
    gains = rng.uniform(-1.0, 1.0, (4, dim_f)).astype(np.float32)
    toys.scaling(folder / "mdx.onnx", [("input", shape, "output", shape, gains[None, ..., None])])
    port = {"role": "re_im", "layout": "b (c z) f t"}
    path = toys.write_card(
        folder,
        "complex_chunk",
        ["vocals"],
        ["mdx.onnx"],
        rest="instrumental",
        stems={"instrumental": "other"},
        inputs=[{"name": "input", **port}],
        outputs=[{"name": "output", **port}],
        stft={"n_fft": n_fft, "hop": 1024, "bins": dim_f, "zero_low_bins": 3},
        chunk={"samples": 255 * 1024, "trim": n_fft // 2, "overlap": 62 / 249},
        compensate=compensate,
    )
    return path, gains.astype(np.float64)


def test_mdx_net(tmp_path, music, separate, null_db, rng):
    folder, gains = mdx(tmp_path / "mdx", rng)
    X = stft(np.pad(music, ((0, 0), (6144, 0))), 6144, 1024)
    X[:, :3] = 0.0
    X = np.stack([X.real, X.imag], axis=1)[:, :, :3072] * gains.reshape(2, 2, 3072, 1)
    spectra = np.pad(X[:, 0] + 1j * X[:, 1], ((0, 0), (0, 1), (0, 0)))
    vocals = 1.022 * istft(spectra, 6144, 1024, 6144 + music.shape[1])[..., 6144:]
    expected = np.stack([vocals, music - vocals])
    # Frames at a chunk's ends see reflected sound, and these wild filters smear it into what is kept.
    separator = check(folder, music, separate, null_db, expected, -75)
    assert separator.stems == ("vocals", "instrumental")
    assert separator.latency_frames == 255 * 1024 - 3072 + 1024


def test_a_model_of_one_stem_and_the_rest_plays_in_a_room_of_four(tmp_path, music, separate, null_db, rng):
    folder, _ = mdx(tmp_path / "mdx", rng)
    card = load_card(folder)
    own = separate(Separator(card, RATE_HZ), music)
    room = Separator(card, RATE_HZ, stems=("vocals", "bass", "drums", "other"))
    stems = separate(room, music)
    assert np.array_equal(stems[[0, 3]], own)
    assert not stems[1:3].any()
    assert null_db(stems.sum(axis=0) - music, music) < -100


def demucs_spec(x, n_fft=4096, hop=1024):
    """HTDemucs' own transform: (..., 2048, frames)."""
    frames = -(-x.shape[-1] // hop)
    edge = hop // 2 * 3
    around = [(0, 0)] * (x.ndim - 1)
    x = np.pad(x, [*around, (edge, edge + frames * hop - x.shape[-1])], mode="reflect")
    x = np.pad(x, [*around, (n_fft // 2, n_fft // 2)], mode="reflect")
    starts = range(0, x.shape[-1] - n_fft + 1, hop)
    z = np.stack([np.fft.rfft(x[..., at : at + n_fft] * hann(n_fft)) for at in starts], axis=-1) / np.sqrt(n_fft)
    return z[..., :-1, 2 : 2 + frames]


def demucs_ispec(z, samples, n_fft=4096, hop=1024):
    """Its inverse; what lies beyond the outermost frames counts as unknown, not as silence."""
    z = np.pad(z, [(0, 0)] * (z.ndim - 2) + [(0, 1), (0, 0)]) * np.sqrt(n_fft)
    return istft(z, n_fft, hop, samples, first=hop // 2 * 3)


SEGMENT = 343980
OVERLAP = round(0.25 * SEGMENT)


def in_segments(music, separate_segment):
    """Overlapped segments with triangular fades, the first of which fades in before the music."""
    hop = SEGMENT - OVERLAP
    frames = music.shape[1]
    out = np.zeros((4, 2, frames + 3 * SEGMENT))
    source = np.pad(music.astype(np.float64), ((0, 0), (OVERLAP, 3 * SEGMENT)))
    rise = (np.arange(OVERLAP) + 0.5) / OVERLAP
    weight = np.concatenate([rise, np.ones(hop - OVERLAP), rise[::-1]])
    for at in range(0, frames + OVERLAP, hop):
        out[..., at : at + SEGMENT] += weight * separate_segment(source[:, at : at + SEGMENT])
    return out[..., OVERLAP : OVERLAP + frames]


def normalised(separate_segment):
    """Each segment brought to mean 0 and deviation 1 of its two sides' mean, and the stems back."""

    def around(x):
        mono = x.mean(axis=0)
        return separate_segment((x - mono.mean()) / mono.std()) * mono.std() + mono.mean()

    return around


def test_htdemucs_as_sound(tmp_path, music, separate, null_db, rng):
    folder = tmp_path / "htdemucs"
    gains = rng.uniform(-1.0, 1.0, (4, 2))
    path = toys.small_wave(
        folder, gains, SEGMENT, FOUR, chunk={"samples": SEGMENT, "overlap": 0.25}, normalise="meanstd"
    )
    expected = in_segments(music, normalised(lambda x: gains[..., None] * x))
    separator = check(path, music, separate, null_db, expected)
    assert separator.latency_frames == SEGMENT + 1024


@pytest.mark.parametrize("form", ["spec_re and spec_im", "re_im"])
def test_htdemucs_as_spectra_and_sound(tmp_path, music, separate, null_db, rng, form):
    folder = tmp_path / "htdemucs"
    folder.mkdir()
    frames = -(-SEGMENT // 1024)
    of_wave = rng.uniform(-1.0, 1.0, (4, 2)).astype(np.float32)
    of_spec = rng.uniform(-1.0, 1.0, (4, 2, 2, 2048)).astype(np.float32)  # sources, sides, real and imaginary, bins
    wave = ("audio", (1, 2, SEGMENT), "wave", (1, 4, 2, SEGMENT), of_wave[None, :, :, None])
    if form == "re_im":
        gains = of_spec.reshape(1, 4, 4, 2048, 1)
        pairs = [("mag", (1, 4, 2048, frames), "spec", (1, 4, 4, 2048, frames), gains)]
        inputs = [{"name": "mag", "role": "re_im", "layout": "b (c z) f t"}]
        outputs = [{"name": "spec", "role": "re_im", "layout": "b s (c z) f t"}]
    else:
        shapes = (1, 2, 2048, frames), (1, 4, 2, 2048, frames)
        pairs = [
            (f"spec_{part}", shapes[0], f"out_{part}", shapes[1], of_spec[None, :, :, index, :, None])
            for index, part in enumerate(("real", "imag"))
        ]
        roles = (("real", "spec_re"), ("imag", "spec_im"))
        inputs = [{"name": f"spec_{part}", "role": role, "layout": "b c f t"} for part, role in roles]
        outputs = [{"name": f"out_{part}", "role": role, "layout": "b s c f t"} for part, role in roles]
    toys.scaling(folder / "htdemucs.onnx", [*pairs, wave])
    path = toys.write_card(
        folder,
        "spec_wave_chunk",
        FOUR,
        ["htdemucs.onnx"],
        inputs=[*inputs, {"name": "audio", "role": "wave", "layout": "b c n"}],
        outputs=[*outputs, {"name": "wave", "role": "wave", "layout": "b s c n"}],
        stft={"n_fft": 4096, "hop": 1024, "bins": 2048, "centre": "hop", "scale": "sqrt_n_fft"},
        chunk={"samples": SEGMENT, "overlap": 0.25},
        normalise="meanstd",
    )

    def segment(x):
        z = demucs_spec(x)
        z = of_spec[:, :, 0, :, None] * z.real + 1j * of_spec[:, :, 1, :, None] * z.imag
        return demucs_ispec(z, SEGMENT) + of_wave[..., None] * x

    expected = in_segments(music, normalised(segment))
    check(path, music, separate, null_db, expected)


def test_a_waveform_stream_with_memory(tmp_path, music, separate, null_db):
    folder = toys.wave_stream(tmp_path / "stream")
    short = music[:, :30_000]
    vocals = short * np.array([[0.5], [0.25]])
    separator = check(folder, short, separate, null_db, np.stack([vocals, short - vocals]), -100)
    assert separator.latency_frames == 256 + 1024
