"""`campus-sim fire-panel`: what it can be told on the command line and while it runs."""

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from simulators.gb26875.acts import PanelActs
from simulators.gb26875.delivery import Habits, Report
from simulators.gb26875.fittings import Analog, Component, SystemFlag
from simulators.gb26875.lines import Line, Serial, Tcp, Udp
from simulators.gb26875.simulator import FirePanelSimulator
from simulators.serving import say, scenario_arguments, serve
from simulators.steer import Verb
from simulators.verbs import common_verbs
from simulators.words import as_number, as_whole, take, take_some

HELP = "a fire panel that calls its centre (GB/T 26875.3), over TCP, UDP or a serial line (a pty)"

MOST_OFFSET_SECONDS = 10 * 365 * 86_400


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1", help="of the centre")
    parser.add_argument("--port", type=int, default=26875, help="of the centre (default 26875)")
    parser.add_argument("--transport", choices=["tcp", "udp"], default="tcp")
    parser.add_argument(
        "--serial", type=Path, metavar="LINK", help="a serial line instead: a pty with this name"
    )
    parser.add_argument("--panel", type=int, default=889, help="its own address (default 889)")
    parser.add_argument("--centre", type=int, default=88888, help="the centre's address (default 88888)")
    parser.add_argument(
        "--component",
        action="append",
        default=[],
        metavar="ZONE.POINT:TYPE[:NAME]",
        help="a detector or button, may be repeated: 23 call point, 30 heat, 40 smoke (default 1.1:23)",
    )
    parser.add_argument(
        "--fire", action="append", default=[], metavar="ZONE.POINT", help="in fire from the start"
    )
    parser.add_argument(
        "--heartbeat", type=float, default=30.0, metavar="SECONDS", help="0 sends none (default 30)"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="of --once, to be confirmed (default 60)",
    )
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end; with `--once` until all is confirmed. Raises TimeoutError when it is not in time."""
    panel = FirePanelSimulator(
        _line(options),
        panel=options.panel,
        centre=options.centre,
        components=[as_component(words) for words in options.component or ["1.1:23"]],
        habits=Habits(heartbeat_s=options.heartbeat or None),
    )
    panel.orders.on_order = say
    for place in options.fire:
        panel.fire(*as_place(place))

    async def finish() -> None:
        await panel.delivered(options.timeout)
        say(f"{len(panel.confirmed)} confirmed by the centre")

    await serve(
        panel, fire_panel_verbs(panel), lambda: f"fire panel {panel.address} on {panel.line}", options, finish
    )


def fire_panel_verbs(panel: FirePanelSimulator) -> list[Verb]:
    """Components, the panel's keys, its power, its clock, and faults of the device."""

    async def clock(words: Sequence[str]) -> str:
        panel.clock.offset = _offset(take(words, 1)[0])
        return f"its clock says {panel.clock.now():%Y-%m-%d %H:%M:%S}"

    async def value(words: Sequence[str]) -> str:
        place, number, *kind = take_some(words, 2, 3)
        report = panel.set_value(
            *as_place(place), as_number(number), Analog(as_whole(kind[0])) if kind else None
        )
        return _queued(panel, report)

    async def system(words: Sequence[str]) -> str:
        flag, switched = take(words, 2)
        return _queued(panel, panel.set_system(as_system_flag(flag), on=as_switch(switched)))

    async def what(_words: Sequence[str]) -> str:
        components = [
            f"{one.zone}.{one.point}:{one.kind}  {panel.panel.status_of(one)!r}  {one.name}"
            for one in panel.panel.components.values()
        ]
        tally = f"{panel.delivery.waiting} waiting, {len(panel.confirmed)} confirmed"
        return "\n".join([*components, tally])

    place: Mapping[str, Callable[[str], object]] = {"ZONE.POINT": as_place}
    switch: Mapping[str, Callable[[str], object]] = {"on|off": as_switch, "FLAG": as_system_flag}
    operator: Mapping[str, Callable[[str], object]] = {"OPERATOR": as_whole}
    return [
        Verb(
            "fire ZONE.POINT", "a detector sees fire, a call point is pressed", _at(panel, panel.fire), place
        ),
        Verb("trouble ZONE.POINT", "a component breaks", _at(panel, panel.fault), place),
        Verb("shield ZONE.POINT", "it is masked at the panel (屏蔽)", _at(panel, panel.shield), place),
        Verb("restore ZONE.POINT", "it is as it shall be", _at(panel, panel.restore), place),
        Verb("value ZONE.POINT NUMBER [ANALOG]", "it measures so many °C, %LEL ...", value, place),
        Verb("reset [OPERATOR]", "all components normal", _by(panel, panel.reset), operator),
        Verb("mute [OPERATOR]", "silence the panel", _by(panel, panel.mute), operator),
        Verb("manual [OPERATOR]", "raise the alarm at the panel", _by(panel, panel.manual_alarm), operator),
        Verb(
            "answer [OPERATOR]", "the guard is there (查岗)", _by(panel, panel.answer_guard_check), operator
        ),
        Verb(
            "mains on|off",
            "power of the transmission device",
            _switched(panel, lambda on: panel.mains_fault(on=not on)),
            switch,
        ),
        Verb(
            "battery on|off",
            "its battery",
            _switched(panel, lambda on: panel.battery_fault(on=not on)),
            switch,
        ),
        Verb("system FLAG on|off", f"of the fire alarm system: {', '.join(_SYSTEM_FLAGS)}", system, switch),
        Verb("clock OFFSET", "its clock is wrong by so many seconds", clock, {"OFFSET": _offset}),
        *common_verbs(panel),
        Verb("list", "the components, and what waits", what),
    ]


