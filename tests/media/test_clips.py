"""Clips of real footage from the real process: what they show, picture for picture."""

import asyncio
import hashlib
import random
from itertools import pairwise
from pathlib import Path

import av
import pytest

from gateway.footage import Piece
from gateway.media import clips
from gateway.media.clips import joined
from gateway.media.protocol import Request, fields_of
from gateway.media.values import MediaDown, MediaRefused
from simulators.camera.encoder import Video
from tests.media.film import at, clocks, film, growing, media, sounding


def moments(first: float, last: float) -> list[object]:
    """The times of all pictures from the first to the last, seconds."""
    return [at(n / 10) for n in range(round(first * 10), round(last * 10) + 1)]


async def test_a_clip_has_exactly_the_pictures_it_says(tmp_path: Path) -> None:
    """From the key frame before the start to the last picture before the end; the hash and the length are true."""
    piece = film(tmp_path / "a.mp4", 0, 12)
    async with media() as process:
        clip = await process.clip([piece], at(5), at(8.05), tmp_path / "clip.mp4")
    data = clip.path.read_bytes()
    assert clocks(clip.path) == moments(4, 8)
    assert clip.intervals == ((at(4), at(8.1)),)
    assert (clip.bytes, clip.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert data.index(b"moov") < data.index(b"mdat")
    (source,) = clip.sources
    whole = piece.path.read_bytes()
    assert (source.path, source.bytes) == (piece.path, len(whole))
    assert source.sha256 == hashlib.sha256(whole).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "clip.mp4"]


async def test_a_clip_can_be_sought(tmp_path: Path) -> None:
    """A player that jumps into the clip lands on the key frame before that place, and its length is the true one."""
    piece = film(tmp_path / "a.mp4", 0, 12)
    async with media() as process:
        clip = await process.clip([piece], at(2), at(10), tmp_path / "clip.mp4")
    with av.open(str(clip.path), "r") as container:
        video = container.streams.video[0]
        assert video.time_base is not None
        assert video.duration is not None
        assert video.frames == 80
        assert float(video.duration * video.time_base) == pytest.approx(8.0)
        container.seek(round(5 / video.time_base), stream=video)
        frame = next(container.decode(video))
        assert frame.time == pytest.approx(4.0)


async def test_pieces_are_joined_and_holes_closed_up(tmp_path: Path) -> None:
    """Two that touch, a hole, a third: all pictures in order, stamps without a hole, the hole told by `intervals`."""
    pieces = [
        film(tmp_path / "a.mp4", 0, 4),
        film(tmp_path / "b.mp4", 4, 4),
        film(tmp_path / "c.mp4", 20, 4),
    ]
    async with media() as process:
        clip = await process.clip(pieces, at(2), at(22), tmp_path / "clip.mp4")
    assert clocks(clip.path) == moments(2, 7.9) + moments(20, 21.9)
    assert clip.intervals == ((at(2), at(8)), (at(20), at(22)))
    assert [source.path for source in clip.sources] == [piece.path for piece in pieces]
    with av.open(str(clip.path), "r") as container:
        stamps = [frame.time for frame in container.decode(video=0)]
    assert all(later - earlier == pytest.approx(0.1, abs=0.002) for earlier, later in pairwise(stamps))


async def test_a_growing_file_gives_what_is_on_disk_and_its_hash_still_holds_when_it_is_finished(
    tmp_path: Path,
) -> None:
    """The clip ends with the last whole fragment; the source's bytes are the beginning of the finished file."""
    with growing(tmp_path / "a.mp4", 0, 9.5) as piece:
        async with media() as process:
            clip = await process.clip([piece], at(4), at(60), tmp_path / "clip.mp4")
    shown = clocks(clip.path)
    assert shown == moments(4, 3.9 + len(shown) / 10)
    assert len(shown) >= 40
    (source,) = clip.sources
    assert source.bytes < piece.path.stat().st_size
    assert source.sha256 == hashlib.sha256(piece.path.read_bytes()[: source.bytes]).hexdigest()


async def test_what_is_coded_in_another_way_is_left_out(tmp_path: Path) -> None:
    """The middle decides; a piece of another size is not in the clip, and its time not in the intervals."""
    large = Video(width=640, height=360, fps=10, gop_seconds=2.0)
    pieces = [film(tmp_path / "a.mp4", 0, 4, large), film(tmp_path / "b.mp4", 4, 6)]
    async with media() as process:
        clip = await process.clip(pieces, at(2), at(10), tmp_path / "clip.mp4")
    assert clocks(clip.path) == moments(4, 9.9)
    assert clip.intervals == ((at(4), at(10)),)
    assert clip.otherwise == ((at(2), at(4)),)
    assert len(clip.sources) == 1


async def test_the_moment_that_a_clip_is_about_is_in_it(tmp_path: Path) -> None:
    """A camera that was set otherwise after the press: a clip that goes on for long is still one of the press."""
    large = Video(width=640, height=360, fps=10, gop_seconds=2.0)
    pieces = [film(tmp_path / "a.mp4", 0, 4, large), film(tmp_path / "b.mp4", 4, 6)]
    async with media() as process:
        clip = await process.clip(pieces, at(0), at(10), tmp_path / "clip.mp4", about=at(3))
    assert clip.intervals == ((at(0), at(4)),)
    assert clip.otherwise == ((at(4), at(10)),)


