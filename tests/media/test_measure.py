"""What the picture watch measures and remembers of one camera."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from gateway.bench.yard import Moment, Yard
from gateway.media.look import Look, fields_of_look, look_of
from gateway.media.measure import Watcher
from gateway.media.memory import MOST, Memory
from gateway.media.protocol import ProtocolError, decode, encode
from gateway.media.reference import Picture, Reference
from gateway.model import Kind
from gateway.policy.picture import FROZEN_LOOKS, judge

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class Lens:
    """One camera's watcher and what it films."""

    def __init__(self, memory_dir: Path, seed: int = 1) -> None:
        self.memory_dir = memory_dir
        self.yard = Yard(seed)
        self.watcher = Watcher("cam", memory_dir)
        self.count = 0

    def look(self, moment: Moment | None = None) -> Look:
        """At what the yard shows; ten seconds after the last one."""
        return self.look_at(self.yard.picture(moment or Moment(), f"{self.count}"))

    def look_at(self, picture: Picture) -> Look:
        """At this picture."""
        self.count += 1
        return self.watcher.look(picture, START + timedelta(seconds=10 * self.count))


@pytest.fixture
def lens(tmp_path: Path) -> Lens:
    return Lens(tmp_path)


def test_the_first_good_picture_becomes_the_reference(lens: Lens) -> None:
    """The next one is compared with it; a black one is never learned."""
    assert lens.look(Moment(light=0)).measures.kept is None
    assert not Memory(lens.memory_dir, "cam").exists
    assert lens.look().measures.kept is None
    assert (lens.look().measures.kept or 0) > 0.9


def test_a_restart_remembers_where_the_camera_looked(lens: Lens) -> None:
    """A camera that is turned while nobody looks is moved when they look again."""
    lens.look()
    again = Lens(lens.memory_dir)
    assert judge(again.look(Moment(pan=(0.2, 0.0))).measures) is Kind.CAMERA_MOVED


def test_who_removes_the_memory_makes_it_learn_anew(lens: Lens) -> None:
    """That is how a person accepts a new view."""
    lens.look()
    moved = Moment(pan=(0.2, 0.0))
    assert judge(lens.look(moved).measures) is Kind.CAMERA_MOVED
    (lens.memory_dir / "cam.npz").unlink()
    lens.look(moved)
    assert (lens.look(moved).measures.kept or 0) > 0.9


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04rubbish"])
def test_a_damaged_memory_is_learned_anew(lens: Lens, content: bytes) -> None:
    """It neither stops the watch nor is trusted."""
    (lens.memory_dir / "cam.npz").write_bytes(content)
    again = Lens(lens.memory_dir)
    assert again.look().measures.kept is None
    assert (again.look().measures.kept or 0) > 0.9
    assert len(Memory(lens.memory_dir, "cam").load()) == 1


def test_what_is_wrong_leaves_its_two_pictures(lens: Lens) -> None:
    """The reference and the bad one, as JPEG; a good look leaves none."""
    lens.look()
    assert lens.look().now is None
    look = lens.look(Moment(cover="hand"))
    assert look.before is not None
    assert look.now is not None
    bad, good = cv2.imread(str(look.now)), cv2.imread(str(look.before))
    assert bad is not None
    assert good is not None
    assert bad.std() < good.std() * 0.7


def test_pictures_that_cant_be_kept_hide_no_fault(tmp_path: Path) -> None:
    """A place that takes no file: the measures are told all the same."""
    lens = Lens(tmp_path)
    lens.look()
    (tmp_path / "cam.now.jpg").mkdir()
    look = lens.look(Moment(cover="hand"))
    assert judge(look.measures) is Kind.CAMERA_COVERED
    assert look.now is None


def test_the_same_picture_again_is_not_a_fresh_look(lens: Lens) -> None:
    """A camera with rare key frames is not frozen."""
    picture = lens.yard.picture(Moment(), "1")
    first = lens.watcher.look(picture, START)
    again = lens.watcher.look(picture, START)
    assert (first.fresh, again.fresh) == (True, False)
    assert again.measures.still == 0


def test_only_what_stands_to_the_last_grain_stands_still(lens: Lens) -> None:
    """Noise alone, or a clock alone, is life."""
    picture = lens.yard.picture(Moment(), "1")
    for _ in range(FROZEN_LOOKS + 1):
        look = lens.look_at(picture)
    assert judge(look.measures) is Kind.CAMERA_FROZEN
    assert lens.look(Moment(noise=1.0)).measures.still == 0
    still = [lens.look(Moment(noise=0.0)).measures.still for _ in range(4)]
    assert still == [0] * 4


def test_a_crowd_is_no_new_light(lens: Lens) -> None:
    """Only what stays as it is becomes another reference, and never more than four."""
    lens.look()
    for _ in range(12):
        lens.look(Moment(crowd=0.7))
    assert len(lens.watcher._references) == 1
    assert len(lens.watcher._references) <= MOST


def test_a_bare_wall_is_no_reference(lens: Lens) -> None:
    """Nothing to compare with; and nothing breaks."""
    wall = np.full((360, 640, 3), 140, np.uint8)
    assert not Reference(wall).is_rich
    assert lens.look_at(wall).measures.kept is None
    assert lens.look_at(wall).measures.kept is None


@pytest.mark.parametrize("shape", [(1080, 1920, 3), (288, 352, 3), (360, 640), (2, 2, 3), (4000, 20, 3)])
def test_any_size_can_be_measured(lens: Lens, shape: tuple[int, ...]) -> None:
    """Also those that no camera has, and a change of size between two looks."""
    dice = np.random.default_rng(1)
    lens.look()
    picture = dice.integers(0, 255, shape, dtype=np.uint8)
    assert lens.look_at(picture).measures.still == 0


def test_a_look_survives_its_way_to_the_gateway(lens: Lens) -> None:
    """As JSON; and what is not a look is refused."""
    lens.look()
    for moment in (Moment(), Moment(cover="hand")):
        look = lens.look(moment)
        fields = decode(encode(fields_of_look(look))[12:])
        assert look_of(fields) == look
    for spoilt in ({"measures": None}, {"measures": {"kept": 1}}, {"at": "today"}, {"now": 5}):
        with pytest.raises(ProtocolError):
            look_of({**fields, **spoilt})
    measures = fields["measures"]
    assert isinstance(measures, dict)
    with pytest.raises(ProtocolError):
        look_of({**fields, "measures": {**measures, "dark": float("nan")}})


def test_writing_is_not_the_scene() -> None:
    """Of a picture without edges the row that has them is not counted, unless it is most of the scene."""
    reference = Reference(Yard(1).picture(Moment(), "1"))
    alike = np.zeros(reference.weight.shape, np.bool_)
    alike[2] = True
    assert reference.kept(alike) > 0.1
    assert reference.kept_unwritten(alike) == 0
    alike[:] = True
    assert reference.kept_unwritten(alike) == 1


def test_what_is_missing_in_one_piece_stands_before_the_scene() -> None:
    """Light takes blocks here and there."""
    reference = Reference(Yard(1).picture(Moment(), "1"))
    alike = np.ones(reference.weight.shape, np.bool_)
    alike[:, :9] = False
    assert reference.is_hidden(alike)
    alike = (np.indices(alike.shape).sum(axis=0) % 2).astype(np.bool_)
    assert not Reference(Yard(1).picture(Moment(), "1")).is_hidden(
        alike | (np.indices(alike.shape)[1] % 3 == 0)
    )
