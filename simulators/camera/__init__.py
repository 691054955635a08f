"""A network camera to rehearse with: RTSP, H.264 or H.265, sound, and a picture whose clock programs can read."""

from simulators.camera.encoder import Video
from simulators.camera.footage import EncodedLoop
from simulators.camera.lies import Lie
from simulators.camera.picture import Renderer, read_clock
from simulators.camera.picture_faults import PictureFault
from simulators.camera.scene import DAY, NIGHT, Scene
from simulators.camera.simulator import CameraSimulator
from simulators.camera.stamps import StampFault
from simulators.camera.viewer import ViewerCount

__all__ = [
    "DAY",
    "NIGHT",
    "CameraSimulator",
    "EncodedLoop",
    "Lie",
    "PictureFault",
    "Renderer",
    "Scene",
    "StampFault",
    "Video",
    "ViewerCount",
    "read_clock",
]
