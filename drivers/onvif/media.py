"""Where a camera's pictures are: asks Media2, else Media1, for its profiles and their addresses."""

import logging
from dataclasses import dataclass
from xml.sax.saxutils import escape

from drivers.onvif.addresses import rewritten_picture, rewritten_stream
from drivers.onvif.answers import Fault
from drivers.onvif.camera import Camera
from drivers.onvif.markup import Element
from drivers.onvif.toolkit import MEDIA, Parameter
from gateway.driver import Streams
from gateway.errors import DeviceUnavailable

#: onvif-zeep-async brings no description of it: its three operations are written by hand.
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"

_SETUP: dict[str, Parameter] = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}

#: Profiles that are looked at; a camera has two to four, a recorder two for each of its channels.
_MOST_PROFILES = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Profile:
    """A profile's token, how many dots its picture has (0 if it does not say), and whether it is video."""

    token: str
    dots: int
    is_video: bool


async def find_streams(camera: Camera) -> Streams:
    """The largest picture is the main stream, the smallest other one the sub stream.

    Raises DeviceUnavailable where it tells none, DeviceRefused.
    """
    if camera.offers(MEDIA2):
        try:
            return await _find(camera, second=True)
        except (Fault, DeviceUnavailable) as error:
            if not camera.offers(MEDIA.namespace):
                raise
            logger.info("%s: Media2 tells no streams, Media1 is asked: %s", camera.keys.host, error)
    return await _find(camera, second=False)


async def _find(camera: Camera, *, second: bool) -> Streams:
    if second:
        answer = await camera.ask_plain(MEDIA2, "GetProfiles", "<Type>VideoEncoder</Type>")
    else:
        answer = await camera.ask(MEDIA, "GetProfiles")
    profiles = [
        found
        for one in [*answer.body.all("Profiles")][:_MOST_PROFILES]
        if (found := _profile(one)) is not None
    ]
    chosen = [one for one in profiles if one.is_video] or profiles
    if not chosen:
        raise DeviceUnavailable(f"{camera.keys.host} has no profile with a picture")
    main = max(chosen, key=lambda one: one.dots)
    others = [one for one in chosen if one is not main]
    sub = min(others, key=lambda one: one.dots or main.dots, default=None)
    host, port = camera.keys.host, camera.keys.port
    try:
        return Streams(
            main=rewritten_stream(await _stream(camera, main.token, second=second), host),
            sub=None if sub is None else await _sub(camera, sub.token, host, second=second),
            snapshot=await _snapshot(camera, main.token, host, port, second=second),
        )
    except ValueError as error:
        raise DeviceUnavailable(f"{host}: its stream's address: {error}") from error


def _profile(told: Element) -> _Profile | None:
    token = told.attributes.get("token", "")
    encoder = told.first("VideoEncoder") or told.first("VideoEncoderConfiguration")
    if not token:
        return None
    if encoder is None:
        return _Profile(token, 0, is_video=False)
    width, height = (encoder.text_of("Resolution", side) for side in ("Width", "Height"))
    dots = int(width) * int(height) if width.isdecimal() and height.isdecimal() else 0
    return _Profile(token, dots, is_video=encoder.text_of("Encoding").upper() != "JPEG")


async def _stream(camera: Camera, token: str, *, second: bool) -> str:
    if second:
        inner = f"<Protocol>RTSP</Protocol><ProfileToken>{escape(token)}</ProfileToken>"
        return (await camera.ask_plain(MEDIA2, "GetStreamUri", inner)).body.text_of("Uri")
    answer = await camera.ask(MEDIA, "GetStreamUri", {"StreamSetup": _SETUP, "ProfileToken": token})
    return answer.body.text_of("Uri")


async def _sub(camera: Camera, token: str, host: str, *, second: bool) -> str | None:
    """The main stream is worth having without it."""
    try:
        return rewritten_stream(await _stream(camera, token, second=second), host)
    except (Fault, ValueError) as error:
        logger.info("%s: tells no address of its sub stream: %s", host, error)
        return None


async def _snapshot(camera: Camera, token: str, host: str, port: int, *, second: bool) -> str | None:
    """Not every camera has one."""
    try:
        if second:
            inner = f"<ProfileToken>{escape(token)}</ProfileToken>"
            answer = await camera.ask_plain(MEDIA2, "GetSnapshotUri", inner)
        else:
            answer = await camera.ask(MEDIA, "GetSnapshotUri", {"ProfileToken": token})
        return rewritten_picture(answer.body.text_of("Uri"), host, port, camera.told_port)
    except (Fault, ValueError) as error:
        logger.info("%s: tells no snapshot address: %s", host, error)
        return None
