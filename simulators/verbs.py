"""What each simulator can be told by a line of text: words to acts."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from simulators.alarm_codes import KINDS, known_kind
from simulators.fault import Fault, Simulator
from simulators.steer import Verb
from simulators.words import (
    as_fault,
    as_seconds,
    as_whole,
    as_zone,
    find_input,
    one_of,
    take,
    take_some,
)

if TYPE_CHECKING:  # loaded by whoever runs that simulator, not by all
    from simulators.camera import CameraSimulator
    from simulators.county import County
    from simulators.modbus import ModbusRtuSimulator, ModbusTcpSimulator


def common_verbs(simulator: Simulator) -> list[Verb]:
    """What every simulator can be told."""

    async def fault(words: Sequence[str]) -> str:
        await simulator.misbehave(as_fault(take(words, 1)[0]))
        return "ok"

    return [Verb("fault FAULT", f"one of {', '.join(Fault)}", fault), _power_cycle(simulator)]


def modbus_verbs(bus: "ModbusTcpSimulator | ModbusRtuSimulator") -> list[Verb]:
    """Buttons, registers, and faults of the bus or of one slave. An input or register is SLAVE/ADDRESS."""

    async def press(words: Sequence[str]) -> str:
        slave, address = find_input(bus.slaves, take(words, 1)[0])
        return f"pressed at {slave.press(address).at_utc:%H:%M:%S.%f} UTC"

    async def release(words: Sequence[str]) -> str:
        slave, address = find_input(bus.slaves, take(words, 1)[0])
        return f"released at {slave.release(address).at_utc:%H:%M:%S.%f} UTC"

    async def pulse(words: Sequence[str]) -> str:
        place, seconds = take(words, 2)
        slave, address = find_input(bus.slaves, place)
        press = await slave.pulse(address, as_seconds(seconds))
        return f"pressed at {press.at_utc:%H:%M:%S.%f} UTC for {seconds} s"

    async def register(words: Sequence[str]) -> str:
        place, value = take(words, 2)
        slave, address = find_input(bus.slaves, place)
        slave.set_register(address, as_whole(value))
        return "ok"

    async def input_register(words: Sequence[str]) -> str:
        place, value = take(words, 2)
        slave, address = find_input(bus.slaves, place)
        slave.set_input_register(address, as_whole(value))
        return "ok"

    async def fault(words: Sequence[str]) -> str:
        name, *rest = words or [""]
        await bus.misbehave(as_fault(name), slave=as_whole(take(rest, 1)[0]) if rest else None)
        return "ok"

    async def counts(_words: Sequence[str]) -> str:
        asked = ", ".join(f"slave {slave}: {count}" for slave, count in sorted(bus.requests.items()))
        return f"requests: {asked or 'none'}; malformed: {bus.malformed}"

    places = dict.fromkeys(("SLAVE/INPUT", "SLAVE/ADDRESS"), lambda place: find_input(bus.slaves, place))
    slaves = {"SLAVE": one_of("slave", lambda: [str(number) for number in bus.slaves])}
    return [
        Verb("press SLAVE/INPUT", "press a button; it stays pressed", press, places),
        Verb("release SLAVE/INPUT", "let it go", release, places),
        Verb("pulse SLAVE/INPUT SECONDS", "press for so long", pulse, places),
        Verb("register SLAVE/ADDRESS VALUE", "give a holding register a value", register, places),
        Verb("input-register SLAVE/ADDRESS VALUE", "give an input register a value", input_register, places),
        Verb("fault FAULT [SLAVE]", f"of the bus or one slave: {', '.join(Fault)}", fault, slaves),
        Verb("counts", "what was asked so far", counts),
        _power_cycle(bus),
    ]


class Pluggable(Protocol):
    """Whatever hangs on a USB adapter."""

    async def unplug(self) -> None:
        """Pull it."""
        ...

    async def replug(self) -> None:
        """Put it back."""
        ...


def plug_verbs(bus: Pluggable) -> list[Verb]:
    """The USB adapter."""

    async def unplug(_words: Sequence[str]) -> str:
        await bus.unplug()
        return "ok"

    async def replug(_words: Sequence[str]) -> str:
        await bus.replug()
        return "ok"

    return [Verb("unplug", "pull the USB adapter", unplug), Verb("replug", "put it back", replug)]


class Panel(Simulator, Protocol):
    """An alarm panel, or a receiver of panels: it queues what happens until it is acknowledged."""

    @property
    def waiting(self) -> Sequence[object]:
        """What is still to be told."""
        ...

    @property
    def acknowledged(self) -> Sequence[object]:
        """What was told."""
        ...

    def press(self, zone: int, kind: str = "panic") -> object:
        """Queue an alarm."""
        ...

    def restore(self, zone: int) -> object:
        """Queue its return."""
        ...

    def send(self, code: str, zone: int) -> object:
        """Queue any code."""
        ...

    def known_code(self, code: str) -> object:
        """Raise ValueError unless it can say that code."""
        ...


def panel_verbs(panel: Panel) -> list[Verb]:
    """Events of a panel, its faults and its power."""

    async def press(words: Sequence[str]) -> str:
        zone, *kind = take_some(words, 1, 2)
        return f"queued {panel.press(as_zone(zone), *kind)}"

    async def restore(words: Sequence[str]) -> str:
        return f"queued {panel.restore(as_zone(take(words, 1)[0]))}"

    async def code(words: Sequence[str]) -> str:
        said, zone = take(words, 2)
        return f"queued {panel.send(said, as_zone(zone))}"

    async def what(_words: Sequence[str]) -> str:
        waiting = "; ".join(str(event) for event in panel.waiting)
        return f"{len(panel.acknowledged)} acknowledged; {len(panel.waiting)} waiting{': ' if waiting else ''}{waiting}"

    kinds = {"KIND": known_kind}
    return [
        Verb("press ZONE [KIND]", f"an alarm, panic if no kind is said: {', '.join(KINDS)}", press, kinds),
        Verb("restore ZONE", "the return of what was pressed there last", restore),
        Verb("code CODE ZONE", "any code, for example 1120, or PA of SIA", code, {"CODE": panel.known_code}),
        Verb("list", "what was acknowledged, and what waits", what),
        *common_verbs(panel),
    ]


def camera_verbs(camera: "CameraSimulator") -> list[Verb]:
    """Faults, of picture, stamps and words too; what happens in the yard; who looks."""
    from simulators.camera.verbs import yard_verbs  # noqa: PLC0415 - loaded by whoever has a camera

    async def viewers(_words: Sequence[str]) -> str:
        return "\n".join(str(viewer) for viewer in camera.viewers) or "nobody has looked"

    return [
        *common_verbs(camera),
        *yard_verbs(camera),
        Verb("viewers", "what each viewer was sent", viewers),
    ]


def county_verbs(county: "County") -> list[Verb]:
    """Faults, receipts, commands, and what came."""

    async def receipts(words: Sequence[str]) -> str:
        from simulators.county import Honesty  # noqa: PLC0415 - loaded by whoever has a county

        county.clerk.be(Honesty(take(words, 1)[0]))
        return "ok"

    async def lose_store(_words: Sequence[str]) -> str:
        await county.lose_store()
        return "ok, everything is forgotten"

    async def command(words: Sequence[str]) -> str:
        site_county, site, body = take(words, 3)
        parsed = json.loads(body)  # a JSONDecodeError is a ValueError
        if not isinstance(parsed, dict):
            raise ValueError("the command is a JSON object")  # noqa: TRY004 - what a person typed, as all else here
        result = await county.send_command(site_county, site, parsed)
        return f"{'done' if result.ok else 'refused'}: {json.dumps(dict(result.answer), ensure_ascii=False)}"

    async def rubbish(words: Sequence[str]) -> str:
        site_county, site = take(words, 2)
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


def _power_cycle(simulator: Simulator) -> Verb:
    async def power_cycle(words: Sequence[str]) -> str:
        await simulator.power_cycle(as_seconds(take(words, 1)[0]))
        return "ok, back again"

    return Verb("power-cycle SECONDS", "off without a goodbye, on again after so long", power_cycle)
