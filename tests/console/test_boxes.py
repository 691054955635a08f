"""Boxes of fragmented MP4: bytes put together by hand from ISO/IEC 14496-12, and files of the real writer."""

import struct
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.console.boxes import MOST_MEDIA, BoxError, head_of
from gateway.console.follow import Follower, GrowingFile
from gateway.console.fragments import fragment_of
from gateway.console.movie import movie_of
from gateway.footage import Growing
from tests.console.filming import Film, pictures_in


def box(kind: bytes, *parts: bytes) -> bytes:
    """4.2: size of all, type, contents."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """4.2: a box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def numbers(*values: int) -> bytes:
    """32 bits each."""
    return struct.pack(f">{len(values)}I", *values)


#: 5.3.3.1.2 of ISO/IEC 14496-15: version, profile 4D, compatibility 40, level 1F, and no more than we read.
AVCC = box(b"avcC", bytes.fromhex("014d401fffe00000"))
#: The example of annex E there: profile 1, compatible 60000000, main tier, level 93 (3.1), one constraint byte B0.
HVCC = box(b"hvcC", bytes.fromhex("01016000 0000b000 00000000 5d".replace(" ", "")) + bytes(10))


def trak(number: int, timescale: int, handler: bytes, description: bytes) -> bytes:
    """8.3: a track with what is read of it."""
    return box(
        b"trak",
        full(b"tkhd", 0, 3, numbers(0, 0, number, 0, 0)),
        box(
            b"mdia",
            full(b"mdhd", 1, 0, struct.pack(">QQIQ", 0, 0, timescale, 0)),
            full(b"hdlr", 0, 0, numbers(0), handler, bytes(13)),
            box(b"minf", box(b"stbl", full(b"stsd", 0, 0, numbers(1), description))),
        ),
    )


def moov(description: bytes = box(b"avc1", bytes(78), AVCC)) -> bytes:
    """8.2: picture as track 1, sound as track 2; the picture's defaults are 3000 ticks and no key."""
    return box(
        b"moov",
        trak(1, 90_000, b"vide", description),
        trak(2, 8_000, b"soun", box(b"mp4a", bytes(28))),
        box(
            b"mvex",
            full(b"trex", 0, 0, numbers(1, 1, 3000, 0, 0x0101_0000)),
            full(b"trex", 0, 0, numbers(2, 1, 1024, 0, 0)),
        ),
    )


def moof(video_run: bytes, *, tfhd: bytes = b"", tfhd_flags: int = 0x02_0000, time: int = 180_000) -> bytes:
    """8.8.4: fragment 9; the sound comes first."""
    return box(
        b"moof",
        full(b"mfhd", 0, 0, numbers(9)),
        box(
            b"traf",
            full(b"tfhd", 0, 0x02_0000, numbers(2)),
            full(b"tfdt", 0, 0, numbers(16_000)),
            full(b"trun", 0, 0x1, numbers(8, 500)),
        ),
        box(
            b"traf",
            full(b"tfhd", 0, tfhd_flags, numbers(1), tfhd),
            full(b"tfdt", 1, 0, struct.pack(">Q", time)),
            video_run,
        ),
    )


def test_a_head_is_known_when_it_is_there() -> None:
    """32 and 64 bits; too few bytes are waited for; a box that is too long, or shorter than its head, is refused."""
    assert head_of(bytes.fromhex("00000010 6d6f6f66".replace(" ", "")))
    wide = head_of(bytes.fromhex("000000016d6461740000000000000020"))
    assert wide is not None
    assert (wide.kind, wide.header, wide.size) == (b"mdat", 16, 32)
    assert head_of(b"\0\0\0") is None
    assert head_of(bytes.fromhex("000000016d646174")) is None
    for wrong in (numbers(7) + b"free", numbers(MOST_MEDIA + 1) + b"mdat", numbers(0x7FFF_FFFF) + b"moov"):
        with pytest.raises(BoxError):
            head_of(wrong)


def test_a_movie_tells_its_tracks_and_codecs() -> None:
    """Ids, time scales and defaults by 8.3.2, 8.4.2 and 8.8.3; codecs by RFC 6381 and ISO/IEC 14496-15 annex E."""
    movie = movie_of(moov())
    assert movie.media_type == 'video/mp4; codecs="avc1.4d401f, mp4a.40.2"'
    assert (movie.video.id, movie.video.timescale, movie.video.duration) == (1, 90_000, 3000)
    hevc = movie_of(moov(box(b"hvc1", bytes(78), HVCC)))
    assert hevc.video.codec == "hvc1.1.6.L93.B0"
    assert movie.same_pictures(movie_of(moov()))
    assert not movie.same_pictures(hevc)


@pytest.mark.parametrize(
    ("run", "tfhd", "flags", "key", "length"),
    [
        (full(b"trun", 0, 0x5, numbers(2, 8, 0x0200_0000)), b"", 0x02_0000, True, 6000),  # first-sample-flags
        (full(b"trun", 0, 0x1, numbers(2, 8)), b"", 0x02_0000, False, 6000),  # trex
        (full(b"trun", 0, 0x1, numbers(2, 8)), numbers(0x0200_0000), 0x02_0020, True, 6000),  # tfhd's flags
        (full(b"trun", 0, 0x1, numbers(2, 8)), numbers(1000), 0x02_0008, False, 2000),  # tfhd's duration
        (
            full(b"trun", 0, 0xF01, numbers(2, 8, 100, 7, 0x0200_0000, 0, 50, 7, 0x0101_0000, 0)),
            b"",
            0x02_0000,
            True,
            150,
        ),  # each picture's own duration, size, flags, offset
    ],
)
def test_a_fragment_tells_its_key_and_its_time(
    run: bytes, tfhd: bytes, flags: int, *, key: bool, length: int
) -> None:
    """The flags of the first picture wherever they stand, the sum of durations likewise (8.8.7, 8.8.8)."""
    found = fragment_of(moof(run, tfhd=tfhd, tfhd_flags=flags), movie_of(moov()))
    assert (found.key, found.start, found.pictures) == (key, Fraction(2), 2)
    assert found.end == 2 + Fraction(length, 90_000)


