"""Pure: which parts of a camera say that an event lasts, in little room."""

from datetime import UTC, datetime
from pathlib import Path

from drivers.onvif.codec import Notification, happening
from drivers.onvif.skew import Skew
from drivers.onvif.tracking import Tracker
from gateway.model import Level
from tests.drivers.onvif.cameras import site_of
from tests.drivers.onvif.test_login import as_ours


def test_parts_with_long_names(tmp_path: Path) -> None:
    """Two parts that differ only at the end of a MiB are two, and what is kept of them is short."""
    tables = '[[device]]\nid = "cam"\nzone = "gate"\ndriver = "onvif"\nhost = "127.0.0.1"\n'
    tracker = Tracker(as_ours(site_of(tmp_path, tables).connections[0]).devices[0])

    def levels(part: str, state: str) -> list[Level]:
        told = Notification(
            topic=("VideoSource", "SignalLoss"),
            source={"Source": part},
            data={"State": state},
            operation="Changed",
            at=None,
            xml=b"",
        )
        meant = happening(told)
        assert meant is not None
        return [one.level for one in tracker.signals(told, meant, Skew(), datetime.now(UTC))]

    long = "x" * 1_000_000
    assert levels(long + "a", "true") == [Level.ACTIVE]
    assert levels(long + "b", "true") == [Level.ACTIVE]
    assert sum(map(len, tracker._lasting["signal-loss"])) < 100
    assert not levels(long + "a", "false"), "the other part still says so"
    assert levels(long + "b", "false") == [Level.NORMAL]
