"""`campus-sim camera`."""

import argparse

from simulators.camera.encoder import CODECS, Video
from simulators.camera.simulator import CameraSimulator
from simulators.serving import scenario_arguments, serve
from simulators.verbs import camera_verbs

HELP = "an RTSP camera whose picture carries a clock"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8554, help="0 takes a free one (default 8554)")
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default="camera", help="a rehearsal's, known to all (default camera)")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--fps", type=int, default=10)
    parser.add_argument("--title", default="")
    parser.add_argument("--codec", choices=CODECS, default="h264")
    parser.add_argument("--sound", action="store_true", help="a tone in G.711 A-law")
    parser.add_argument(
        "--sub", action="store_true", help="a second stream at /sub, half the width and height, H.264"
    )
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    camera = CameraSimulator(
        host=options.host,
        port=options.port,
        username=options.username,
        password=options.password,
        width=options.width,
        height=options.height,
        fps=options.fps,
        title=options.title,
        codec=options.codec,
        sound=options.sound,
        sub=_sub(options) if options.sub else None,
    )
    await serve(
        camera, camera_verbs(camera), lambda: f"camera at {camera.url}, user {camera.username}", options
    )


def _sub(options: argparse.Namespace) -> Video:
    """Half of the main stream each way, or the least that can be had."""
    return Video(
        width=max(160, options.width // 4 * 2),
        height=max(90, options.height // 4 * 2),
        fps=options.fps,
        title=options.title,
    )
