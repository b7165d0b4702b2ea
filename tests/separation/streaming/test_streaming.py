import numpy as np
import onnxruntime
import pytest
from slow_spatial_filter import SlowSpatialFilter

from stemfield.separation.runtime.providers import CPU
from stemfield.separation.signal.masks import RULES
from stemfield.separation.streaming.streaming import PAUSE_S, Separator, model_stream

BLOCKS = (1, 7, 64, 512, 1000, 8192)


@pytest.fixture(scope="module")
def music(make_music):
    return make_music(30_000, 48000)


@pytest.fixture(scope="module")
def separator(card):
    return Separator(card, 48000)


@pytest.fixture
def at(card):
    """Separators at any rate, made once for each."""
    return lambda sample_rate_hz: Separator(card, sample_rate_hz)


def slow_gain(card, heard):
    """Gain of the newest hop: from the latest 1.5 s, in whole hops."""
    hop_s = card.stft.hop / card.sample_rate.nominal_hz
    tenth = round(0.1 / hop_s) * card.stft.hop
    begun = (heard.shape[1] - card.stft.hop) // tenth * tenth
    window, recent = (heard[:, max(begun - tenths * tenth, 0) :] for tenths in (14, 1))
    level = max(window.var(axis=1).mean(), recent.var(axis=1).mean() / 4.0, 1e-9)
    return np.sqrt(10.0 ** (card.level_db / 10.0) / level)


def slow_separation(card, mixture):
    """The stems by the definition, in double precision and without streaming: the oracle."""
    n, hop = card.stft.n_fft, card.stft.hop
    rise, fall = np.arange(n - hop) + 0.5, np.arange(hop) + 0.5
    a = np.sqrt(np.concatenate([0.5 - 0.5 * np.cos(np.pi * rise / (n - hop)), 0.5 + 0.5 * np.cos(np.pi * fall / hop)]))
    s = np.zeros(n)
    s[-2 * hop :] = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop))) / a[-2 * hop :]
    scale = 2.0 / a.sum()
    session = onnxruntime.InferenceSession(str(card.graph))
    states = {state.target: np.zeros(state.shape, np.float32) for state in card.states}
    outputs = [card.audio_output.name, *(state.source for state in card.states)]
    frames, late = mixture.shape[1], card.lookahead_frames * hop
    spatial = SlowSpatialFilter(np.exp(-hop / card.sample_rate.nominal_hz / card.places_s))
    spectra, gains = [], []
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (n - hop, n + late)))
    stems = np.zeros((4, 2, padded.shape[1]))
    for start in range(0, frames + hop + late, hop):
        gains.append(slow_gain(card, padded[:, n - hop : start + n]))
        X = gains[-1] * scale * np.fft.rfft(a * padded[:, start : start + n])
        Y, *kept = session.run(outputs, {"X": np.stack([X.real, X.imag], -1).astype(np.float32), **states})
        states = dict(zip(states, kept, strict=True))
        spectra.append(X)
        if start >= late:
            Z = spatial.apply(spectra[-1 - card.lookahead_frames], Y[..., 0] + 1j * Y[..., 1])
            Z /= gains[-1 - card.lookahead_frames]
            stems[..., start - late : start - late + n] += np.fft.irfft(Z) * s / scale
    return stems[..., n - hop : n - hop + frames]


def test_equals_the_slow_separation(card, separator, music, separate, null_db):
    assert null_db(separate(separator, music) - slow_separation(card, music), music) < -100.0


def test_stems_differ_and_sum_to_the_mixture(separator, music, separate, null_db):
    stems = separate(separator, music)
    assert stems.shape == (4, 2, music.shape[1])
    assert stems.dtype == np.float32
    assert null_db(stems.sum(axis=0) - music, music) < -100.0
    energies = (stems**2).sum(axis=(1, 2)) / (music**2).sum()
    assert energies.min() > 1e-4
    assert energies.max() < 0.95


