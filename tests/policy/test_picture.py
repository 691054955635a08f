"""What is wrong with a camera's picture, from numbers alone."""

from dataclasses import replace

import pytest

from gateway.model import Kind
from gateway.policy.picture import (
    BREAK_S,
    FROZEN_LOOKS,
    LOST,
    MOVED_SHARE,
    SETTLE_S,
    Measures,
    PictureState,
    judge,
)

GOOD = Measures(brightness=110, spread=45, dark=0.1, bright=0.1, card=0.0, still=0, kept=0.95)
BARE = replace(GOOD, kept=None)
BLACK = replace(GOOD, brightness=3, spread=1, dark=0.99, kept=0.05, edges=0.05)
COVERED = replace(GOOD, kept=0.02, edges=0.1)
MOVED = replace(GOOD, kept=0.05, shift=0.1, kept_shifted=0.9)

EVERY_S = 10.0


@pytest.mark.parametrize(
    ("look", "kind"),
    [
        (GOOD, None),
        (BLACK, Kind.CAMERA_BLACK),
        (replace(GOOD, bright=0.9, kept=0.1), Kind.CAMERA_BRIGHT),
        (replace(GOOD, bright=0.9, edges=0.2), Kind.CAMERA_BRIGHT),
        (replace(GOOD, card=0.98, kept=0.0), Kind.CAMERA_SIGNAL),
        (COVERED, Kind.CAMERA_COVERED),
        (replace(GOOD, kept=0.02, edges=1.0, detail=0.2), Kind.CAMERA_COVERED),
        (replace(GOOD, kept=0.02, edges=1.0, detail=0.9), Kind.CAMERA_MOVED),
        (MOVED, Kind.CAMERA_MOVED),
        (replace(GOOD, detail=0.3), Kind.CAMERA_BLURRED),
        (replace(GOOD, kept=0.1, kept_blurred=0.9, edges=0.6, detail=0.4), Kind.CAMERA_BLURRED),
        (replace(GOOD, kept=0.3, kept_blurred=0.9, edges=0.5, detail=1.2), Kind.CAMERA_BLURRED),
        (replace(GOOD, still=FROZEN_LOOKS), Kind.CAMERA_FROZEN),
    ],
)
def test_each_condition_has_its_kind(look: Measures, kind: Kind | None) -> None:
    """One look, one kind at most."""
    assert judge(look) is kind


def test_one_condition_explains_the_others() -> None:
    """What is black, or a card, is neither covered nor frozen, whatever else is true of it."""
    assert judge(replace(BLACK, still=FROZEN_LOOKS, detail=0.0)) is Kind.CAMERA_BLACK
    assert judge(replace(BLACK, card=0.99)) is Kind.CAMERA_SIGNAL
    assert judge(replace(COVERED, still=FROZEN_LOOKS)) is Kind.CAMERA_FROZEN


def test_a_scene_that_is_seen_is_not_blind() -> None:
    """A dark night, or snow in the sun, that still shows its edges is no fault."""
    assert judge(replace(GOOD, brightness=8, dark=0.97, kept=0.6)) is None
    assert judge(replace(GOOD, bright=0.9, kept=0.8, edges=0.7)) is None


def test_half_a_scene_and_a_swaying_pole_are_no_faults() -> None:
    """A crowd hides half of it; wind moves it by less than the limit."""
    assert judge(replace(GOOD, kept=LOST + 0.01)) is None
    assert judge(replace(MOVED, kept=0.3, shift=MOVED_SHARE / 2)) is None


def test_without_a_reference_only_blindness_and_standing_still_are_judged() -> None:
    """A bare wall can't be compared with anything."""
    assert judge(BARE) is None
    assert judge(replace(BARE, dark=1.0, brightness=0, spread=0)) is Kind.CAMERA_BLACK
    assert judge(replace(BARE, still=FROZEN_LOOKS)) is Kind.CAMERA_FROZEN


class Camera:
    """Takes looks every ten seconds."""

    def __init__(self) -> None:
        self.state = PictureState()
        self.now = 0.0

    def take(self, *looks: Measures, every_s: float = EVERY_S) -> list[Kind | None]:
        """What holds after each of them."""
        held = []
        for look in looks:
            held.append(self.state.take(look, self.now, alarm_after_s=30, every_s=every_s))
            self.now += every_s
        return held

    def settled(self) -> "Camera":
        """After five good looks."""
        self.take(*[GOOD] * 5)
        return self