async def test_sound_goes_along(tmp_path: Path) -> None:
    """Where there is sound it is in the clip, over all pieces, as long as the pictures."""
    pieces = [sounding(film(tmp_path / f"{n}.mp4", n * 4, 4), tmp_path / f"{n}s.mp4") for n in range(2)]
    async with media() as process:
        clip = await process.clip(pieces, at(2), at(8), tmp_path / "clip.mp4")
    assert clocks(clip.path) == moments(2, 7.9)
    with av.open(str(clip.path), "r") as container:
        stamps = [frame.time or 0.0 for frame in container.decode(audio=0)]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] == pytest.approx(5.9, abs=0.2)
    assert len(stamps) == pytest.approx(6 * 8000 / 1024, abs=4)


async def test_h265_is_cut_as_well(tmp_path: Path) -> None:
    """A clip of H.265 has the same pictures as one of H.264 would."""
    piece = film(tmp_path / "a.mp4", 0, 6, Video(width=320, height=180, fps=10, gop_seconds=2, codec="h265"))
    async with media() as process:
        clip = await process.clip([piece], at(2), at(5), tmp_path / "clip.mp4")
        still = await process.still([piece], at(3.3))
    assert clocks(clip.path) == moments(2, 4.9)
    assert still.at == at(3.3)


async def test_ten_at_once_are_ten(tmp_path: Path) -> None:
    """They wait for each other, none is lost, and a still asked for meanwhile does not wait for them."""
    piece = film(tmp_path / "a.mp4", 0, 12)
    async with media() as process:
        asked = [
            asyncio.create_task(process.clip([piece], at(n), at(n + 2), tmp_path / f"clip{n}.mp4"))
            for n in range(10)
        ]
        await process.still([piece], at(1))
        done = await asyncio.gather(*asked)
    for n, clip in enumerate(done):
        assert clocks(clip.path) == moments(n // 2 * 2, n + 1.9)


async def test_what_can_not_be_cut_is_refused(tmp_path: Path) -> None:
    """No footage, no time, too much time, no film; nothing is left beside the target. What is gone: ask again."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    odd = Piece(path=tmp_path / "odd.mp4", start=at(0), end=at(2))
    odd.path.write_bytes(b"no film" * 100)
    gone = Piece(path=tmp_path / "gone.mp4", start=at(0), end=at(2))
    target = tmp_path / "out" / "clip.mp4"
    target.parent.mkdir()
    async with media() as process:
        for pieces, start, end in [
            ([], 0, 2),
            ([piece], 5, 9),
            ([piece], 1, 1),
            ([piece], 0, 7201),
            ([odd], 0, 2),
        ]:
            with pytest.raises(MediaRefused):
                await process.clip(pieces, at(start), at(end), target)
        with pytest.raises(MediaDown, match="gone"):
            await process.clip([piece, gone], at(0), at(2), target)
        with pytest.raises(MediaDown):
            await process.clip([piece], at(0), at(2), tmp_path / "nowhere" / "clip.mp4")
        assert clocks((await process.clip([piece, odd], at(0), at(2), target)).path) == moments(0, 1.9)
        assert process.clips.deaths == 0
    assert [path.name for path in target.parent.iterdir()] == ["clip.mp4"]


def test_gaps_of_a_late_packet_are_no_holes() -> None:
    """Half a second between two pieces is still one interval; more is a hole."""
    assert joined([(at(0), at(4)), (at(4.4), at(8)), (at(8.6), at(9))]) == [(at(0), at(8)), (at(8.6), at(9))]


def test_more_bytes_than_a_clip_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip that becomes too large is refused, and nothing of it is left."""
    piece = film(tmp_path / "a.mp4", 0, 4)
    monkeypatch.setattr(clips, "MAX_BYTES", 10_000)
    asked = Request(
        1,
        "clip",
        {
            "pieces": [fields_of(piece)],
            "start": at(0).isoformat(),
            "end": at(4).isoformat(),
            "about": at(2).isoformat(),
            "target": str(tmp_path / "clip.mp4"),
        },
    )
    with pytest.raises(MediaRefused, match="ask for less"):
        clips.clip(asked)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


async def test_damaged_and_torn_files_give_a_clip_or_a_refusal(tmp_path: Path) -> None:
    """Random bytes anywhere, headers too, and an end anywhere: never a death, never a file that is no film."""
    whole = film(tmp_path / "a.mp4", 0, 6).path.read_bytes()
    sound = film(tmp_path / "b.mp4", 6, 4)
    dice = random.Random(7)
    target = tmp_path / "clip.mp4"
    made = 0
    async with media() as process:
        for _ in range(30):
            data = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.5 else whole)
            for _ in range(dice.randrange(4)):
                where = dice.randrange(len(data))
                data[where : where + 8] = dice.randbytes(8)[: len(data) - where]
            piece = Piece(path=tmp_path / "odd.mp4", start=at(0), end=at(6))
            piece.path.write_bytes(data)
            try:
                clip = await process.clip([piece, sound], at(1), at(8), target)
            except MediaRefused:
                continue
            made += 1
            with av.open(str(clip.path), "r") as container:
                assert container.streams.video[0].frames > 0
            assert all(start < end for start, end in clip.intervals)
        assert process.clips.deaths == 0
    assert made > 20
