"""What runs here in numbers, as Prometheus reads them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from stemfield.control.faults import counted
from stemfield.control.status import Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Family = CounterMetricFamily | GaugeMetricFamily | InfoMetricFamily

_DROPPED: Final = ("not_allowed", "limited", "lost")


def exposition(status: Status, clients: Mapping[str, int], version: str) -> bytes:
    """All numbers in Prometheus's text format.

    Args:
        status: of the daemon.
        clients: open connections by their kind.
        version: of the package.
    """
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
        yield InfoMetricFamily("stemfield", "What runs here.", value=facts)
        yield _gauge("uptime_seconds", "Since the daemon began.", self.status.counters.read("heartbeat"))
        yield _counter("faults", "Faults of the daemon itself, each in its log.", counted())
        yield _gauge("playing", "1 while a server or the clock asks for blocks.", float(bool(sound.driver)))
        yield _gauge("latency_seconds", "From the mixture to the loudspeakers.", sound.latency_ms / 1e3)
        yield _counter("blocks", "Blocks rendered since the engine began.", callback.blocks)
        yield _counter("played_seconds", "Time rendered since the engine began.", callback.played_s)
        share = GaugeMetricFamily(
            "stemfield_callback_share",
            "Part of the period that the audio code takes, over the last seconds.",
            labels=["quantile"],
        )
        for quantile, value in callback.shares.items():
            share.add_metric([f"{quantile:g}"], value)
        yield share
        yield _counter("xruns", "As the sound server reports them.", sound.xruns)
        yield _counter("cuts", "Cross-fades that found no stems left, which is heard as a click.", callback.cuts)
        yield _counter("bad_input_samples", "Input samples that were no sound and were silenced.", callback.bad_input)
        yield _gauge("stems_share", "1 where all stems play, 0 where the recording plays as it is.", sound.stems_share)
        yield _counter("without_stems_seconds", "Time that was played without stems.", sound.missing_s)
        yield _gauge("worker_load", "Share of real time that the separation computes.", sound.load)
        yield _counter("worker_late", "Times that the separation fell behind and skipped.", sound.late)
        yield _counter("worker_restarts", "Separation workers that had to be replaced.", sound.restarts)

    def _network(self) -> Iterator[Family]:
        read = self.status.counters.read
        yield _counter("received", "Datagrams, requests and frames that came.", read("received"))
        yield _counter("sent", "Datagrams sent.", read("sent"))
        yield _counter("unsent", "Datagrams that the network did not take.", read("unsent"))
        dropped = {reason: read(reason) for reason in _DROPPED}
        yield _by("dropped", "What came and was not heard, by reason.", "reason", dropped)
        yield _counter("messages", "Messages understood or not.", read("messages"))
        refused = {"unknown_address": read("unknown"), "held_by_another": read("conflicts")}
        refused["read_only"] = read("read_only")
        refused["other"] = max(read("problems") - sum(refused.values()), 0)
        yield _by("refused", "Messages that changed nothing, by reason.", "reason", refused)
        yield _gauge("subscriptions", "Subscriptions that run.", read("peers"))
        clients = GaugeMetricFamily("stemfield_clients", "Open connections, by kind.", labels=["kind"])
        for kind, number in self.clients.items():
            clients.add_metric([kind], number)
        yield clients


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"stemfield_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"stemfield_{name}", text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"stemfield_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
