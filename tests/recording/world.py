"""What tests of recording share: a school with cameras, and footage that needs no camera."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from gateway.clock import to_ms
from gateway.recording.shelf import Shelf
from gateway.site import Site, load_site
from gateway.store.library import Library
from gateway.store.library_rows import NewSegment
from simulators.camera import CameraSimulator, EncodedLoop, Video
from tests.sites import BY_HAND

PASSWORD = "p@ss:w/%é"
MINUTE = timedelta(minutes=1)

_SCHOOL = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{state}"
clock = "host"
[journal]
ballast_mb = 0
retry_disk_s = 0.1
[recording]
dir = "{footage}"
stall_s = {stall_s}
{recording}
[retention]
{retention}
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
sacrifice = {sacrifice}
"""


def site_of(
    tmp_path: Path,
    cameras: dict[str, str],
    *,
    footage: Path | None = None,
    recording: str = "min_free_gb = 0",
    retention: str = "",
    segment_s: float | None = None,
    stall_s: float = 2.0,
    sacrifice: dict[str, int] | None = None,
) -> Site:
    """A school with these cameras (id: url). `segment_s` may be shorter than a site file is allowed to say."""
    (tmp_path / "camera.password").write_text(PASSWORD, encoding="utf-8")
    text = _SCHOOL.format(
        state=tmp_path / "state",
        footage=footage or tmp_path / "footage",
        stall_s=stall_s,
        recording=recording,
        retention=retention,
    )
    ranks = sacrifice or {}
    text += "".join(
        _CAMERA.format(id=name, url=url, sacrifice=ranks.get(name, 0)) for name, url in cameras.items()
    )
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    site = load_site(path, {"by-hand": BY_HAND})
    if segment_s is not None:
        site = replace(site, recording=site.recording.model_copy(update={"segment_s": segment_s}))
    return site


def camera(*, loop: EncodedLoop | None = None, fps: int = 10, gop_seconds: float = 0.5) -> CameraSimulator:
    """A small camera with the school's password."""
    return CameraSimulator(
        password=PASSWORD, width=320, height=180, fps=fps, gop_seconds=gop_seconds, loop=loop
    )


def small_loop(*, fps: int = 10, gop_seconds: float = 0.5, bit_rate: int = 0) -> EncodedLoop:
    """A few seconds of pictures, encoded once for any number of cameras."""
    video = Video(width=320, height=180, fps=fps, gop_seconds=gop_seconds, bit_rate=bit_rate)
    return EncodedLoop.render(video, seconds=2)


def put(
    shelf: Shelf,
    start: datetime,
    *,
    camera: str = "cam-1",
    length: timedelta = MINUTE,
    size: int = 1000,
    trusted: bool = True,
) -> NewSegment:
    """Put a file on the shelf the way the placer does; it has no row yet."""
    spooled = shelf.spool / camera / f"{to_ms(start)}.mp4"
    spooled.parent.mkdir(parents=True, exist_ok=True)
    spooled.write_bytes(b"\0" * size)
    return shelf.place(spooled, camera, start, start + length, trusted=trusted)


async def shelve(
    shelf: Shelf,
    library: Library,
    start: datetime,
    *,
    camera: str = "cam-1",
    size: int = 1000,
    trusted: bool = True,
) -> int:
    """Put a minute of footage on the shelf, with its row; the row's id."""
    return await library.add_segment(put(shelf, start, camera=camera, size=size, trusted=trusted))
