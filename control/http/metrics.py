"""Metrics in the text format of Prometheus. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from stemfield.control.faults import fault_count
from stemfield.control.status import Status
from stemfield.renderer.engine.loudness import ShownLoudness

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_Numbers = CounterMetricFamily | GaugeMetricFamily
Family = _Numbers | InfoMetricFamily

_DROPPED: Final = ("not_allowed", "limited", "lost")


def exposition(status: Status, clients: Mapping[str, int], version: str) -> bytes:
    """All metrics in Prometheus's text format, with the number of open connections by kind."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Readings(status, clients, version))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Readings(Collector):
    status: Status
    clients: Mapping[str, int]
    version: str

    def collect(self) -> Iterable[Family]:
        yield from self._sound()
        yield from self._network()

    def _sound(self) -> Iterator[Family]:
        sound, callback = self.status.sound(), self.status.callback()
        facts = {"version": self.version, "driver": sound.driver or "none", "model": sound.model or "none"}
        yield InfoMetricFamily("stemfield", "Version, driver and model.", value=facts)
        yield _gauge("uptime_seconds", "Time since the daemon started.", self.status.counters.read("heartbeat"))
        yield _counter("faults", "Internal errors of the daemon, each logged.", fault_count())
        yield _gauge("playing", "1 while a sound server or the clock requests blocks.", float(bool(sound.driver)))
        yield _gauge("latency_seconds", "Latency from the mixture to the loudspeakers.", sound.latency_ms / 1e3)
        yield _counter("blocks", "Blocks rendered since the engine started.", callback.blocks)
        yield _counter("played_seconds", "Time rendered since the engine started.", callback.played_s)
        shares = {f"{quantile:g}": value for quantile, value in callback.shares.items()}
        text = "Share of the period used by the audio callback, over the last seconds."
        yield _by(GaugeMetricFamily, "callback_share", text, "quantile", shares)
        yield from _loudness(self.status.loudness())
        yield _counter("xruns", "Xruns reported by the sound server.", sound.xruns)
        yield _counter("cuts", "Cross-fades without stems, heard as a click.", callback.cuts)
        yield _counter("bad_input_samples", "Input samples that were not finite and were silenced.", callback.bad_input)
        yield _gauge("stems_share", "1 when all stems play, 0 when the mixture plays unseparated.", sound.stems_share)
        yield _counter("without_stems_seconds", "Time played without stems.", sound.missing_s)
        yield _gauge("worker_load", "Share of real time used by the separation.", sound.load)
        yield _counter("separated_seconds", "Duration of the music that went through a model.", sound.separated_s)
        yield _counter("worker_late", "Times that the separation fell behind and skipped.", sound.late)
        yield _counter("worker_restarts", "Separation workers that were restarted.", sound.restarts)

    def _network(self) -> Iterator[Family]:
        read = self.status.counters.read
        yield _counter("received", "Datagrams, requests and frames received.", read("received"))
        yield _counter("sent", "Datagrams sent.", read("sent"))
        yield _counter("unsent", "Datagrams that could not be sent.", read("unsent"))
        dropped = {reason: read(reason) for reason in _DROPPED}
        yield _by(CounterMetricFamily, "dropped", "Datagrams and requests dropped, by reason.", "reason", dropped)
        yield _counter("messages", "Messages received, valid or not.", read("messages"))
        refused = {"unknown_address": read("unknown"), "held_by_another": read("conflicts")}
        refused["read_only"] = read("read_only")
        refused["other"] = max(read("problems") - sum(refused.values()), 0)
        yield _by(CounterMetricFamily, "refused", "Messages refused, by reason.", "reason", refused)
        yield _gauge("subscriptions", "Active subscriptions.", read("peers"))
        yield _by(GaugeMetricFamily, "clients", "Open connections, by kind.", "kind", self.clients)


def _loudness(shown: ShownLoudness) -> Iterator[Family]:
    both = {"mixture": shown.mixture, "room": shown.room}
    text = "Loudness of the recording and of the room by EBU R 128; -120 is silence."
    family = GaugeMetricFamily("stemfield_loudness_lufs", text, labels=["programme", "measure"])
    for name, loudness in both.items():
        family.add_metric([name, "momentary"], loudness.momentary_lufs)
        family.add_metric([name, "short_term"], loudness.short_term_lufs)
        family.add_metric([name, "integrated"], loudness.integrated_lufs)
    yield family
    ranges = {name: loudness.range_lu for name, loudness in both.items()}
    yield _by(GaugeMetricFamily, "loudness_range_lu", "Loudness range by EBU Tech 3342.", "programme", ranges)
    peaks = {name: loudness.true_peak_db for name, loudness in both.items()}
    yield _by(GaugeMetricFamily, "true_peak_dbtp", "Highest true peak.", "programme", peaks)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"stemfield_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"stemfield_{name}", text, value=value)


def _by(kind: type[_Numbers], name: str, text: str, label: str, values: Mapping[str, float]) -> _Numbers:
    family = kind(f"stemfield_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
