"""What a school can be told by a line of text: points, outputs, devices and panels by the ids of the site file."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from simulators.camera.picture_faults import PictureFault
from simulators.fault import Fault
from simulators.gb26875.command import as_switch
from simulators.school import OPERATOR, School
from simulators.school_parts import HasCodes, HasGuard, HasPower, HasQueue, HasReset, Output
from simulators.steer import Verb
from simulators.words import (
    as_fault,
    as_number,
    as_seconds,
    as_whole,
    as_zone,
    one_of,
    take,
    take_some,
)

#: Tests for words of a usage.
Meanings = Mapping[str, Callable[[str], object]]


def school_verbs(school: School) -> list[Verb]:
    """Everything that the site file's school has."""
    devices = {"DEVICE": one_of("device", lambda: school.devices)}
    return [
        *_point_verbs(school),
        *_device_verbs(school, devices),
        *_panel_verbs(school),
        *_camera_verbs(school),
        *_looks(school),
    ]


def _point_verbs(school: School) -> list[Verb]:
    async def press(words: Sequence[str]) -> str:
        return f"pressed at {school.press(take(words, 1)[0]).at_utc:%H:%M:%S.%f} UTC"

    async def release(words: Sequence[str]) -> str:
        return f"released at {school.release(take(words, 1)[0]).at_utc:%H:%M:%S.%f} UTC"

    async def pulse(words: Sequence[str]) -> str:
        point, seconds = take(words, 2)
        press = await school.pulse(point, as_seconds(seconds))
        return f"pressed at {press.at_utc:%H:%M:%S.%f} UTC for {seconds} s"

    async def value(words: Sequence[str]) -> str:
        point, number = take(words, 2)
        school.set_value(point, as_number(number))
        return "ok"

    points = {"POINT": one_of("point", lambda: list(school.points))}
    return [
        Verb("press POINT", "bring it into alarm; it stays so", press, points),
        Verb("release POINT", "bring it to rest", release, points),
        Verb("pulse POINT SECONDS", "press for so long; a latched one stays", pulse, points),
        Verb("value POINT NUMBER", "let it measure that, in its unit", value, points),
    ]


def _device_verbs(school: School, devices: Meanings) -> list[Verb]:
    async def fault(words: Sequence[str]) -> str:
        device, name = take(words, 2)
        await school.misbehave(device, as_fault(name))
        return "ok"

    async def power_cycle(words: Sequence[str]) -> str:
        device, seconds = take(words, 2)
        await school.power_cycle(device, as_seconds(seconds))
        return "ok, back again"

    return [
        Verb("fault DEVICE FAULT", f"of a device, bus or camera: {', '.join(Fault)}", fault, devices),
        Verb(
            "power-cycle DEVICE SECONDS",
            "off without a goodbye, on again after so long",
            power_cycle,
            devices,
        ),
    ]


def _panel_verbs(school: School) -> list[Verb]:
    """Those that some device of this school can do; each takes only such devices."""

    def switched(act: Callable[[str, bool], None]) -> Callable[[Sequence[str]], Awaitable[str]]:
        async def told(words: Sequence[str]) -> str:
            device, switch = take(words, 2)
            act(device, as_switch(switch))
            return "ok"

        return told

    def by(act: Callable[[str, int], None]) -> Callable[[Sequence[str]], Awaitable[str]]:
        async def told(words: Sequence[str]) -> str:
            device, *operator = take_some(words, 1, 2)
            act(device, as_whole(operator[0]) if operator else OPERATOR)
            return "ok"

        return told

    async def code(words: Sequence[str]) -> str:
        device, said, zone = take(words, 3)
        school.code(device, said, as_zone(zone))
        return "ok"

    def of(ability: type) -> Meanings:
        able = [name for name, one in school.parts.items() if isinstance(one, ability)]
        return {
            "DEVICE": one_of("such device", lambda: able),
            "on|off": as_switch,
            "OPERATOR": as_whole,
        }

    mains = switched(lambda device, on: school.mains(device, on=on))
    battery = switched(lambda device, on: school.battery(device, on=on))
    return [
        Verb("mains DEVICE on|off", "power of a panel", mains, of(HasPower)),
        Verb("battery DEVICE on|off", "battery of a panel", battery, of(HasPower)),
        Verb("reset DEVICE [OPERATOR]", "somebody resets a panel", by(school.reset), of(HasReset)),
        Verb("answer DEVICE [OPERATOR]", "the guard is there (查岗)", by(school.answer), of(HasGuard)),
        Verb("code DEVICE CODE ZONE", "any code of a panel: 1120, or PA of SIA", code, of(HasCodes)),
    ]


def _camera_verbs(school: School) -> list[Verb]:
    known = one_of("picture", lambda: list(PictureFault))

    async def picture(words: Sequence[str]) -> str:
        camera, name = take(words, 2)
        school.show(camera, PictureFault(known(name)))
        return "ok"

    able = {"CAMERA": one_of("camera", lambda: list(school.cameras)), "PICTURE": known}
    return [Verb("picture CAMERA PICTURE", f"what it shows: {', '.join(PictureFault)}", picture, able)]


def _looks(school: School) -> list[Verb]:
    def lines() -> Iterator[str]:
        yield from (f"{name}  {point.kind}" for name, point in school.points.items())
        yield from (f"{name}  {_state(on=output.is_on)}" for name, output in school.outputs.items())
        yield f"devices: {', '.join(school.devices)}"
        waiting = {name: one.waiting for name, one in school.parts.items() if isinstance(one, HasQueue)}
        if waiting:
            yield f"not acknowledged: {', '.join(f'{name} {count}' for name, count in waiting.items())}"

    async def what(_words: Sequence[str]) -> str:
        return "\n".join(lines())

    async def outputs(_words: Sequence[str]) -> str:
        told = [line for name, output in school.outputs.items() for line in _history(name, output)]
        return "\n".join(told) or "there are no outputs"

    return [
        Verb("outputs", "sounders, strobes and relays, and each time that they were switched", outputs),
        Verb("list", "points, outputs and devices, and what waits", what),
    ]


def _history(name: str, output: Output) -> Iterator[str]:
    yield f"{name}  {_state(on=output.is_on)}"
    for one in output.switched:
        yield f"  {_state(on=one.on)} at {one.at.at_utc:%H:%M:%S.%f} UTC"


def _state(*, on: bool) -> str:
    return "on" if on else "off"
