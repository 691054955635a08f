"""The streams of the camera behind, as ONVIF has them: profiles."""

from dataclasses import dataclass

from simulators.camera import CameraSimulator
from simulators.camera.footage import EncodedLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One stream of the camera. `url` is its RTSP address without a password."""

    token: str
    name: str
    url: str
    encoding: str
    width: int
    height: int
    fps: int
    group: int  # frames from one key frame to the next


def profiles(camera: CameraSimulator) -> tuple[Profile, ...]:
    """The streams of a camera as profiles: main, and sub if it has one."""
    told = []
    for number, (name, (path, source)) in enumerate(camera._sources.items(), start=1):  # noqa: SLF001 - nothing public tells the sizes
        video = source.video if isinstance(source, EncodedLoop) else source
        told.append(
            Profile(
                token=f"Profile_{number}",
                name=name,
                url=camera.url.removesuffix(camera.path) + path,
                encoding=video.codec.upper(),
                width=video.width,
                height=video.height,
                fps=video.fps,
                group=video.group,
            )
        )
    return tuple(told)
