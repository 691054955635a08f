"""A left-over file whose reading kills the recorder: it may do so twice, and never again."""

import asyncio
import signal
from pathlib import Path

from gateway.recording.protocol import Recovered, Unreadable
from gateway.recording.reading import ReadingNote
from tests.media.film import film
from tests.recording.recorder_process import running, task_of
from tests.wait import until


async def test_a_file_that_kills_its_reader_does_not_stop_recording_for_ever(tmp_path: Path) -> None:
    """Two recorders die of it; the third sets it aside unread, byte for byte, says so, and goes on."""
    spool = tmp_path / "spool" / "cam-9"
    spool.mkdir(parents=True)
    deadly, good = spool / "666.mp4", spool / "777000.mp4"
    deadly.write_bytes(b"x" * 100_000)
    film(good, 0, 2)

    for _ in range(2):
        async with running(task_of(tmp_path), module="tests.recording.deadly") as recorder:
            async with asyncio.timeout(20):
                assert await recorder.process.wait() == -signal.SIGSEGV
            assert recorder.reports == []
        assert deadly.exists()

    async with running(task_of(tmp_path), module="tests.recording.deadly") as recorder:
        await until(lambda: len(recorder.reports) == 2, 20)
        assert await recorder.end() == 0

    [aside] = recorder.of(Unreadable)
    assert Path(aside.path) == tmp_path / "unreadable" / "cam-9" / "666.mp4"
    assert Path(aside.path).read_bytes() == b"x" * 100_000
    assert aside.reason == "reading it ended 2 recorders"
    assert [report.path for report in recorder.of(Recovered)] == [str(good)]
    assert not (tmp_path / "spool" / ".reading").exists()


def die_reading(path: Path, file: Path) -> None:
    """As a recorder that is killed in the middle."""
    ReadingNote(path).of(file).__enter__()  # it is never left


def test_one_kill_from_outside_sets_nothing_aside(tmp_path: Path) -> None:
    """A file is blamed when it was being read at two ends, and no longer once it has been read."""
    path, file = tmp_path / ".reading", tmp_path / "cam-1" / "1000.mp4"
    assert not ReadingNote(path).blames(file)
    die_reading(path, file)
    assert not ReadingNote(path).blames(file)
    die_reading(path, file)
    assert ReadingNote(path).blames(file)
    assert not ReadingNote(path).blames(tmp_path / "cam-2" / "1000.mp4")

    with ReadingNote(path).of(file):
        pass
    assert not ReadingNote(path).blames(file)
    assert not path.exists()


def test_ends_at_different_files_do_not_add_up(tmp_path: Path) -> None:
    """Each of two files was being read once."""
    path = tmp_path / ".reading"
    one, other = tmp_path / "cam-1" / "1.mp4", tmp_path / "cam-1" / "2.mp4"
    die_reading(path, one)
    die_reading(path, other)
    assert not ReadingNote(path).blames(one)
    assert not ReadingNote(path).blames(other)


def test_a_torn_note_blames_nobody(tmp_path: Path) -> None:
    """Whatever a power cut left of it; and where none can be written, files are read all the same."""
    path, file = tmp_path / ".reading", tmp_path / "cam-1" / "1.mp4"
    for torn in (b"", b"2", b"x cam-1/1.mp4", b"\xff\xfe\0"):
        path.write_bytes(torn)
        assert not ReadingNote(path).blames(file)
    path.unlink()
    path.mkdir()
    with ReadingNote(path).of(file):
        pass
