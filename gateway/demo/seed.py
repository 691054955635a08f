"""Before the gateway's start: a guard's account, and real footage of 91 days ago, one minute of it under a hold."""

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import ParamSpec, TypeVar

import av

from gateway.clock import SystemClock, to_ms
from gateway.console.passwords import hash_password
from gateway.recording.shelf import Shelf
from gateway.site import Site
from gateway.store import Account
from gateway.store.accounts import write_account
from gateway.store.database import connect
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment
from simulators.camera.encoder import H264Encoder, Video

P = ParamSpec("P")
T = TypeVar("T")

#: So old: a day beyond what the demo's site file promises and allows.
AGE = timedelta(days=91)
SEGMENTS = 6
SEGMENT = timedelta(seconds=10)
FPS = 5

#: Which of them somebody has asked to keep.
_HELD = 2

# As the recorder writes them: fragments of a second at most.
_OUTPUT = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
_START_CODE = b"\x00\x00\x00\x01"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was put on the shelf: files that must go, and the one that must stay."""

    expired: tuple[Path, ...]
    held: Path

    @property
    def left(self) -> int:
        """How many of those that must go are there still."""
        return sum(path.exists() for path in self.expired)


async def seed(site: Site, *, name: str, display: str, password: str) -> Seeded:
    """Account, footage with its rows, and the hold, each where and as the gateway itself keeps it.

    Raises OSError, sqlite3.Error, LibraryUnusable.
    """
    clock = SystemClock()
    camera = site.cameras[0].id
    shelf = Shelf(site.recording_dir)
    segments = await _to_the_end(_record, shelf, camera, clock.now() - AGE)
    digest = await asyncio.to_thread(hash_password, password)
    library = Library(site.recording_dir)
    await library.open(stamp=f"{to_ms(clock.now())}")
    try:
        await library.add_segments(segments)
    finally:
        await library.close()
    journal = site.site.state_dir / "journal.db"
    account = Account(name=name, display=display, hash=digest, role="guard")
    await asyncio.to_thread(write_account, journal, account, to_ms(clock.now()))
    await asyncio.to_thread(_hold, journal, segments[_HELD], name, to_ms(clock.now()))
    paths = [shelf.path(segment.path) for segment in segments]
    kept = paths.pop(_HELD)
    return Seeded(tuple(paths), kept)


async def _to_the_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """In a thread; if we are cancelled it is waited for all the same, for nobody else may remove its files meanwhile."""
    working = asyncio.create_task(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.wait({working})


def _record(shelf: Shelf, camera: str, first: datetime) -> list[NewSegment]:
    """Render, encode, and place on the shelf by way of the spool, as a recorded file goes."""
    folder = shelf.spool / camera
    folder.mkdir(parents=True)
    video = Video(fps=FPS, title=camera)
    placed = []
    for number in range(SEGMENTS):
        start = first + number * SEGMENT
        path = folder / f"{to_ms(start)}.mp4"
        _write(path, video, start)
        placed.append(shelf.place(path, camera, start, start + SEGMENT, trusted=True))
    return placed


def _hold(journal: Path, segment: NewSegment, actor: str, now_ms: int) -> None:
    """As `Journal.place_hold` writes it, in a journal that no gateway has opened yet."""
    margin_ms = 1000  # its neighbours are not to be touched
    db = connect(journal)
    try:
        db.execute(
            "insert into hold (camera, from_ms, to_ms, reason, placed_by, placed_ms) values (?,?,?,?,?,?)",
            (
                segment.camera,
                to_ms(segment.start) + margin_ms,
                to_ms(segment.end) - margin_ms,
                "demo",
                actor,
                now_ms,
            ),
        )
    finally:
        db.close()


def _write(path: Path, video: Video, start: datetime) -> None:
    """A segment whose pictures carry the time of then."""
    encoder = H264Encoder(video)
    count = int(SEGMENT.total_seconds() * video.fps)
    moments = [start + timedelta(seconds=n / video.fps) for n in range(count)]
    coded = b"".join(_START_CODE + nal for moment in moments for nal in encoder.encode(moment))
    with (
        av.open(io.BytesIO(coded), "r", format="h264") as source,
        av.open(str(path), "w", format="mp4", options=_OUTPUT) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        number = 0
        for packet in source.demux(video=0):
            if not packet.size:
                continue  # the library's mark of the end
            packet.stream = stream
            packet.time_base = Fraction(1, video.fps)
            packet.pts = packet.dts = number
            packet.duration = 1
            target.mux(packet)
            number += 1
