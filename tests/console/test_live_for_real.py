"""Live view from end to end: cameras, the running daemon with its own recorder process, and what a script gets of it."""

import asyncio
import io
import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import av
import httpx
import numpy as np

from gateway.console.fragments import _NTP_EPOCH, fragment_of
from gateway.console.movie import Movie, movie_of
from gateway.store.accounts import write_account
from simulators.camera import CameraSimulator, Video, read_clock
from tests.console.desk import PASSWORD, WANG
from tests.daemon import DaemonProcess, daemon
from tests.wait import until

FPS = 10
SEGMENT_S = 5

_SITE = f"""
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{{state}}"
clock = "host"
[journal]
ballast_mb = 0
[console]
port = 0
[metrics]
port = 0
[recording]
dir = "{{footage}}"
segment_s = {SEGMENT_S}
stall_s = 5
min_free_gb = 0
[[zone]]
id = "gate"
name = "校门"
"""

_CAMERA = """
[[device]]
id = "{id}"
zone = "gate"
driver = "rtsp"
url = "{url}"
username = "admin"
password_file = "camera.password"
sound = {sound}
"""


@asynccontextmanager
async def school(
    tmp_path: Path, cameras: dict[str, CameraSimulator], *, sound: bool
) -> AsyncIterator[tuple[DaemonProcess, httpx.AsyncClient]]:
    """The daemon with these cameras, all of them being recorded, and a script that has signed in."""
    async with AsyncExitStack() as ending:
        for camera in cameras.values():
            await camera.start()
            ending.push_async_callback(camera.stop)
        (tmp_path / "camera.password").write_text("camera", encoding="utf-8")
        site = tmp_path / "site.toml"
        text = _SITE.format(state=tmp_path / "state", footage=tmp_path / "footage")
        site.write_text(
            text
            + "".join(
                _CAMERA.format(id=name, url=camera.url, sound=str(sound and name == "cam-sound").lower())
                for name, camera in cameras.items()
            ),
            encoding="utf-8",
        )
        await asyncio.to_thread(write_account, tmp_path / "state" / "journal.db", WANG, 0)
        running = await ending.enter_async_context(daemon(site))
        script = await ending.enter_async_context(
            httpx.AsyncClient(base_url=running.console, timeout=30, trust_env=False)
        )
        answer = await script.post("/api/session", json={"name": "wang", "password": PASSWORD})
        assert answer.status_code == 200, answer.text

        async def recorded() -> bool:
            found = (await script.get("/api/cameras")).json()["cameras"]
            return all(each["recording"] for each in found)

        await until(recorded, 20)
        yield running, script


class View:
    """A live view, and when each byte of it came."""

    def __init__(self, script: httpx.AsyncClient, camera: str) -> None:
        self.data = bytearray()
        self.ended = False
        self._came: list[tuple[int, datetime]] = []
        self.task = asyncio.create_task(self._read(script, camera))

    async def _read(self, script: httpx.AsyncClient, camera: str) -> None:
        async with script.stream("GET", f"/api/cameras/{camera}/live") as response:
            assert response.status_code == 200, await response.aread()
            async for part in response.aiter_raw():
                self.data += part
                self._came.append((len(self.data), datetime.now(UTC)))
        self.ended = True

    def pictures(self) -> list[datetime]:
        """The clock of each picture in it, in order."""
        return [moment for part in self._parts() for moment in _clocks(part)]

    def fragments(self) -> Iterator[tuple[datetime, datetime, int]]:
        """When each came, when its first picture came to the gateway by its own word, and how many pictures it has."""
        at, referred, count, movie = 0, _NTP_EPOCH, 0, Movie(tracks=())
        while (end := self._end_of(at)) is not None:
            kind = bytes(self.data[at + 4 : at + 8])
            if kind == b"prft":
                (ntp,) = struct.unpack_from(">Q", self.data, at + 16)
                referred = _NTP_EPOCH + timedelta(seconds=ntp / 2**32)
            elif kind == b"moof":
                count = fragment_of(bytes(self.data[at:end]), movie).pictures
            elif kind == b"moov":
                movie = movie_of(bytes(self.data[at:end]))
            elif kind == b"mdat" and count:  # else it is sound alone
                yield next(when for size, when in self._came if size >= end), referred, count
            at = end

    def _end_of(self, at: int) -> int | None:
        if at + 8 > len(self.data):
            return None
        end = at + int(struct.unpack_from(">I", self.data, at)[0])
        return end if end <= len(self.data) else None

    def _parts(self) -> list[bytes]:
        marks = [at - 4 for at in range(len(self.data)) if self.data.startswith(b"ftyp", at)]
        whole, at = 0, 0
        while (end := self._end_of(at)) is not None:
            whole = end if self.data[at + 4 : at + 8] == b"mdat" else whole
            at = end
        return [bytes(self.data[a:b]) for a, b in zip(marks, [*marks[1:], whole], strict=True)]


