"""The benchmark of recording in its short form, with two cameras: what it says, and that no packet is lost."""

import json
import os
import shutil
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.bench import record


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cameras, a short settling."""
    monkeypatch.setattr(record, "CAMERAS", 2)
    monkeypatch.setattr(record, "_SETTLE_S", 2.5)


@pytest.mark.parametrize("ffmpeg", [True, False])
def test_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, ffmpeg: bool
) -> None:
    """All that was sent is in the files; without ffmpeg there is no ratio, which is said, and the exit code tells."""
    if not ffmpeg:
        monkeypatch.setattr("gateway.bench.record.shutil.which", lambda _: None)
    elif shutil.which("ffmpeg") is None:
        if os.environ.get("CI"):
            pytest.fail("ffmpeg is not installed")
        pytest.skip("ffmpeg is not installed (apt install ffmpeg)")
    written = tmp_path / "figures.json"

    code = main(["bench", "record", "--json", str(written), "--dir", str(tmp_path), "--seconds", "2"])

    figures = json.loads(written.read_text(encoding="utf-8"))["figures"]
    assert (figures["cameras"], figures["packets_lost"]) == (2, 0)
    assert figures["packets_sent"] > 2 * 25 * 2
    assert figures["journal_commit_p99_ms"].keys() == {"without", "with"}
    assert (figures["cpu_ratio"] is None, figures["pss_ratio"] is None) == (not ffmpeg, not ffmpeg)
    assert code == (0 if ffmpeg else 1)
    assert ("ffmpeg is not installed" in capsys.readouterr().err) is not ffmpeg
