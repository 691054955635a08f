"""What a camera can be told by a line of text beside what every simulator can: its picture, stamps, clock and lies."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from simulators.camera.lies import Lie
from simulators.camera.picture_faults import PictureFault
from simulators.camera.simulator import CameraSimulator
from simulators.camera.stamps import StampFault
from simulators.steer import Verb
from simulators.words import as_number, as_seconds, one_of, take

_Kind = TypeVar("_Kind", bound=StrEnum)


def yard_verbs(camera: CameraSimulator) -> list[Verb]:
    """Picture, stamps, parameters, clock, lies."""

    async def parameters(_words: Sequence[str]) -> str:
        camera.change_parameters()
        return "ok, from the next picture on"

    return [
        _choice("picture", PictureFault, camera.show),
        _choice("stamp", StampFault, camera.stamp),
        _choice("lie", Lie, camera.lie),
        _number("light LEVEL", "1 day, 0.15 night", camera.light),
        _switch("walk", "a person crosses the yard again and again", camera.walk),
        _switch("lamps", "the lamps of the yard", camera.lamps),
        Verb("parameters", "half the width, or the whole again, in mid-stream", parameters),
        _number("stall SECONDS", "no media for so long; 0 ends it", camera.stall, as_seconds),
        _number(
            "clock OFFSET",
            "seconds the camera's own clock is ahead (not the one in the picture)",
            lambda seconds: setattr(camera, "clock_offset", timedelta(seconds=seconds)),
        ),
    ]


def _choice(name: str, kinds: type[_Kind], act: Callable[[_Kind], None]) -> Verb:
    async def choose(words: Sequence[str]) -> str:
        act(kinds(known(take(words, 1)[0])))
        return "ok"

    known = one_of(name, lambda: list(kinds))
    place = name.upper()
    return Verb(f"{name} {place}", f"one of {', '.join(kinds)}", choose, {place: known})


def _switch(name: str, text: str, act: Callable[[bool], None]) -> Verb:
    async def switch(words: Sequence[str]) -> str:
        act(known(take(words, 1)[0]) == "on")
        return "ok"

    known = one_of("state", lambda: ["on", "off"])
    return Verb(f"{name} on|off", text, switch, {"on|off": known})


def _number(
    usage: str, text: str, act: Callable[[float], None], meaning: Callable[[str], float] = as_number
) -> Verb:
    async def give(words: Sequence[str]) -> str:
        act(meaning(take(words, 1)[0]))
        return "ok"

    return Verb(usage, text, give, {usage.split()[1]: meaning})
