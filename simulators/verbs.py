"""What each simulator can be told by a line of text: words to acts."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from simulators.fault import Fault, Simulator
from simulators.steer import Verb

if TYPE_CHECKING:  # loaded by whoever runs that simulator, not by all
    from simulators.camera import CameraSimulator
    from simulators.county import County
    from simulators.modbus import ModbusRtuSimulator, ModbusSlave, ModbusTcpSimulator
    from simulators.school import School

LONGEST_SECONDS = 3600


def common_verbs(simulator: Simulator) -> list[Verb]:
    """What every simulator can be told."""

    async def fault(words: Sequence[str]) -> str:
        await simulator.misbehave(_fault(_take(words, 1)[0]))
        return "ok"

    return [Verb("fault FAULT", f"one of {', '.join(Fault)}", fault), _power_cycle(simulator)]


def modbus_verbs(bus: "ModbusTcpSimulator | ModbusRtuSimulator") -> list[Verb]:
    """Buttons, registers, and faults of the bus or of one slave. An input or register is SLAVE/ADDRESS."""

    async def press(words: Sequence[str]) -> str:
        slave, address = find_input(bus.slaves, _take(words, 1)[0])
        return f"pressed at {slave.press(address).at_utc:%H:%M:%S.%f} UTC"

    async def release(words: Sequence[str]) -> str:
        slave, address = find_input(bus.slaves, _take(words, 1)[0])
        return f"released at {slave.release(address).at_utc:%H:%M:%S.%f} UTC"

    async def pulse(words: Sequence[str]) -> str:
        place, seconds = _take(words, 2)
        slave, address = find_input(bus.slaves, place)
        press = await slave.pulse(address, _seconds(seconds))
        return f"pressed at {press.at_utc:%H:%M:%S.%f} UTC for {seconds} s"

    async def register(words: Sequence[str]) -> str:
        place, value = _take(words, 2)
        slave, address = find_input(bus.slaves, place)
        slave.set_register(address, _whole(value))
        return "ok"

    async def input_register(words: Sequence[str]) -> str:
        place, value = _take(words, 2)
        slave, address = find_input(bus.slaves, place)
        slave.set_input_register(address, _whole(value))
        return "ok"

    async def fault(words: Sequence[str]) -> str:
        name, *rest = words or [""]
        await bus.misbehave(_fault(name), slave=_whole(_take(rest, 1)[0]) if rest else None)
        return "ok"

    async def counts(_words: Sequence[str]) -> str:
        asked = ", ".join(f"slave {slave}: {count}" for slave, count in sorted(bus.requests.items()))
        return f"requests: {asked or 'none'}; malformed: {bus.malformed}"

    return [
        Verb("press SLAVE/INPUT", "press a button; it stays pressed", press),
        Verb("release SLAVE/INPUT", "let it go", release),
        Verb("pulse SLAVE/INPUT SECONDS", "press for so long", pulse),
        Verb("register SLAVE/ADDRESS VALUE", "give a holding register a value", register),
        Verb("input-register SLAVE/ADDRESS VALUE", "give an input register a value", input_register),
        Verb("fault FAULT [SLAVE]", f"of the bus or one slave: {', '.join(Fault)}", fault),
        Verb("counts", "what was asked so far", counts),
        _power_cycle(bus),
    ]


def plug_verbs(bus: "ModbusRtuSimulator") -> list[Verb]:
    """The USB adapter."""

    async def unplug(_words: Sequence[str]) -> str:
        await bus.unplug()
        return "ok"

    async def replug(_words: Sequence[str]) -> str:
        await bus.replug()
        return "ok"

    return [Verb("unplug", "pull the USB adapter", unplug), Verb("replug", "put it back", replug)]


def camera_verbs(camera: "CameraSimulator") -> list[Verb]:
    """Faults, and who looks."""

    async def viewers(_words: Sequence[str]) -> str:
        return "\n".join(str(viewer) for viewer in camera.viewers) or "nobody has looked"

    return [*common_verbs(camera), Verb("viewers", "what each viewer was sent", viewers)]


def county_verbs(county: "County") -> list[Verb]:
    """Faults, receipts, commands, and what came."""

    async def receipts(words: Sequence[str]) -> str:
        from simulators.county import Honesty  # noqa: PLC0415 - loaded by whoever has a county

        county.clerk.be(Honesty(_take(words, 1)[0]))
        return "ok"

    async def lose_store(_words: Sequence[str]) -> str:
        await county.lose_store()
        return "ok, everything is forgotten"

    async def command(words: Sequence[str]) -> str:
        site_county, site, body = _take(words, 3)
        parsed = json.loads(body)  # a JSONDecodeError is a ValueError
        if not isinstance(parsed, dict):
            raise ValueError("the command is a JSON object")  # noqa: TRY004 - what a person typed, as all else here
        result = await county.send_command(site_county, site, parsed)
        return f"{'done' if result.ok else 'refused'}: {json.dumps(dict(result.answer), ensure_ascii=False)}"

    async def rubbish(words: Sequence[str]) -> str:
        site_county, site = _take(words, 2)
        return f"{county.send_rubbish(site_county, site)} rubbish receipts and commands sent"

    async def report(_words: Sequence[str]) -> str:
        return str(county.report())

    return [
        *common_verbs(county),
        Verb(
            "receipts HONESTY",
            "true, none, late, rubbish, beyond (never sent), back (less than before)",
            receipts,
        ),
        Verb("lose-store", "forget every event", lose_store),
        Verb("command COUNTY SITE JSON", "send it (in single quotes) and show the answer", command),
        Verb("rubbish COUNTY SITE", "every wrong receipt and command once", rubbish),
        Verb("report", "what came so far", report),
    ]


def school_verbs(school: "School") -> list[Verb]:
    """Points and devices, by the ids of the site file."""

    async def press(words: Sequence[str]) -> str:
        return f"pressed at {school.press(_take(words, 1)[0]).at_utc:%H:%M:%S.%f} UTC"

    async def release(words: Sequence[str]) -> str:
        return f"released at {school.release(_take(words, 1)[0]).at_utc:%H:%M:%S.%f} UTC"

    async def pulse(words: Sequence[str]) -> str:
        point, seconds = _take(words, 2)
        press = await school.pulse(point, _seconds(seconds))
        return f"pressed at {press.at_utc:%H:%M:%S.%f} UTC for {seconds} s"

    async def value(words: Sequence[str]) -> str:
        point, number = _take(words, 2)
        school.set_value(point, _number(number))
        return "ok"

    async def fault(words: Sequence[str]) -> str:
        device, name = _take(words, 2)
        await school.misbehave(device, _fault(name))
        return "ok"

    async def power_cycle(words: Sequence[str]) -> str:
        device, seconds = _take(words, 2)
        await school.power_cycle(device, _seconds(seconds))
        return "ok, back again"

    async def what(_words: Sequence[str]) -> str:
        points = "\n".join(f"{name}  {one.point.kind}" for name, one in school.points.items())
        return f"{points}\ndevices: {', '.join(school.devices)}"

    return [
        Verb("press POINT", "bring it into alarm; it stays so", press),
        Verb("release POINT", "bring it to rest", release),
        Verb("pulse POINT SECONDS", "press for so long; a latched one stays", pulse),
        Verb("value POINT NUMBER", "let it measure that, in its unit", value),
        Verb("fault DEVICE FAULT", f"of a device, bus or camera: {', '.join(Fault)}", fault),
        Verb("power-cycle DEVICE SECONDS", "off without a goodbye, on again after so long", power_cycle),
        Verb("list", "the points with their kinds, and the devices", what),
    ]


def find_input(slaves: "Mapping[int, ModbusSlave]", place: str) -> "tuple[ModbusSlave, int]":
    """`1/0` is address 0 of slave 1. Raises ValueError that says which slaves there are."""
    slave, _, address = place.partition("/")
    if not (slave.isdecimal() and address.isdecimal()):
        raise ValueError(f"{place!r}: give SLAVE/ADDRESS, for example 1/0")
    if int(slave) not in slaves:
        raise ValueError(
            f"no slave {slave}; there are: {', '.join(str(number) for number in sorted(slaves))}"
        )
    return slaves[int(slave)], int(address)


def _power_cycle(simulator: Simulator) -> Verb:
    async def power_cycle(words: Sequence[str]) -> str:
        await simulator.power_cycle(_seconds(_take(words, 1)[0]))
        return "ok, back again"

    return Verb("power-cycle SECONDS", "off without a goodbye, on again after so long", power_cycle)


def _take(words: Sequence[str], count: int) -> Sequence[str]:
    if len(words) != count:
        raise ValueError(
            f"{count} word{'s' if count > 1 else ''} wanted after the command, {len(words)} given; see `help`"
        )
    return words


def _fault(word: str) -> Fault:
    if word not in set(Fault):
        raise ValueError(f"no fault {word!r}; there are: {', '.join(Fault)}")
    return Fault(word)


def _seconds(word: str) -> float:
    seconds = _number(word)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"{word} s: give 0 to {LONGEST_SECONDS}")
    return seconds


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{word!r}: give a number") from None


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{word!r}: give a whole number") from None
