"""The picture that the picture watch looks at: the newest key frame on disk, found without reading the whole file."""

from pathlib import Path

import pytest

from gateway.footage import Piece
from gateway.media.boxes import Fragments
from gateway.media.films import opened
from gateway.media.frames import newest_key_frame
from gateway.media.values import MediaDown, MediaRefused
from simulators.camera.encoder import Video
from simulators.camera.picture import read_clock
from tests.media.film import at, film, growing, media


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_it_is_the_newest_on_disk(tmp_path: Path, codec: str) -> None:
    """Key frames come every two seconds; of 9.5 s written and 9 s on disk, that of 8 s is the newest."""
    video = Video(width=320, height=180, fps=10, gop_seconds=2.0, codec=codec)  # type: ignore[arg-type]  # of two
    with growing(tmp_path / "a.mp4", 0, 9.5, video) as piece:
        picture, offset_s = newest_key_frame(piece)
    assert picture.shape == (180, 320, 3)
    assert offset_s == pytest.approx(8.0)
    assert read_clock(picture) == at(8)


def test_only_the_header_and_the_end_of_the_file_are_read(tmp_path: Path) -> None:
    """What lies between may be rubbish: it is not looked at."""
    piece = film(tmp_path / "a.mp4", 0, 12)
    with Fragments(piece.path) as fragments:
        spoil = fragments._offsets[3]
        moof = int.from_bytes(piece.path.read_bytes()[spoil : spoil + 4], "big")
    data = bytearray(piece.path.read_bytes())
    data[spoil + moof + 8 : spoil + moof + 2000] = bytes(1992)
    piece.path.write_bytes(data)
    _, offset_s = newest_key_frame(piece)
    assert offset_s == pytest.approx(10.0)


def test_none_yet_and_none_at_all(tmp_path: Path) -> None:
    """A growing file without a picture: ask again. A damaged key frame: refused. A file that is gone says so."""
    empty = Piece(path=tmp_path / "e.mp4", start=at(0), end=at(0), growing=True)
    empty.path.write_bytes(b"")
    with pytest.raises(MediaDown):
        newest_key_frame(empty)
    piece = film(tmp_path / "a.mp4", 0, 4)
    data = bytearray(piece.path.read_bytes())
    begin = (
        data.rindex(b"mdat", 0, data.rindex(b"mdat")) + 100
    )  # of the last two fragments the first has the key frame
    data[begin : begin + 8000] = b"\xa5" * 8000
    piece.path.write_bytes(data)
    with pytest.raises(MediaRefused, match="can't be decoded"):
        newest_key_frame(piece)
    piece.path.unlink()
    with pytest.raises(FileNotFoundError):
        newest_key_frame(piece)


def test_a_file_without_fragments_is_read_as_well(tmp_path: Path) -> None:
    """A clip of ours is footage, too: its newest key frame is found by its index."""
    import av  # noqa: PLC0415 - here only

    piece = film(tmp_path / "a.mp4", 0, 6)
    plain = tmp_path / "plain.mp4"
    with av.open(str(piece.path), "r") as source, av.open(str(plain), "w", format="mp4") as file:
        track = source.streams.video[0]
        copy = file.add_stream_from_template(track, opaque=True)
        for packet in source.demux(track):
            if packet.size:
                packet.stream = copy
                file.mux(packet)
    whole = Piece(path=plain, start=at(0), end=at(6))
    assert newest_key_frame(whole)[1] == pytest.approx(4.0)
    with opened(whole, 3.0) as placed:
        assert next(iter(placed.container.decode(video=0))).time == pytest.approx(2.0)


async def test_a_look_goes_through_the_process(tmp_path: Path) -> None:
    """Asked of the real process, a look is of the newest key frame."""
    memory = tmp_path / "memory"
    memory.mkdir()
    with growing(tmp_path / "a.mp4", 0, 9.5) as piece:
        async with media() as process:
            look = await process.look("cam-1", piece, memory)
            again = await process.look("cam-1", piece, memory)
    assert look.at == at(8)
    assert again.at == at(8)
