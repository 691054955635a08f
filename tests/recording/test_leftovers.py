"""Files that a crash left in the spool, damaged in every way: none ends the recorder, none is lost that held pictures."""

import random
from pathlib import Path

import av
import pytest

from gateway.recording.leftovers import recover
from gateway.recording.protocol import Recovered, SegmentFinished, Unreadable
from gateway.recording.segment_file import SegmentFile
from gateway.recording.timeline import Timeline
from tests.recording.recorder_process import running, task_of
from tests.recording.test_cutter import film
from tests.recording.world import camera
from tests.wait import until

NAME = "1700000000000.mp4"
DAMAGINGS = 300


def cut(film_path: Path, path: Path, *, pictures: int | None = None) -> bytes:
    """A segment as the recorder writes it; its bytes."""
    with av.open(str(film_path), "r") as source:
        stream = source.streams.video[0]
        assert stream.time_base is not None
        timeline = Timeline(stream.time_base)
        packets = [packet for packet in source.demux(stream) if packet.size and packet.dts is not None]
        file = SegmentFile(path, stream, stream, 0, None)
        for n, packet in enumerate(packets[:pictures]):
            file.write(packet, timeline.place(packet.dts, packet.pts, packet.duration, n / 10))
        file.close()
    return path.read_bytes()


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Ten seconds of H.264 in fragments of a second."""
    folder = tmp_path_factory.mktemp("segment")
    return cut(film(folder / "film.mp4", "libx264", 10), folder / NAME)


def damaged(whole: bytes, rng: random.Random) -> bytes:
    """The same with some bytes flipped, a stretch zeroed, a box's name changed, or cut off."""
    data = bytearray(whole)
    # Most of what there is to break is in the header and the first fragment's head.
    reach = rng.choice([1200, 2500, len(data)])
    match rng.randrange(4):
        case 0:
            for _ in range(rng.randrange(1, 40)):
                data[rng.randrange(reach)] = rng.randrange(256)
        case 1:
            start = rng.randrange(reach)
            data[start : start + 400] = bytes(len(data[start : start + 400]))
        case 2:
            name = rng.choice(
                [b"moov", b"trak", b"mdia", b"hdlr", b"vide", b"stsd", b"avc1", b"moof", b"trun"]
            )
            at = data.find(name)
            data[at : at + 4] = b"free"
        case _:
            del data[rng.randrange(len(data)) :]
    return bytes(data)


def test_no_damage_raises_out_of_recovery_and_nothing_is_lost(tmp_path: Path, segment: bytes) -> None:
    """Whatever the damage: it is recovered or set aside, byte for byte, with a time that has a date."""
    rng = random.Random(7)
    aside = tmp_path / "aside"
    for n in range(DAMAGINGS):
        data = damaged(segment, rng)
        path = tmp_path / NAME
        path.write_bytes(data)
        found = recover(path, "cam-1", aside)
        if found is None:
            assert b"moof" not in data, n
            assert not path.exists()
            continue
        assert Path(found.path).read_bytes() == data, n
        if isinstance(found, Recovered):
            assert 0 < found.end_ms - found.start_ms <= 86_400_000
        else:
            assert Path(found.path).parent == aside
            assert not path.exists()
        Path(found.path).unlink()


def test_a_file_with_a_zeroed_head_is_kept(tmp_path: Path, segment: bytes) -> None:
    """64 KiB of zeros in front of megabytes of pictures, or all zeros after a power cut: no empty file."""
    for data in (bytes(70_000) + segment * 20, bytes(5000), segment[:300], b"moov" * 50):
        path = tmp_path / NAME
        path.write_bytes(data)
        found = recover(path, "cam-1", tmp_path / "aside")
        assert isinstance(found, Unreadable)
        assert Path(found.path).read_bytes() == data


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    """What is set aside never takes the place of what was set aside before."""
    for content in (b"first rubbish", b"second rubbish"):
        (tmp_path / NAME).write_bytes(content)
        recover(tmp_path / NAME, "cam-1", tmp_path / "aside")
    assert {path.read_bytes() for path in (tmp_path / "aside").iterdir()} == {
        b"first rubbish",
        b"second rubbish",
    }


def test_a_header_alone_is_removed(tmp_path: Path, segment: bytes) -> None:
    """It ended before its first second of pictures: there is nothing to keep."""
    (tmp_path / NAME).write_bytes(segment[: segment.index(b"moof") - 4])
    assert recover(tmp_path / NAME, "cam-1", tmp_path / "aside") is None
    assert not (tmp_path / NAME).exists()


def test_a_name_that_is_no_time_is_set_aside(tmp_path: Path, segment: bytes) -> None:
    """A start that no date can have would end the placer."""
    path = tmp_path / f"{10**18}.mp4"
    path.write_bytes(segment)
    assert isinstance(recover(path, "cam-1", tmp_path / "aside"), Unreadable)


async def test_i9_a_damaged_file_beside_a_healthy_camera(tmp_path: Path, segment: bytes) -> None:
    """A file without a video track in the spool, at every start: it is set aside, the camera is recorded."""
    spool = tmp_path / "spool" / "cam-9"
    spool.mkdir(parents=True)
    (spool / NAME).write_bytes(segment.replace(b"vide", b"soun"))
    (spool / "1700000060000.mp4").write_bytes(segment)
    healthy = camera()
    await healthy.start()
    try:
        async with running(task_of(tmp_path, healthy)) as recorder:
            await until(lambda: bool(recorder.of(SegmentFinished)), 20)
            assert await recorder.end() == 0
    finally:
        await healthy.stop()
    assert [Path(report.path).name for report in recorder.of(Unreadable)] == [NAME]
    assert [Path(report.path).name for report in recorder.of(Recovered)] == ["1700000060000.mp4"]
