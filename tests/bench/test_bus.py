"""The benchmark of a full serial line in its short form: what it says, never how fast it was."""

import json
from pathlib import Path

import pytest

from gateway.__main__ import main


def test_bus_measures_what_check_predicts(tmp_path: Path) -> None:
    """Sixteen modules at 9600 baud with 10 ms of their own: 16 requests of 22.6 + 10 ms, and never less than the wire takes."""
    written = tmp_path / "figures.json"

    assert main(["bench", "bus", "--json", str(written), "--dir", str(tmp_path), "--seconds", "2"]) == 0

    figures = json.loads(written.read_text(encoding="utf-8"))["figures"]
    assert figures["predicted_scan_ms"] == pytest.approx(16 * 32.6, abs=5)
    assert figures["measured_scan_ms"] > 0.95 * figures["predicted_scan_ms"]
    assert figures["ratio"] == pytest.approx(
        figures["measured_scan_ms"] / figures["predicted_scan_ms"], rel=0.01
    )
