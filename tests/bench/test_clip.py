"""The benchmark of evidence in its short form: what it says, and that nothing is missing or other than was told."""

from pathlib import Path

import pytest

from gateway.bench import clip
from tests.bench.test_bench import bench, broker

__all__ = ["broker"]  # a fixture


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is held, little rest."""
    monkeypatch.setattr(clip, "HOLD_BEFORE_S", 1)
    monkeypatch.setattr(clip, "HOLD_AFTER_S", 1)
    monkeypatch.setattr(clip, "AT_ONCE", 3)
    monkeypatch.setattr(clip, "_REST_S", 0.2)
    monkeypatch.setattr(clip, "_SPREAD_S", 0.0)


@pytest.mark.usefixtures("broker")
def test_clip(tmp_path: Path) -> None:
    """Every press has its picture and its clip at the county, apart and at once, and the files are as was told."""
    figures = bench(tmp_path, "clip", "--count", "2")

    assert (figures["presses"], figures["at_once"]) == (2, 3)
    for name in ("snapshot_ms", "clip_ms", "at_once_snapshot_ms", "at_once_clip_ms"):
        assert 0 < figures[name]["p50"] <= figures[name]["p99"]
    assert figures["clip_after_ms"]["p50"] == pytest.approx(figures["clip_ms"]["p50"] - 1000, abs=1)
    assert figures["clip_ms"]["p50"] > 1000