def _clocks(part: bytes) -> list[datetime]:
    with av.open(io.BytesIO(part), "r") as container:
        found = [
            read_clock(frame.to_ndarray(format="gray").astype(np.uint8))
            for frame in container.decode(video=0)
        ]
    known = [moment for moment in found if moment is not None]
    assert len(known) == len(found)
    return known


def steps(moments: list[datetime]) -> list[float]:
    """Seconds from each picture to the next."""
    return [(b - a).total_seconds() for a, b in pairwise(moments)]


def recorded(footage: Path, camera: str) -> list[datetime]:
    """The clock of each picture that the recorder has kept of a camera, in order."""
    files = [path for path in footage.rglob("*.mp4") if camera in path.parts]
    return sorted(moment for path in files for moment in _clocks(path.read_bytes()))


def recorder_of(running: DaemonProcess) -> int:
    """The process id of the daemon's recorder."""
    children = Path(f"/proc/{running.pid}/task").glob("*/children")
    found = {pid for each in children for pid in each.read_text().split()}
    (recorder,) = [
        pid for pid in found if b"gateway.recording.recorder" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return int(recorder)


async def test_what_the_camera_sees_is_seen_live(tmp_path: Path) -> None:
    """H.264 and H.265 with sound, over several files and other parameters: each picture once, in order, and soon.

    A recorder that is killed meanwhile costs at most 2 s of pictures, and nothing old is shown again. Each fragment says when
    it was recorded, which is true to the camera's own clock.
    """
    small = Video(width=480, height=288, fps=FPS, gop_seconds=1.0)
    cameras = {
        "cam-plain": CameraSimulator(width=320, height=192, fps=FPS, gop_seconds=1.0),
        "cam-sound": CameraSimulator(
            width=320, height=192, fps=FPS, gop_seconds=4.0, codec="h265", sound=True
        ),
    }
    async with school(tmp_path, cameras, sound=True) as (running, script):
        views = {name: View(script, name) for name in cameras}
        plain = views["cam-plain"]
        await asyncio.sleep(SEGMENT_S)  # what is filmed takes its time
        cameras["cam-plain"].change_parameters(small)
        await asyncio.sleep(SEGMENT_S)
        had = len(plain.data)
        os.kill(recorder_of(running), signal.SIGKILL)
        await until(lambda: len(plain.data) > 3 * had // 2, 40)
        for view in views.values():
            view.task.cancel()
        await asyncio.gather(*(view.task for view in views.values()), return_exceptions=True)
    for name, view in views.items():
        pictures, kept = view.pictures(), recorded(tmp_path / "footage", name)
        begin = kept.index(pictures[0])
        assert pictures == kept[begin : begin + len(pictures)], name  # each once, in order, none is missing
        assert len(pictures) > 2 * SEGMENT_S * FPS, name
        assert max(steps(pictures)) < 6, name  # where the recorder was killed
        at, delays = 0, []
        for came, referred, count in view.fragments():
            first, last = pictures[at], pictures[at + count - 1]
            assert abs((referred - first).total_seconds()) < 1.5, name
            delays.append((came - last).total_seconds())
            at += count
        assert sorted(delays)[len(delays) // 2] < 3, name
