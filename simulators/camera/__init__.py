"""A network camera to rehearse with: RTSP over TCP, H.264, and a picture whose clock programs can read."""

from simulators.camera.broadcast import ViewerCount
from simulators.camera.encoder import EncodedLoop, Video
from simulators.camera.picture import read_clock
from simulators.camera.simulator import CameraSimulator

__all__ = ["CameraSimulator", "EncodedLoop", "Video", "ViewerCount", "read_clock"]