def test_an_alarm_needs_its_time_and_so_does_its_return() -> None:
    """30 s of bad looks, 10 s apart, are four; as many good ones end it."""
    camera = Camera().settled()
    assert camera.take(*[COVERED] * 4) == [None, None, None, Kind.CAMERA_COVERED]
    assert camera.take(*[GOOD] * 4) == [*[Kind.CAMERA_COVERED] * 3, None]


def test_what_comes_and_goes_is_no_alarm() -> None:
    """A person before the lens in two looks of three never adds up; nor does an alarm return by single good looks."""
    camera = Camera().settled()
    assert set(camera.take(*[COVERED, COVERED, GOOD] * 10)) == {None}
    camera.take(*[COVERED] * 4)
    assert set(camera.take(*[GOOD, GOOD, COVERED] * 10)) == {Kind.CAMERA_COVERED}


def test_bad_looks_need_not_agree() -> None:
    """What most of them saw is raised."""
    camera = Camera().settled()
    assert camera.take(COVERED, MOVED, COVERED, COVERED)[-1] is Kind.CAMERA_COVERED


def test_another_condition_replaces_the_first_only_in_time() -> None:
    """A covered camera that is then turned away is moved, after as long again."""
    camera = Camera().settled()
    camera.take(*[COVERED] * 4)
    assert camera.take(*[MOVED] * 4) == [*[Kind.CAMERA_COVERED] * 3, Kind.CAMERA_MOVED]


def test_what_flaps_must_be_gone_for_longer() -> None:
    """Each alarm soon after a return doubles the time; after ten calm minutes it is as before."""
    camera = Camera().settled()
    assert camera.take(*[COVERED] * 4, *[GOOD] * 4)[-1] is None
    assert camera.take(*[COVERED] * 4, *[GOOD] * 6)[-1] is Kind.CAMERA_COVERED
    assert camera.take(GOOD)[-1] is None
    assert camera.take(*[COVERED] * 4, *[GOOD] * 12)[-1] is Kind.CAMERA_COVERED
    assert camera.take(GOOD)[-1] is None
    assert set(camera.take(*[GOOD] * 60)) == {None}
    assert camera.take(*[COVERED] * 4, *[GOOD] * 4)[-1] is None


def test_a_dark_night_that_shows_something_is_not_black() -> None:
    """A reference is not needed: what has levels of grey is no lens cap."""
    assert judge(replace(BARE, dark=0.95, brightness=17, spread=16)) is None
    assert judge(replace(BARE, dark=0.95, brightness=17, spread=2)) is Kind.CAMERA_BLACK


def test_a_washed_out_night_is_over_bright() -> None:
    """Not quite white, but even, and without the scene; a pale wall without a reference is no fault."""
    assert judge(replace(GOOD, brightness=224, spread=1, kept=0.2, edges=0.1)) is Kind.CAMERA_BRIGHT
    assert judge(replace(BARE, brightness=224, spread=1)) is None


def test_a_card_shows_nothing_of_the_scene() -> None:
    """An orange bus that hides three quarters is no card."""
    assert judge(replace(GOOD, card=0.9, kept=0.34)) is None


def test_it_settles_after_the_start_and_after_a_break() -> None:
    """A camera that has just come may be black for a moment."""
    for pause in (0.0, BREAK_S + 1):
        camera = Camera().settled() if pause else Camera()
        camera.now += pause
        begun = camera.now
        while camera.take(BLACK)[-1] is None:
            assert camera.now - begun < 120
        assert camera.now - EVERY_S - begun >= SETTLE_S + 30


def test_rare_looks_are_no_breaks() -> None:
    """With ten minutes between looks an alarm takes three of them once settled."""
    camera = Camera()
    camera.take(*[GOOD] * 2, every_s=600)
    assert camera.take(*[BLACK] * 3, every_s=600)[-1] is Kind.CAMERA_BLACK


def test_an_alarm_of_an_earlier_run_is_kept_until_the_picture_is_good() -> None:
    """It is neither raised again nor forgotten while the camera settles."""
    camera = Camera()
    camera.state.alarm = Kind.CAMERA_COVERED
    assert set(camera.take(*[COVERED] * 10)) == {Kind.CAMERA_COVERED}
    assert camera.take(*[GOOD] * 4)[-1] is None