def test_a_fragment_of_sound_alone_is_no_place_to_begin(tmp_path: Path) -> None:
    """It has a time and no pictures; a viewer does not begin there, nor does it count as a key frame."""
    alone = box(
        b"moof",
        full(b"mfhd", 0, 0, numbers(3)),
        box(
            b"traf",
            full(b"tfhd", 0, 0x02_0000, numbers(2)),
            full(b"tfdt", 0, 0, numbers(16_000)),
            full(b"trun", 0, 0x1, numbers(8, 500)),
        ),
    )
    found = fragment_of(alone, movie_of(moov()))
    assert (found.key, found.start, found.pictures) == (False, Fraction(2), 0)
    path = tmp_path / "a.mp4"
    picture = moof(full(b"trun", 0, 0x5, numbers(1, 8, 0x0200_0000)))
    path.write_bytes(box(b"ftyp") + moov() + alone + box(b"mdat") + picture + box(b"mdat", b"x"))
    follower = Follower()
    sent = follower.next(Growing(camera="c", path=path, start=datetime(2026, 3, 1, tzinfo=UTC)))
    assert sent is not None
    assert sent.count(b"moof") == 1
    assert sent.endswith(box(b"mdat", b"x"))
    follower.close()


def test_a_moved_fragment_differs_in_number_and_times_alone() -> None:
    """Both tracks go by the same seconds, each in its own ticks; everything else stays, byte for byte."""
    movie, run = movie_of(moov()), full(b"trun", 0, 0x5, numbers(1, 8, 0x0200_0000))
    before = moof(run)
    after = fragment_of(before, movie).moved(movie, Fraction(-3, 2), 4)
    expected = before.replace(numbers(9), numbers(4), 1)
    expected = expected.replace(struct.pack(">Q", 180_000), struct.pack(">Q", 45_000), 1)
    expected = expected.replace(numbers(16_000), numbers(4_000), 1)
    assert after == expected
    with pytest.raises(BoxError, match="32 bits"):
        fragment_of(before, movie).moved(movie, Fraction(1_000_000), 4)


def test_what_is_no_footage_is_refused() -> None:
    """Cut short, without a picture, counted from the file's beginning: an error with words, whatever is missing."""
    movie = movie_of(moov())
    good = moof(full(b"trun", 0, 0x5, numbers(1, 8, 0x0200_0000)))
    for wrong in (
        box(b"moof", full(b"mfhd", 0, 0, numbers(9))),
        good.replace(full(b"tfhd", 0, 0x02_0000, numbers(2)), full(b"tfhd", 0, 0x02_0000, numbers(3))),
        moof(full(b"trun", 0, 0x100, numbers(1_000_000))),
        moof(full(b"trun", 0, 0x1, numbers(1, 8)), tfhd=bytes(8), tfhd_flags=0x02_0001),
        good[:-4],
        box(b"moof", box(b"traf", full(b"tfhd", 0, 0))),
        box(b"moof", box(b"traf", full(b"tfhd", 0, 0, numbers(1)), box(b"tfdt"))),
    ):
        with pytest.raises(BoxError):
            fragment_of(wrong, movie)
    whole = moov()
    for cut in range(8, len(whole), 7):
        with pytest.raises(BoxError):
            movie_of(struct.pack(">I", cut) + whole[4:cut])


@pytest.mark.parametrize(("codec", "prefix"), [("libx264", "avc1."), ("libx265", "hev1.1.")])
def test_files_of_the_real_writer_are_understood(tmp_path: Path, codec: str, prefix: str) -> None:
    """Every picture is in a fragment; each second one begins with a key; what was shifted decodes like the original."""
    film = Film(tmp_path / "a.mp4", codec=codec)
    film.shoot(45)
    film.close()
    file = GrowingFile(film.path)
    spans = file.fresh()
    assert file.movie is not None
    assert file.movie.video.codec.startswith(prefix)
    assert sum(span.fragment.pictures for span in spans) == 45
    assert [span.fragment.key for span in spans] == [True, False, True, False, True]
    assert spans[-1].fragment.end == Fraction(45, 10)
    moved = b"".join(
        span.fragment.moved(file.movie, Fraction(7), n) + file.media(span) for n, span in enumerate(spans)
    )
    assert pictures_in(file.initialisation + moved) == list(range(45))
    file.close()


def test_a_growing_file_gives_whole_fragments_only(tmp_path: Path) -> None:
    """Byte by byte: nothing is given before its last byte is there, and nothing twice."""
    film = Film(tmp_path / "a.mp4")
    film.shoot(25)
    film.close()
    whole = film.path.read_bytes()
    target = tmp_path / "b.mp4"
    target.write_bytes(b"")
    file = GrowingFile(target)
    given = []
    with target.open("ab", buffering=0) as growing:
        for at in range(len(whole)):
            growing.write(whole[at : at + 1])
            for span in file.fresh():
                assert span.media_at + span.media_size == at + 1
                given.append(span)
    assert sum(span.fragment.pictures for span in given) == 25
    file.close()