@pytest.mark.parametrize("sample_rate_hz", [88200, 96000, 32000, 8000])
def test_stems_at_converted_rates_sum_to_the_mixture(at, sample_rate_hz, make_music, separate, null_db):
    music = make_music(sample_rate_hz, sample_rate_hz, highest_hz=min(15000.0, 0.4 * sample_rate_hz))
    music *= np.hanning(music.shape[1]).astype(np.float32)  # an abrupt edge would hold more than the band
    stems = separate(at(sample_rate_hz), music)
    assert stems.shape == (4, 2, music.shape[1])
    assert null_db(stems.sum(axis=0) - music, music) < -100.0


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 96000])
def test_blocks_do_not_matter(at, sample_rate_hz, make_music, separate):
    separator = at(sample_rate_hz)
    music = make_music(15_000, sample_rate_hz)
    whole = separate(separator, music, 15_000)
    for block in BLOCKS:
        assert np.array_equal(separate(separator, music, block), whole), block


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 88200, 96000])
def test_silence_before_the_music_does_not_matter(at, sample_rate_hz, make_music, separate):
    separator = at(sample_rate_hz)
    music = make_music(12_000, sample_rate_hz)
    alone = separate(separator, music)
    for silent in (1, 511, 1024, 4097, 77_777):
        stems = separate(separator, np.pad(music, ((0, 0), (silent, 0))), 1000)
        assert not stems[..., :silent].any()
        assert np.array_equal(stems[..., silent:], alone), silent


@pytest.mark.parametrize("sample_rate_hz", [48000, 96000])
def test_long_silence_between_two_songs_makes_the_second_as_new(at, sample_rate_hz, make_music, separate, null_db):
    separator = at(sample_rate_hz)
    music = make_music(9_000, sample_rate_hz)
    gap = round((PAUSE_S + 0.3) * sample_rate_hz) + 1
    both = np.concatenate([music, np.zeros((2, gap), np.float32), music], axis=1)
    alone = separate(separator, music)
    for block in (64, 1000, both.shape[1]):
        stems = separate(separator, both, block)
        assert np.array_equal(stems[..., -9_000:], alone), block
        assert null_db(stems[..., :9_000] - alone, music) < -100.0


def test_short_silence_within_a_song_keeps_the_memory(separator, music, separate, null_db):
    with_gap = music.copy()
    with_gap[:, 12_000:13_000] = 0.0
    stems = separate(separator, with_gap)
    assert null_db(stems.sum(axis=0) - with_gap, music) < -100.0
    assert not np.array_equal(stems[..., 13_000:], separate(separator, with_gap[:, 13_000:]))


def test_a_pause_equals_a_stream_that_never_sleeps_to_the_last_bit(card, separator, music, separate):
    pause = round(PAUSE_S * 48000) - 1
    both = np.concatenate([music, np.zeros((2, pause), np.float32), music], axis=1)
    stream = model_stream(card, CPU, RULES["soft"]())
    tail = np.zeros((2, stream.latency_frames), np.float32)
    never = np.concatenate([stream.feed(both), stream.feed(tail)], axis=2)[..., : both.shape[1]]
    assert np.array_equal(separate(separator, both), never)


def test_a_pause_leaves_nothing_denormal(separator, music):
    separator.reset()
    separator.feed(music)
    stems = separator.feed(np.zeros((2, round(PAUSE_S * 48000) - 1), np.float32))
    assert not separator.is_asleep
    model = separator._stream.model
    states = [
        *model.sessions[0]._state.values(),
        model._spatial._power,
        model._spatial._cross,
        model._transform._pending,
    ]
    for values in (stems, *states):
        parts = np.ascontiguousarray(values).view(np.float32)
        assert not ((parts != 0.0) & (np.abs(parts) < np.finfo(np.float32).tiny)).any()


def test_silence_makes_no_call_and_exact_zeros(card, monkeypatch, separate):
    separator = Separator(card, 48000)
    calls = []
    (session,) = separator._stream.model.sessions
    step = session.step
    monkeypatch.setattr(session, "step", lambda *spectra: (calls.append(1), step(*spectra))[1])
    assert not separate(separator, np.zeros((2, 20_000), np.float32)).any()
    assert not calls
    click = np.zeros((2, 400_000), np.float32)
    click[:, 1000] = 0.5
    separate(separator, click)
    pause = PAUSE_S * 48000 / card.stft.hop
    assert pause - 1 <= len(calls) <= pause + 4


@pytest.mark.parametrize("sample_rate_hz", [44100, 48000, 88200, 96000])
def test_latency_is_bounded_for_any_block_and_any_content(at, sample_rate_hz, make_music):
    separator = at(sample_rate_hz)
    rng = np.random.default_rng(2)
    music = make_music(24_000, sample_rate_hz)
    music[:, 5_000:5_800] = 0.0
    worst = 0
    for block in (*BLOCKS, None):
        separator.reset()
        fed = out = 0
        frames = 6_000 if block == 1 else music.shape[1]
        while fed < frames:
            taken = music[:, fed : fed + (block or int(rng.integers(1, 4000)))]
            fed += taken.shape[1]
            out += separator.feed(taken).shape[2]
            assert fed - separator.latency_frames <= out <= fed
            worst = max(worst, fed - out)
        out += separator.flush().shape[2]
        assert out == fed
    assert worst > 0.8 * separator.latency_frames


