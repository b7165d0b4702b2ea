"""The numbers for Prometheus, read by its own parser."""

from __future__ import annotations

import ipaddress
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stemfield.control.audio.headphones import HeadphoneStream
from stemfield.control.http.metrics import exposition
from stemfield.control.http.server import HttpServer
from stemfield.control.http.session import Doors
from stemfield.control.network.admission import Admission
from stemfield.control.status import CallbackState, SoundState, idle_status
from stemfield.renderer.engine.loudness import Loudness, ShownLoudness

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: bytes) -> Samples:
    families = list(text_string_to_metric_families(text.decode()))
    assert all(family.documentation for family in families)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def of(read: Samples, name: str, **labels: str) -> float:
    return read["stemfield_" + name, frozenset(labels.items())]


def test_every_number_stands_where_its_name_says() -> None:
    counters = idle_status().counters
    for number, name in enumerate(("received", "sent", "unsent", "not_allowed", "limited", "lost", "messages"), 11):
        counters.add(name, lambda number=number: number)
    for name, number in {"problems": 10, "unknown": 4, "conflicts": 3, "read_only": 2, "peers": 5}.items():
        counters.add(name, lambda number=number: number)
    state = SoundState("jack", "JACK", "meridian", 0.5, 0.07, 8, 2, "", 1.5, 57.5, xruns=9, separated_s=20.5)
    callback = CallbackState(1000, 21.5, 1, 6, {0.5: 0.02, 1.0: 0.4})
    loudness = ShownLoudness(Loudness(-20.0, -21.0, -23.0, 7.0, -1.0))
    status = replace(
        idle_status(), counters=counters, sound=lambda: state, callback=lambda: callback, loudness=lambda: loudness
    )
    read = samples(exposition(status, {"page": 3}, "1.2.3"))
    assert of(read, "info", version="1.2.3", driver="jack", model="meridian") == 1
    assert [of(read, f"{name}_total") for name in ("received", "sent", "unsent", "messages")] == [11, 12, 13, 17]
    dropped = [of(read, "dropped_total", reason=reason) for reason in ("not_allowed", "limited", "lost")]
    assert dropped == [14, 15, 16]
    refused = [
        of(read, "refused_total", reason=reason)
        for reason in ("unknown_address", "held_by_another", "read_only", "other")
    ]
    assert refused == [4, 3, 2, 1]
    assert of(read, "callback_share", quantile="0.5") == 0.02
    assert of(read, "callback_share", quantile="1") == 0.4
    names = ("xruns", "cuts", "worker_late", "worker_restarts", "bad_input_samples", "blocks", "played_seconds")
    assert [of(read, f"{name}_total") for name in names] == [9, 1, 8, 2, 6, 1000, 21.5]
    assert of(read, "without_stems_seconds_total") == 1.5
    assert of(read, "separated_seconds_total") == 20.5
    measures = ("momentary", "short_term", "integrated")
    assert [of(read, "loudness_lufs", programme="mixture", measure=m) for m in measures] == [-20.0, -21.0, -23.0]
    assert of(read, "loudness_lufs", programme="room", measure="integrated") == -120
    assert of(read, "loudness_range_lu", programme="mixture") == 7.0
    assert of(read, "true_peak_dbtp", programme="mixture") == -1.0
    gauges = ("playing", "stems_share", "worker_load", "subscriptions", "latency_seconds")
    assert [of(read, name) for name in gauges] == pytest.approx([1, 0.5, 0.07, 5, 0.0575])
    assert of(read, "clients", kind="page") == 3


def test_the_manual_names_exactly_these(repository: Any) -> None:
    status = replace(idle_status(), callback=lambda: CallbackState(shares={0.5: 0.1}))
    made = {name for name, _ in samples(exposition(status, {"page": 1}, "1"))}
    rows = [line for line in (repository / "docs" / "metrics.md").read_text().splitlines() if line.startswith("| `")]
    told = {word.strip("`,") for row in rows for word in row.split("|")[1].split()}
    assert {name for name in made if not name.endswith("_created")} == told


@pytest.fixture
def serve(control: Any) -> Iterator[Callable[..., str]]:
    servers: list[HttpServer] = []

    def start(token: str | None = None, **admission: Any) -> str:
        rules = Admission(admission.pop("allow", ()), 1e6, admission.pop("read_only", ()))
        rules.report(control.hub.context.status.counters)

        async def listen() -> HttpServer:
            server = HttpServer(
                ["127.0.0.1"],
                0,
                Doors(control.hub, rules, control.scheduler),
                headphones=HeadphoneStream(),
                name="room",
                osc_port=control.server.port,
                room={},
                token=token,
            )
            await server.start()
            return server

        servers.append(control.on_loop(listen()))
        return f"http://127.0.0.1:{servers[-1].port}/metrics"

    yield start
    for server in servers:
        control.on_loop(server.close())


def test_a_scrape_is_answered_in_the_format_that_it_says(serve: Callable[..., str], control: Any) -> None:
    url = serve()
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        first = samples(answer.read())
    with urllib.request.urlopen(url, timeout=5) as answer:
        second = samples(answer.read())
    assert of(second, "received_total") == of(first, "received_total") + 1
    assert of(second, "playing") == 0


def test_it_keeps_the_rules_of_every_client(serve: Callable[..., str]) -> None:
    url = serve(token="word")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url, timeout=5)
    assert refused.value.code == 401
    refused.value.close()
    request = urllib.request.Request(url, headers={"Authorization": "Bearer word"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200
    rebound = urllib.request.Request(url, headers={"Authorization": "Bearer word", "Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(rebound, timeout=5)
    assert refused.value.code == 403
    refused.value.close()


def test_who_may_only_look_may_look_at_numbers(serve: Callable[..., str]) -> None:
    url = serve(read_only=[ipaddress.ip_network("127.0.0.0/8")])
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.status == 200
