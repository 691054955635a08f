"""The pipe between gateway and recorder."""

import pytest

from gateway.recording.protocol import (
    CameraTask,
    Cause,
    Lost,
    Opened,
    Progress,
    ProtocolError,
    Recovered,
    Report,
    SegmentFinished,
    Task,
    Unreadable,
    decode_report,
    decode_task,
    encode_report,
    encode_task,
)

TASK = Task(
    spool="/f/spool",
    unreadable="/f/unreadable",
    segment_s=60,
    stall_s=10,
    cameras=(CameraTask(camera="cam-1", url="rtsp://admin:geheim@10.0.0.9/main"),),
)


@pytest.mark.parametrize(
    "report",
    [
        Opened(camera="c", at_ms=1, codec="h264", width=640, height=360),
        SegmentFinished(camera="c", path="/f/1.mp4", start_ms=1, end_ms=2),
        Recovered(camera="c", path="/f/校门.mp4", start_ms=1, end_ms=2),
        Unreadable(camera="c", path="/f/1.mp4", reason="no picture can be read"),
        Lost(camera="c", at_ms=1, cause=Cause.NETWORK, reason="no picture for 10 s"),
        Progress(camera="c", packets=1, bytes=2, dropped=0),
    ],
)
def test_a_report_survives_the_pipe(report: Report) -> None:
    """One line each, and what comes out is what went in."""
    line = encode_report(report)

    assert line.count(b"\n") == 1
    assert decode_report(line) == report


def test_a_task_survives_the_pipe() -> None:
    """One line."""
    line = encode_task(TASK)

    assert line.count(b"\n") == 1
    assert decode_task(line) == TASK


def test_a_password_is_not_in_what_is_logged() -> None:
    """Neither a task's text nor the error about a broken one shows an address."""
    assert "geheim" not in repr(TASK)

    with pytest.raises(ProtocolError) as caught:
        decode_task(encode_task(TASK).replace(b'"spool"', b'"spule"'))

    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json\n",
        b"[1]\n",
        b'{"report": "opened"}\n',
        b'{"report": "cheese", "camera": "c"}\n',
        b'{"report": "progress", "camera": "c", "packets": "1", "bytes": 2, "dropped": 0}\n',
        b'{"report": "progress", "camera": "c", "packets": true, "bytes": 2, "dropped": 0}\n',
        b'{"report": "progress", "camera": "c", "packets": 1, "bytes": 2, "dropped": 0, "more": 1}\n',
        b'{"report": "lost", "camera": "c", "at_ms": 1, "cause": "goblins", "reason": ""}\n',
        b"\xff\xfe\n",
    ],
)
def test_rubbish_on_the_pipe_is_told_from_reports(line: bytes) -> None:
    """Anything else is refused with one error type."""
    with pytest.raises(ProtocolError):
        decode_report(line)