def test_latency_without_conversion_is_two_hops_and_what_it_looks_ahead(separator, card):
    assert separator.latency_frames == 1024 + 512 * card.lookahead_frames
    separator.reset()
    sound = np.full((2, 1), 0.1, np.float32)
    out = [separator.feed(sound).shape[2] for _ in range(2100)]
    assert np.flatnonzero(out).tolist() == list(range(separator.latency_frames - 1, 2100, 512))


@pytest.mark.parametrize("sample_rate_hz", [48000, 96000])
def test_fewer_frames_than_wanted_would_bring_nothing(at, sample_rate_hz, make_music):
    separator = at(sample_rate_hz)
    music = make_music(20_000, sample_rate_hz)
    pieces, fed = [], 0
    while fed < 20_000:
        frames = separator.needed_frames
        assert 1 <= frames <= separator.latency_frames
        if frames > 1:
            assert separator.feed(music[:, fed : fed + frames - 1]).shape[2] == 0
            fed, frames = fed + frames - 1, 1
        pieces.append(separator.feed(music[:, fed : fed + frames]))
        fed += frames
    owed = fed - sum(piece.shape[2] for piece in pieces)
    assert owed <= separator.latency_frames


def test_threshold_zero_is_untouched_and_one_rejects_nearly_all(separator, music, separate):
    plain = separate(separator, music)
    shares = []
    try:
        for threshold in (0.0, 0.3, 0.6, 1.0):
            separator.threshold = threshold
            stems = separate(separator, music)
            if threshold == 0.0:
                assert np.array_equal(stems, plain)
            shares.append((stems**2).sum() / (plain**2).sum())
    finally:
        separator.threshold = 0.0
    assert shares == sorted(shares, reverse=True)
    assert shares[1] < 0.999
    assert shares[-1] < 0.01


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_thresholds_out_of_range_are_refused(separator, value):
    with pytest.raises(ValueError, match="threshold: expected 0 to 1, got"):
        separator.threshold = value


def test_what_is_not_finite_counts_as_zero(separator, music, separate):
    broken, mended = music.copy(), music.copy()
    for frame, value in ((100, np.nan), (4000, np.inf), (9000, -np.inf)):
        broken[0, frame] = value
        mended[0, frame] = 0.0
    assert np.array_equal(separate(separator, broken), separate(separator, mended))


def test_direct_current_and_clipping_sum_to_the_mixture(separator, music, separate, null_db):
    for sound in (np.full((2, 8000), 0.7, np.float32), np.clip(40.0 * music, -1.0, 1.0)):
        assert null_db(separate(separator, sound).sum(axis=0) - sound, sound) < -100.0


def test_absurd_levels_do_not_spoil_what_follows(separator, music, separate, null_db):
    sound = music.copy()
    sound[:, 3000:5000] *= np.float32(1e30)
    stems = separate(separator, sound)
    assert np.isfinite(stems).all()
    assert null_db((stems.sum(axis=0) - sound)[:, 9000:], music) < -100.0


def test_one_silent_channel_stays_silent(separator, music, separate):
    sound = music.copy()
    sound[1] = 0.0
    assert not separate(separator, sound)[:, 1].any()


def test_any_array_of_frames_is_taken(separator, make_music, separate):
    assert separate(separator, np.zeros((2, 0), np.float32)).shape == (4, 2, 0)
    doubles = make_music(3000, 48000).astype(np.float64)
    assert np.array_equal(
        separate(separator, doubles[:, ::-1]), separate(separator, doubles[:, ::-1].astype(np.float32))
    )


@pytest.mark.parametrize("sample_rate_hz", [7999, 192001])
def test_rates_out_of_range_are_refused(card, sample_rate_hz):
    with pytest.raises(ValueError, match=f"sample rate: expected 8000 to 192000 Hz, got {sample_rate_hz} Hz"):
        Separator(card, sample_rate_hz)


def test_the_rule_of_the_web_remixer_does_not_depend_on_blocks_or_silence(card, make_music, separate):
    separator = Separator(card, 48000, rule="surrey")
    separator.threshold = 0.5
    music = make_music(20_000, 48000)
    whole = separate(separator, music, 20_000)
    assert whole.any()
    for block in (64, 1000):
        assert np.array_equal(separate(separator, music, block), whole)
    later = separate(separator, np.pad(music, ((0, 0), (5000, 0))))
    assert np.array_equal(later[..., 5000:], whole)


def test_an_unknown_rule_is_named_with_the_known_ones(card):
    with pytest.raises(ValueError, match="rule: expected soft or surrey, got 'surey', did you mean surrey"):
        Separator(card, 48000, rule="surey")
