"""What happens before a camera, look after look: each fault of a lens, and all that is none."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gateway.bench.yard import Moment
from gateway.model import Kind

#: Looks of a quiet morning before anything happens.
QUIET = 6

#: What a camera shows next; None is the picture of before again, clock and noise included.
Shown = Moment | None
Dice = np.random.Generator


@dataclass(frozen=True, slots=True)
class Act:
    """Its name, what must be raised (None: nothing), and the looks after the quiet ones."""

    name: str
    expected: Kind | None
    play: Callable[[Dice], Sequence[Shown]]


def looks(act: Act, seed: int) -> list[Shown]:
    """The whole sequence of one seed."""
    dice = np.random.default_rng([seed, zlib.crc32(act.name.encode())])
    sun = float(dice.uniform(0.1, 0.6))
    quiet = [replace(_day(dice), sun=sun + n * 0.002) for n in range(QUIET)]
    played = [moment and replace(moment, sun=moment.sun + sun - 0.5) for moment in act.play(dice)]
    return [*quiet, *played]


def _day(dice: Dice) -> Moment:
    """Now and then somebody far away crosses the yard."""
    somebody = dice.random() < 0.3
    return Moment(walkers=((float(dice.uniform(0, 1)), float(dice.uniform(0.2, 0.4))),) if somebody else ())


_NIGHT = Moment(light=0.08, infrared=True, noise=6)
_DARK_STREET = Moment(light=0.22, noise=6)


def _lasting(moment: Moment, count: int = 8) -> Callable[[Dice], Sequence[Shown]]:
    return lambda _dice: [moment] * count


def _drawn(draw: Callable[[Dice, int], Moment], count: int = 16) -> Callable[[Dice], Sequence[Shown]]:
    return lambda dice: [draw(dice, n) for n in range(count)]


def _moved(least: float, most: float) -> Callable[[Dice], Sequence[Shown]]:
    def play(dice: Dice) -> Sequence[Shown]:
        side = dice.choice([-1, 1])
        pan = (float(side * dice.uniform(least, most)), float(dice.uniform(-0.03, 0.05)))
        return [replace(_day(dice), pan=pan) for _ in range(8)]

    return play


def _turned(dice: Dice) -> Sequence[Shown]:
    degrees = float(dice.choice([-1, 1]) * dice.uniform(12, 30))
    return [replace(_day(dice), turn_degrees=degrees) for _ in range(8)]


def _dusk(dice: Dice) -> Sequence[Shown]:
    """The light goes within 15 looks, then the camera switches to infrared; a night follows."""
    going = [replace(_day(dice), light=1.0 - 0.8 * n / 15, noise=2 + 4 * n / 15) for n in range(15)]
    return [*going, *([_NIGHT] * 12)]


def _dawn(dice: Dice) -> Sequence[Shown]:
    """A night, and the morning after it."""
    return [
        *_dusk(dice),
        *(replace(_day(dice), light=0.25 + 0.75 * n / 12, noise=5 - 3 * n / 12) for n in range(12)),
    ]


def _sudden_night(dice: Dice) -> Sequence[Shown]:
    """A hall whose lamps go out: from day to infrared between two looks, and back."""
    return [*([_NIGHT] * 12), *(_day(dice) for _ in range(10))]


def _lamps(dice: Dice) -> Sequence[Shown]:
    """Street lamps switched on and off again in the dusk."""
    dark = [replace(_DARK_STREET, light=light) for light in np.linspace(1, 0.22, 8).tolist()]
    lit = [replace(_DARK_STREET, lamps=bool(n // 6 % 2)) for n in range(18)]
    del dice
    return [*dark, *lit]


def _headlights(dice: Dice) -> Sequence[Shown]:
    """Cars at night that shine into the camera for one or two looks."""
    dark = [replace(_DARK_STREET, light=light) for light in np.linspace(1, 0.22, 8).tolist()]
    cars = [
        replace(_DARK_STREET, headlights=float(dice.uniform(0.2, 0.8)) if n % 5 < 2 else None)
        for n in range(18)
    ]
    return [*dark, *cars]


def _sun(dice: Dice) -> Sequence[Shown]:
    return [replace(_day(dice), sun=0.5 + n * 0.035) for n in range(20)]


def _near(dice: Dice, n: int) -> Moment:
    """Somebody stands close before the camera for one look in three, and covers half of it."""
    return Moment(walkers=((float(dice.uniform(0.3, 0.7)), 1.6),)) if n % 3 == 0 else _day(dice)


def _sway(dice: Dice, _n: int) -> Moment:
    pole = (float(dice.normal(0, 0.003)), float(dice.normal(0, 0.003)))
    return replace(_day(dice), sway=0.008, pan=pole)


FAULTS = (
    Act("black", Kind.CAMERA_BLACK, _lasting(Moment(light=0.0))),
    Act("over-bright", Kind.CAMERA_BRIGHT, _lasting(Moment(over=0.9))),
    Act("covered: hand", Kind.CAMERA_COVERED, _lasting(Moment(cover="hand"))),
    Act("covered: cloth", Kind.CAMERA_COVERED, _lasting(Moment(cover="cloth"))),
    Act("covered: paint", Kind.CAMERA_COVERED, _lasting(Moment(cover="paint"))),
    Act("covered: bag", Kind.CAMERA_COVERED, _lasting(Moment(cover="bag"))),
    Act("covered: nine tenths", Kind.CAMERA_COVERED, _lasting(Moment(cover="partial"))),
    Act("blurred by 0.5 %", Kind.CAMERA_BLURRED, _lasting(Moment(blur=0.005))),
    Act("blurred by 1 %", Kind.CAMERA_BLURRED, _lasting(Moment(blur=0.01))),
    Act("blurred by 2 %", Kind.CAMERA_BLURRED, _lasting(Moment(blur=0.02))),
    Act("frozen", Kind.CAMERA_FROZEN, lambda _dice: [None] * 12),
    Act("moved by 5 to 10 %", Kind.CAMERA_MOVED, _moved(0.05, 0.10)),
    Act("moved by 20 to 45 %", Kind.CAMERA_MOVED, _moved(0.20, 0.45)),
    Act("turned by 12 to 30 deg", Kind.CAMERA_MOVED, _turned),
    Act("no signal: blue card", Kind.CAMERA_SIGNAL, _lasting(Moment(card="blue"))),
    Act("no signal: colour bars", Kind.CAMERA_SIGNAL, _lasting(Moment(card="bars"))),
)

HARMLESS = (
    Act("a quiet day", None, _drawn(lambda dice, _n: _day(dice), 24)),
    Act("quiet night, low noise", None, lambda dice: [*_dusk(dice), *([replace(_NIGHT, noise=2)] * 15)]),
    Act("day to night, infrared", None, _dusk),
    Act("night to dawn", None, _dawn),
    Act("lamps out, infrared", None, _sudden_night),
    Act("lamps switched on and off", None, _lamps),
    Act("headlights", None, _headlights),
    Act("shadows wander", None, _sun),
    Act("a person far away", None, _drawn(lambda _dice, n: Moment(walkers=((n / 16, 0.3),)))),
    Act("a person near", None, _drawn(_near)),
    Act("break time, half people", None, _drawn(lambda _dice, _n: Moment(crowd=0.5))),
    Act("rain or snow", None, _drawn(lambda dice, _n: replace(_day(dice), rain=1.0, light=0.7))),
    Act("fog: 60 %", None, _drawn(lambda dice, n: replace(_day(dice), fog=min(0.6, n * 0.05), light=0.8))),
    Act("fog: 85 %", None, _drawn(lambda dice, n: replace(_day(dice), fog=min(0.85, n * 0.08), light=0.8))),
    Act("wind: trees and pole", None, _drawn(_sway)),
)
