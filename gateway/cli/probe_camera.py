"""`probe` of a bare RTSP camera: its stream is opened once, in a process of its own, for a library of C reads what it sends."""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from gateway.cli.words import say
from gateway.driver import Finding
from gateway.errors import SiteFileError
from gateway.recording.link import talks_nonsense
from gateway.site import Site
from gateway.site.site import Camera

if TYPE_CHECKING:
    from av.container import InputContainer

#: A camera that is not through after so long is told of as it is: silent; seconds.
LIMIT_S = 15.0

#: In the process: how long the answers to RTSP may take, how long a picture, and how long pictures are counted; seconds.
_OPEN_S, _PICTURE_S, _COUNT_S = 6.0, 4.0, 3.0

#: What came while the stream was being opened comes at once, and is not counted; seconds.
_BURST_S = 0.5

#: A rate needs so many pictures.
_FEWEST = 2

_RTSP_PORT = 554  # RFC 2326 section 3.2

#: What can be recorded, and how people call it.
_CODECS = {"h264": "H.264", "hevc": "H.265"}


async def probe_camera(site: Site, camera: Camera) -> Finding:
    """What a camera at a bare address sends, or why it does not, in words. Its password is tried once."""
    url = urlsplit(camera.settings.url or "")
    try:
        password = await asyncio.to_thread(site.secret, camera.settings.password_file)
    except SiteFileError as error:
        return Finding(subject=camera.id, ok=False, text=str(error))
    where = f"{url.hostname}:{url.port or _RTSP_PORT}"
    user = f"{quote(camera.settings.username, safe='')}:{quote(password, safe='')}@"
    login = user if camera.settings.username else ""
    found = await _ask(
        {
            "url": url._replace(netloc=f"{login}{url.netloc}").geturl(),
            "transport": camera.settings.transport,
        }
    )
    if found is None:
        return _finding(camera, "probe-rtsp-silent", where=where, seconds=f"{LIMIT_S:g}")
    if "error" in found:
        return _finding(camera, f"probe-rtsp-{found['error']}", where=where, why=found.get("why", ""))
    return _seen(camera, found)


def _finding(camera: Camera, key: str, **values: object) -> Finding:
    return Finding(subject=camera.id, ok=False, text=say(key, **values))


def _seen(camera: Camera, found: Mapping[str, object]) -> Finding:
    codec = str(found["codec"])
    text = say(
        "probe-rtsp-sends" if codec in _CODECS else "probe-rtsp-codec",
        codec=_CODECS.get(codec, codec),
        width=found["width"],
        height=found["height"],
        rate=f"{float(str(found['rate'])):.3g}",
        first=f"{float(str(found['first_s'])):.1f}",
    )
    return Finding(subject=camera.id, ok=codec in _CODECS, text=text, took_s=float(str(found["took_s"])))


async def _ask(order: Mapping[str, str]) -> Mapping[str, object] | None:
    """What the process says; None: nothing in time. The address goes by its input: a command line can be read by all."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # the library's own words have the password in them
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, _ = await process.communicate(json.dumps(order).encode())
    except TimeoutError:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode:
        return {"error": "died", "why": f"{process.returncode}"}
    answer: Mapping[str, object] = json.loads(out)
    return answer


# ---- the other end: the process


def main() -> int:
    """Look at the stream that standard input names, and say what was seen."""
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    order = json.loads(sys.stdin.read())
    sys.stdout.write(json.dumps(_look(order["url"], order["transport"])) + "\n")
    return 0


def _look(url: str, transport: str) -> dict[str, object]:
    """What is there, or `error`: which of the words says why not."""
    import av  # noqa: PLC0415 - in this process alone

    options = {"rtsp_transport": transport, "allowed_media_types": "video", "fpsprobesize": "0"}
    began = time.monotonic()
    opened = False
    try:
        with av.open(url, "r", options=options, timeout=(_OPEN_S, _PICTURE_S / 2)) as source:
            opened = True
            return _watch(source, began)
    except av.FFmpegError as error:  # the network's own errors are kinds of it
        match error:
            case av.error.HTTPUnauthorizedError() | av.error.HTTPForbiddenError():
                why = "password"
            case av.error.HTTPNotFoundError():
                why = "no-stream"
            case av.error.HTTPClientError() | av.error.HTTPServerError():
                why = "refused"
            case _ if opened:
                why = "no-picture"
            case _ if time.monotonic() - began >= _OPEN_S * 0.9:  # of silence, too, it says "invalid data"
                why = "nonsense" if talks_nonsense(url) else "mute"
            case av.error.InvalidDataError():
                why = "nonsense"
            case _:
                why = "unreachable"
        return {"error": why, "why": error.strerror}


def _watch(source: "InputContainer", began: float) -> dict[str, object]:
    """Pictures are counted, not decoded. Raises FFmpegError."""
    if not source.streams.video:
        return {"error": "no-video"}
    stream = source.streams.video[0]
    times: list[float] = []
    first = 0.0
    for packet in source.demux(stream):
        if not packet.size:
            continue  # the library's mark of the end
        now = time.monotonic()
        first = first or now
        if now >= first + _BURST_S:
            times.append(now)
        if times and now - times[0] >= _COUNT_S:
            break
    if len(times) < _FEWEST:
        return {"error": "no-picture"}
    return {
        "codec": stream.codec_context.name,
        "width": stream.codec_context.width,
        "height": stream.codec_context.height,
        "rate": (len(times) - 1) / (times[-1] - times[0]),
        "first_s": first - began,
        "took_s": time.monotonic() - began,
    }


if __name__ == "__main__":
    sys.exit(main())