def as_component(words: str) -> Component:
    """`1.3:40:三楼走廊`. Raises ValueError that says how it is written."""
    place, _, rest = words.partition(":")
    kind, _, name = rest.partition(":")
    if not kind.isdecimal():
        raise ValueError(f"{words!r}: give ZONE.POINT:TYPE[:NAME], for example 1.3:40")
    return Component(*as_place(place), int(kind), name)


def as_place(word: str) -> tuple[int, int]:
    """`1.3` is point 3 of zone 1. Raises ValueError."""
    zone, _, point = word.partition(".")
    if not (zone.isdecimal() and point.isdecimal()):
        raise ValueError(f"{word!r}: give ZONE.POINT, for example 1.3")
    return int(zone), int(point)


def as_switch(word: str) -> bool:
    """`on` or `off`. Raises ValueError."""
    if word not in {"on", "off"}:
        raise ValueError(f"{word!r}: say on or off")
    return word == "on"


_SYSTEM_FLAGS = {str(flag.name).lower().replace("_", "-"): flag for flag in SystemFlag}


def as_system_flag(word: str) -> SystemFlag:
    """A flag of type 1 by its name. Raises ValueError."""
    if word not in _SYSTEM_FLAGS:
        raise ValueError(f"no flag {word!r}; there are: {', '.join(_SYSTEM_FLAGS)}")
    return _SYSTEM_FLAGS[word]


def _line(options: argparse.Namespace) -> Line:
    if options.serial is not None:
        return Serial(options.serial)
    return (Udp if options.transport == "udp" else Tcp)(options.host, options.port)


def _at(panel: PanelActs, act: Callable[[int, int], Report]) -> Callable[[Sequence[str]], Awaitable[str]]:
    async def told(words: Sequence[str]) -> str:
        return _queued(panel, act(*as_place(take(words, 1)[0])))

    return told


def _by(panel: PanelActs, act: Callable[[int], Report]) -> Callable[[Sequence[str]], Awaitable[str]]:
    async def told(words: Sequence[str]) -> str:
        return _queued(panel, act(as_whole((take_some(words, 0, 1) or ["1"])[0])))

    return told


def _switched(panel: PanelActs, act: Callable[[bool], Report]) -> Callable[[Sequence[str]], Awaitable[str]]:
    async def told(words: Sequence[str]) -> str:
        return _queued(panel, act(as_switch(take(words, 1)[0])))

    return told


def _queued(panel: PanelActs, report: Report) -> str:
    return f"type {report.type} queued, {panel.delivery.waiting} waiting"


def _offset(word: str) -> timedelta:
    seconds = as_number(word)
    if not -MOST_OFFSET_SECONDS <= seconds <= MOST_OFFSET_SECONDS:
        raise ValueError(f"{word} s: a clock is wrong by ten years at most")
    return timedelta(seconds=seconds)
