"""The benchmarks in their short form: what they say and that nothing is lost; never how fast it was."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.bench.figures import Target, percentiles
from gateway.bench.harness import find_mosquitto
from gateway.bench.processes import BenchError

Json = dict[str, Any]


@pytest.fixture
def broker() -> None:
    """Skips the test where mosquitto is not installed, fails it in CI."""
    try:
        find_mosquitto()
    except BenchError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


def bench(folder: Path, name: str, *more: str) -> Json:
    """Run one from the command line; its document."""
    written = folder / "figures.json"

    assert main(["bench", name, "--json", str(written), "--dir", str(folder), *more]) == 0

    document: Json = json.loads(written.read_text(encoding="utf-8"))
    assert document.keys() == {"name", "machine", "figures"}
    assert document["name"] == name
    machine = document["machine"]
    assert machine.keys() >= {"cores", "cpu", "python", "kernel", "filesystem", "fsync_ms"}
    assert 0 <= machine["others_share"] + machine["stolen_share"] <= 1
    assert machine["filesystem"] != "unknown"
    assert machine["fsync_ms"] > 0
    figures: Json = document["figures"]
    return figures


@pytest.mark.usefixtures("broker")
def test_latency_tells_each_part_of_a_press_s_way(tmp_path: Path) -> None:
    """Every press is receipted, and each part of its way has a median and a slow end."""
    figures = bench(tmp_path, "latency", "--count", "10")

    parts = ["press_to_receipt_ms", "driver_to_broker_ms", "poll_ms", "commit_ms", "publish_ms", "receipt_ms"]
    for part in parts:
        assert figures[part].keys() == {"p50", "p99"}
        assert 0 < figures[part]["p50"] <= figures[part]["p99"]
    assert figures["presses"] == 10
    assert figures["press_to_receipt_ms"]["p50"] >= figures["poll_ms"]["p50"]


@pytest.mark.usefixtures("broker")
def test_a_storm_loses_nothing(tmp_path: Path) -> None:
    """Each of the storm's events is on disk, confirmed in the journal and in the county's store."""
    figures = bench(tmp_path, "storm", "--count", "500")

    assert figures["events"] == 500
    assert figures["lost"] == 0
    assert figures["events_per_s"] > 0
    assert figures["raw_publish_per_s"] > 0
    assert figures["ratio"] == pytest.approx(figures["events_per_s"] / figures["raw_publish_per_s"], rel=0.01)


@pytest.mark.usefixtures("broker")
def test_receivers_take_every_message_of_fifty_panels(tmp_path: Path) -> None:
    """Each protocol has its rate, also against the journal alone; none is acknowledged that is not an event (exit 1)."""
    figures = bench(tmp_path, "receivers", "--count", "100")

    assert figures["panels"] == 50
    assert figures["messages_per_s"].keys() == {"dc09", "gb26875", "contact_id"}
    assert all(rate > 0 for rate in figures["messages_per_s"].values())
    assert figures["ratio"].keys() == figures["messages_per_s"].keys()


@pytest.mark.usefixtures("broker")
def test_idle_watches_a_gateway_at_work_without_media_libraries(tmp_path: Path) -> None:
    """Ten devices are polled, a camera is recorded by another process, and the alarm process has no media library."""
    figures = bench(tmp_path, "idle", "--seconds", "2")

    assert figures["media_libraries"] == []
    assert figures["polls_per_s"] > 0
    assert figures["recorded_kb"] > 0
    assert figures["rss_mb"] >= figures["pss_mb"] > 0
    assert figures["recorder_rss_mb"] > 0
    assert figures["cpu_share"] > 0


def test_a_benchmark_without_a_broker_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr that says what to do next, and nothing written."""
    monkeypatch.setattr("shutil.which", lambda *_arguments, **_more: None)

    assert main(["bench", "storm", "--json", str(tmp_path / "figures.json"), "--dir", str(tmp_path)]) == 1

    assert "apt install mosquitto" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_percentiles_are_nearest_ranks() -> None:
    """The 99th of a hundred is the 99th, of one the one; of none there is none."""
    assert percentiles([float(n) for n in range(1, 101)]).p99 == 99.0
    assert percentiles([5.0]).p50 == 5.0
    with pytest.raises(ValueError, match="nothing was measured"):
        percentiles([])


def test_targets_are_bounds_from_above_or_below() -> None:
    """At most, unless it says at least."""
    assert Target(figure="cpu_share", value=0.1, limit=0.1).is_met
    assert not Target(figure="cpu_share", value=0.11, limit=0.1).is_met
    assert Target(figure="events_per_s", value=2000, limit=2000, least=True).is_met
    assert not Target(figure="events_per_s", value=1999, limit=2000, least=True).is_met
