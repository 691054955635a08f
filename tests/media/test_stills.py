"""Stills of real footage from the real process: each picture tells its own time."""

import random
from pathlib import Path

import av
import pytest

from gateway.footage import Piece
from gateway.media.values import MediaDown, MediaRefused
from simulators.camera.encoder import Video
from simulators.camera.picture import Renderer
from tests.media.film import SMALL, at, film, growing, media, shown


async def test_a_still_shows_the_moment_asked_for(tmp_path: Path) -> None:
    """Anywhere in a piece, on and off its key frames, the picture nearest to the moment is returned, and says so."""
    piece = film(tmp_path / "a.mp4", 0, 8)
    async with media() as process:
        for asked, right in [
            (0, 0),
            (3.3, 3.3),
            (3.34, 3.3),
            (3.36, 3.4),
            (4.0, 4.0),
            (7.9, 7.9),
            (-5, 0),
            (99, 7.9),
        ]:
            still = await process.still([piece], at(asked))
            assert still.at == at(right)
            assert shown(still.jpeg) == at(right)
            assert (still.width, still.height) == (320, 180)


async def test_a_still_of_a_growing_file_is_the_newest_picture_on_disk(tmp_path: Path) -> None:
    """What is asked for now, while the file grows, is at most a fragment old; the file may be renamed meanwhile."""
    with growing(tmp_path / "a.mp4", 0, 9.5) as piece:
        async with media() as process:
            still = await process.still([piece], at(60))
            assert at(8.0) <= still.at <= at(9.5)
            assert shown(still.jpeg) == still.at
            piece.path.rename(tmp_path / "b.mp4")
            with pytest.raises(MediaDown, match="gone"):
                await process.still([piece], at(60))
            (tmp_path / "b.mp4").rename(piece.path)


async def test_a_moment_in_a_hole_shows_the_nearer_side(tmp_path: Path) -> None:
    """Between two pieces the nearer picture counts, the last one before or the first one after."""
    pieces = [film(tmp_path / "b.mp4", 10, 2), film(tmp_path / "a.mp4", 0, 2)]
    async with media() as process:
        assert shown((await process.still(pieces, at(4))).jpeg) == at(1.9)
        assert shown((await process.still(pieces, at(8))).jpeg) == at(10)


async def test_a_still_is_scaled_down_and_never_up(tmp_path: Path) -> None:
    """`width` makes it smaller in proportion; one that is wider than the picture changes nothing."""
    piece = film(tmp_path / "a.mp4", 0, 1)
    async with media() as process:
        small = await process.still([piece], at(0), width=160)
        assert (small.width, small.height) == (160, 90)
        assert shown(small.jpeg) == at(0)
        assert (await process.still([piece], at(0), width=4000)).width == 320


async def test_a_file_torn_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    """Cut at any byte, a file gives a picture before the cut, or the answer that there is none; the process lives."""
    whole = film(tmp_path / "a.mp4", 0, 5).path.read_bytes()
    dice = random.Random(4)
    async with media() as process:
        for n in range(25):
            torn = Piece(path=tmp_path / f"{n}.mp4", start=at(0), end=at(5), growing=n % 2 == 0)
            torn.path.write_bytes(whole[: dice.randrange(len(whole))])
            try:
                still = await process.still([torn], at(5))
            except (MediaRefused, MediaDown):
                continue
            assert shown(still.jpeg) == still.at
        assert process.quick.deaths == 0


async def test_damaged_pictures_are_passed_over(tmp_path: Path) -> None:
    """Random bytes in the pictures: a sound picture that tells its true time, or a refusal, and no death."""
    piece = film(tmp_path / "a.mp4", 0, 8)
    whole = piece.path.read_bytes()
    dice = random.Random(5)
    found = 0
    async with media() as process:
        for _ in range(25):
            data = bytearray(whole)
            for _ in range(4):
                where = dice.randrange(2000, len(data) - 40)
                data[where : where + 30] = dice.randbytes(30)
            piece.path.write_bytes(data)
            try:
                still = await process.still([piece], at(4))
            except MediaRefused:
                continue
            found += 1
            assert shown(still.jpeg) == still.at
        assert process.quick.deaths == 0
    assert found > 10


