"""`/metrics` and `/healthz`: what happened is in them, of all processes, and only what is documented."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core.records import Batch, Event
from core.settings import ROOT
from ingest.metrics import METRICS, PREFIX, Exposition, Process, reading
from ingest.metrics_server import Health, application, serving
from ingest.pulse import Pulse, PulseReader
from ingest.spool import Spool, spool_path
from ingest.spool_metrics import spool_readings
from tests.ingest.conftest import MakeSettings
from tests.ingest.frames import frame
from tests.ingest.processes import running_ingest
from tests.ingest.scripted import ScriptedRelay, Step
from tests.ingest.test_transparency import OPEN

TALK: list[Step] = [
    *OPEN,
    ("client", frame(b'["REQ","s",{}]')),
    ("relay", frame(b'["EOSE","s"]', masked=False)),
    ("client", frame(b'["CLOSE","s"]')),
    ("client", frame(b"x" * 2000)),
    ("relay", frame(b"y" * 2000, final=False, masked=False)),
]


def exposed(exposition: Exposition) -> str:
    registry = CollectorRegistry()
    registry.register(exposition)
    return generate_latest(registry).decode()


def test_readings_of_several_processes_are_one_metric() -> None:
    text = exposed(
        Exposition(
            [
                Process("tap-0", True, 2, [reading("tap_messages", 3, "REQ", "ok"), reading("tap_pending", 1)]),
                Process("tap-1", False),
                Process("tap-2", True, 0, [reading("tap_messages", 4, "REQ", "ok")]),
            ],
            [reading("spool_bytes", 10, "tap-0")],
        )
    )
    assert 'relay_analytics_tap_messages_total{outcome="ok",process="tap-0",type="REQ"} 3.0' in text
    assert 'relay_analytics_tap_messages_total{outcome="ok",process="tap-2",type="REQ"} 4.0' in text
    assert text.count("# TYPE relay_analytics_tap_messages_total counter") == 1
    assert 'relay_analytics_process_up{process="tap-1"} 0.0' in text
    assert 'relay_analytics_process_restarts_total{process="tap-0"} 2.0' in text
    assert 'relay_analytics_spool_bytes{spool="tap-0"} 10.0' in text


def test_a_reading_is_of_a_declared_metric_with_its_labels() -> None:
    with pytest.raises(KeyError):
        reading("something_new", 1)
    with pytest.raises(ValueError, match="labels"):
        reading("tap_refused", 1)


def test_the_supervisor_reads_the_newest_report_and_never_makes_a_process_wait() -> None:
    reader = PulseReader()
    pulse = Pulse(os.dup(reader.process_file))
    reader.started()
    assert reader.read() is None
    for number in range(5000):  # far more than any socket holds
        assert pulse.beat([reading("tap_pending", number)])
    report = reader.read()
    assert report is not None
    assert report[0][0] == "tap_pending"
    reader.close()
    assert not pulse.beat([])
    pulse.close()


def test_what_waits_in_a_spool_is_read_from_its_file(make_settings: MakeSettings) -> None:
    settings = make_settings("ws://relay")
    with Spool(spool_path(settings, 0), settings.spool_max_bytes) as spool:
        for second in (100, 200, 300):
            event = Event(0, "c", "REQ", "ok")
            spool.append(Batch("tap", 0, "relay", [event, event], [], [], [], made_at=second * 1_000_000))
        values = {name: value for name, _, value in spool_readings(settings, 260.0)}
        assert (values["spool_batches"], values["spool_records"], values["spool_lag_seconds"]) == (3, 6, 160)
        assert values["spool_bytes"] == spool.size()
        spool.acknowledge(2)
        values = {name: value for name, _, value in spool_readings(settings, 260.0)}
        assert (values["spool_batches"], values["spool_lag_seconds"]) == (1, 0)  # a clock that was set back is no lag
        spool.acknowledge(3)
        assert {name: value for name, _, value in spool_readings(settings, 260.0)}["spool_batches"] == 0
    (settings.data_dir / "spool" / "broken.spool").write_bytes(b"this is no database")
    assert [labels for name, labels, _ in spool_readings(settings, 0.0) if name == "spool_bytes"] == [("tap-0",)]


def test_a_port_that_is_taken_costs_the_metrics_and_nothing_else() -> None:
    app = application(lambda: Exposition([], []), lambda: Health(True, "ok", {}))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with serving("127.0.0.1", taken.getsockname()[1], app) as port:
            assert port is None


async def test_what_happened_is_in_the_metrics_of_a_running_ingest(tmp_path: Path, scripted: ScriptedRelay) -> None:
    async with running_ingest(tmp_path, scripted.url, TAP_MAX_MESSAGE_BYTES="1024") as ingest:
        transcript = await scripted.play(TALK, ingest.port)
        await ingest.reaches("tap_connections_closed_total", 1)
        assert await ingest.total("tap_connections") == 0
        for kind, outcome in (("REQ", "ok"), ("CLOSE", "ok"), ("OTHER", "ok")):
            assert await ingest.total("tap_messages_total", type=kind, outcome=outcome) == 1
        assert await ingest.total("tap_oversized_total") == 2
        assert await ingest.total("tap_bytes_total", direction="in") == len(transcript.relay)
        assert await ingest.total("tap_bytes_total", direction="out") == len(transcript.client)
        assert await ingest.total("tap_pending") == 0
        await scripted.stop_listening()
        reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
        writer.close()
        await ingest.reaches("tap_refused_total", 1, status="502")
        assert await ingest.total("tap_http_requests_total") == 1
        assert await ingest.total("spool_batches", spool="tap-0") > 0

        page = await ingest.get("/metrics")
        names = {family.name for family in text_string_to_metric_families(page.text)}
        of_the_tap = ("tap", "recorder", "spool", "process", "build")
        declared = {PREFIX + name for name in METRICS if name.startswith(of_the_tap)}
        assert names >= declared
        assert names <= {PREFIX + name for name in METRICS}
        documented = (ROOT / "docs" / "metrics.md").read_text()
        assert [metric.shown for metric in METRICS.values() if f"`{metric.shown}`" not in documented] == []
        health = (await ingest.get("/healthz")).json()
        assert health == {"status": "ok", "processes": {"tap-0": "up", "writer": "up", "jobs": "up"}}
        assert (await ingest.get("/elsewhere")).status_code == 404
