"""Drawn, encoded and decoded sequences: every fault is found, nothing harmless is one (all of it: `make bench NAME=picture`)."""

from pathlib import Path

import pytest

from gateway.bench.acts import FAULTS, HARMLESS, Act
from gateway.bench.picture import watch
from gateway.model import Kind
from gateway.policy.picture import LOST

_SEED = 3

#: The rest shows the same in the bench, and would take too long here.
_HARD = {
    "day to night, infrared",
    "lamps out, infrared",
    "headlights",
    "break time, half people",
    "wind: trees and pole",
}


@pytest.mark.parametrize("act", FAULTS, ids=lambda act: act.name)
def test_each_fault_is_one_alarm_of_its_kind(act: Act, tmp_path: Path) -> None:
    """And of no other."""
    assert watch(act, _SEED, tmp_path).raised == (act.expected,)


@pytest.mark.parametrize("act", [act for act in HARMLESS if act.name in _HARD], ids=lambda act: act.name)
def test_what_is_harmless_raises_nothing(act: Act, tmp_path: Path) -> None:
    """And the scene is seen in every single look, far from the limit."""
    seen = watch(act, _SEED, tmp_path)
    assert seen.raised == ()
    assert min(look.kept for look in seen.measures[1:] if look.kept is not None) > 1.5 * LOST


def test_all_kinds_are_shown() -> None:
    """The sequences leave out no kind that the watch can raise."""
    assert {act.expected for act in FAULTS} == {kind for kind in Kind if kind.value.startswith("camera-")}