async def test_where_a_group_of_pictures_is_damaged_the_nearest_sound_one_is_shown(tmp_path: Path) -> None:
    """The pictures of two seconds are rubbish: a moment among them shows one before or after, sharp and true."""
    piece = film(tmp_path / "a.mp4", 0, 8)
    data = piece.path.read_bytes()
    cuts = [at for at in range(len(data)) if data.startswith(b"moof", at)]
    # Fragments of a second: the third and fourth are the group from 2 s to 4 s.
    dice = random.Random(6)
    begin = data.index(b"mdat", cuts[2]) + 60
    end = cuts[3] - 4
    piece.path.write_bytes(data[:begin] + dice.randbytes(end - begin) + data[end:])
    async with media() as process:
        still = await process.still([piece], at(2.2))
        assert shown(still.jpeg) == still.at
        assert still.at in {at(1.9), at(2.0)} or still.at >= at(4)


@pytest.mark.parametrize("rubbish", [b"", b"no film at all" * 99, b"\x00\x00\x00\x08moof" * 50])
async def test_what_is_no_film_is_refused(tmp_path: Path, rubbish: bytes) -> None:
    """A file that holds no picture is refused with its name, at once."""
    path = tmp_path / "odd.mp4"
    path.write_bytes(rubbish)
    async with media() as process:
        with pytest.raises(MediaRefused, match=r"odd\.mp4"):
            await process.still([Piece(path=path, start=at(0), end=at(1))], at(0))
        with pytest.raises(MediaRefused, match="no footage"):
            await process.still([], at(0))


async def test_a_growing_file_without_a_picture_says_try_again(tmp_path: Path) -> None:
    """The recorder has just begun it: the piece before it serves, and without one the answer is MediaDown."""
    empty = Piece(path=tmp_path / "b.mp4", start=at(4), end=at(4), growing=True)
    empty.path.write_bytes(b"")
    before = film(tmp_path / "a.mp4", 0, 4)
    async with media() as process:
        assert shown((await process.still([before, empty], at(9))).jpeg) == at(3.9)
        with pytest.raises(MediaDown, match="no picture"):
            await process.still([empty], at(9))


async def test_key_frames_far_apart(tmp_path: Path) -> None:
    """With key frames every ten seconds a picture is still found exactly, through fragments that begin with none."""
    video = Video(width=320, height=180, fps=10, gop_seconds=10)
    piece = film(tmp_path / "a.mp4", 0, 25, video)
    async with media() as process:
        for moment in (0.1, 9.9, 10.0, 19.7, 24.9):
            assert shown((await process.still([piece], at(moment))).jpeg) == at(moment)


def test_the_films_are_what_they_say() -> None:
    """Two seconds between key frames, so that most moments need pictures before them."""
    assert SMALL.gop_seconds == 2


async def test_video_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """A header whose codec nobody knows: refused by name, and the process lives."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    piece.path.write_bytes(piece.path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    async with media() as process:
        with pytest.raises(MediaRefused, match=r"a\.mp4: its video is"):
            await process.still([piece], at(0))
        with pytest.raises(MediaRefused):
            await process.clip([piece], at(0), at(1), tmp_path / "clip.mp4")
        assert process.quick.deaths + process.clips.deaths == 0


async def test_pictures_in_several_slices_are_sound(tmp_path: Path) -> None:
    """A camera may cut each picture into slices, as many do: its pictures are as good as any."""
    path = tmp_path / "sliced.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.options = {"preset": "ultrafast", "x264-params": "slices=4:keyint=10"}
        renderer = Renderer(320, 180)
        for n in range(20):
            frame = av.VideoFrame.from_ndarray(renderer.render(at(n / 10)), format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    async with media() as process:
        still = await process.still([Piece(path=path, start=at(0), end=at(2))], at(1.5))

    assert shown(still.jpeg) == still.at == at(1.5)
