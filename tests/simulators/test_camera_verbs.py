"""A camera steered by lines of text: what a technician can rehearse."""

from datetime import timedelta

import pytest

from simulators.camera import CameraSimulator, Lie, PictureFault
from simulators.steer import Steering
from simulators.verbs import camera_verbs
from tests.simulators.camera_scene import SMALL, running


@pytest.mark.parametrize(
    "line",
    [
        *(f"picture {fault}" for fault in PictureFault),
        *(f"lie {lie}" for lie in Lie),
        "stamp jump",
        "light 0.15",
        "walk on",
        "lamps off",
        "parameters",
        "stall 2.5",
        "clock -3600",
        "fault slow",
    ],
)
async def test_lines_that_are_obeyed(line: str) -> None:
    """Each verb of a camera does what its help says, without complaint."""
    async with running() as camera:
        assert (await Steering(camera_verbs(camera)).obey(line)).startswith("ok")


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("picture dark", "there are: none, black"),
        ("stamp", "1 word wanted"),
        ("light 2", "give 0 (none) to 1 (day)"),
        ("walk maybe", "there are: on, off"),
        ("stall -1", "give 0 to"),
        ("clock now", "give a number"),
    ],
)
async def test_lines_that_make_no_sense(line: str, remedy: str) -> None:
    """What makes no sense is answered with what would be right."""
    answer = await Steering(camera_verbs(CameraSimulator(**SMALL))).obey(line)

    assert answer.startswith("error: ")
    assert remedy in answer


async def test_lines_have_their_effect() -> None:
    """The clock, the picture and the viewers are those of the camera."""
    camera = CameraSimulator(**SMALL)
    steering = Steering(camera_verbs(camera))
    well = len(camera.snapshot())

    assert await steering.obey("clock -90") == "ok"
    assert camera.clock_offset == timedelta(seconds=-90)
    assert await steering.obey("picture covered") == "ok"
    assert len(camera.snapshot()) < well / 2
    assert await steering.obey("viewers") == "nobody has looked"
