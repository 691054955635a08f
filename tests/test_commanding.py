"""gateway.commanding: one command at a time for each device, and what came of it is on record."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.commanding import RECORD_TRIES, Commanding
from gateway.driver import Command
from gateway.errors import ActRefused, DeviceUnavailable, JournalUnwritable, NotFound
from gateway.model import EventType
from gateway.site import Site
from gateway.wire import JsonObject
from tests.sites import school
from tests.wait import until


class Panels:
    """Devices that answer when the test lets them, and a journal."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Command, int]] = []
        self.events: list[tuple[EventType, str, JsonObject]] = []
        self.answers = asyncio.Event()
        self.refusal: Exception | None = None
        self.unwritable = 0

    async def tell(self, device: str, command: Command, minutes: int) -> str:
        """Do it when the test lets it."""
        self.told.append((device, command, minutes))
        await self.answers.wait()
        if self.refusal is not None:
            raise self.refusal
        return "answered by operator 3"

    async def emit(self, event_type: EventType, subject: str, data: JsonObject) -> str:
        """Take it, unless there is no room."""
        if self.unwritable:
            self.unwritable -= 1
            raise JournalUnwritable("no room")
        self.events.append((event_type, subject, data))
        return "id"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The module can be checked, the camera can be told nothing."""
    made = school(tmp_path)
    devices = tuple(
        replace(device, commands=frozenset({Command.GUARD_CHECK})) if device.id == "buttons" else device
        for device in made.devices
    )
    return replace(made, devices=devices)


@pytest.fixture
async def panels() -> Panels:
    return Panels()


@pytest.fixture
async def commanding(site: Site, panels: Panels) -> AsyncIterator[Commanding]:
    made = Commanding(site, panels, panels.tell, SystemClock())
    run = asyncio.create_task(made.run())
    yield made
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_what_came_of_it_is_an_event(commanding: Commanding, panels: Panels) -> None:
    """Who asked for what, and who answered."""
    panels.answers.set()

    commanding.give("buttons", Command.GUARD_CHECK, minutes=5, actor="li")

    await until(lambda: bool(panels.events))
    assert panels.told == [("buttons", Command.GUARD_CHECK, 5)]
    assert panels.events == [
        (
            EventType.DEVICE_COMMANDED,
            "buttons",
            {
                "device": "buttons",
                "command": "guard-check",
                "actor": "li",
                "ok": True,
                "reason": "answered by operator 3",
            },
        )
    ]


async def test_a_failure_is_an_event_too(commanding: Commanding, panels: Panels) -> None:
    """Nobody answered: that is what an inspector wants to know."""
    panels.refusal = DeviceUnavailable("nobody answered within 5 minutes")
    panels.answers.set()

    commanding.give("buttons", Command.GUARD_CHECK, minutes=5, actor="li")

    await until(lambda: bool(panels.events))
    assert panels.events[0][2]["ok"] is False
    assert panels.events[0][2]["reason"] == "nobody answered within 5 minutes"


async def test_one_at_a_time(commanding: Commanding, panels: Panels) -> None:
    """While a device is busy with one it is given no other; afterwards it is."""
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")
    with pytest.raises(ActRefused, match="busy"):
        commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")

    panels.answers.set()
    await until(lambda: len(panels.events) == 1)
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")

    await until(lambda: len(panels.events) == 2)


async def test_what_a_device_can_not_be_told(commanding: Commanding, panels: Panels) -> None:
    """A command that its driver does not have is refused, and so is a device that is not there."""
    with pytest.raises(ActRefused, match="can't be told"):
        commanding.give("buttons", Command.SET_CLOCK, minutes=1, actor="li")
    with pytest.raises(NotFound):
        commanding.give("nobody", Command.GUARD_CHECK, minutes=1, actor="li")

    assert not panels.told


async def test_the_last_one_can_be_looked_up(commanding: Commanding, panels: Panels) -> None:
    """Under way first, then with its end and what came of it."""
    assert commanding.told("buttons") is None
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")
    under_way = commanding.told("buttons")
    assert under_way is not None
    assert (under_way.actor, under_way.ended) == ("li", None)

    panels.answers.set()
    await until(lambda: bool(panels.events))
    over = commanding.told("buttons")
    assert over is not None
    assert over.ended is not None
    assert (over.ok, over.words) == (True, "answered by operator 3")


async def test_an_interrupted_command_is_on_record(site: Site, panels: Panels) -> None:
    """The daemon stops while the room is asked: an inspector sees who asked, and that nobody knows what came of it."""
    commanding = Commanding(site, panels, panels.tell, SystemClock())
    run = asyncio.create_task(commanding.run())
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")
    await until(lambda: bool(panels.told))
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)

    ((_, device, data),) = panels.events
    assert (device, data["actor"], data["ok"]) == ("buttons", "li", False)
    assert "not known" in str(data["reason"])
    told = commanding.told("buttons")
    assert told is not None
    assert told.ended is not None


@pytest.mark.parametrize("refusals", [1, 99])
async def test_a_journal_that_refuses_ends_no_command(
    commanding: Commanding, panels: Panels, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """What came of it is offered again a few times; the service goes on, with this device and others."""
    monkeypatch.setattr("gateway.commanding.AGAIN_S", 0.01)
    panels.unwritable = refusals
    panels.answers.set()
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")
    await until(lambda: bool(panels.events) or panels.unwritable == 99 - RECORD_TRIES)
    panels.unwritable = 0
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="wang")

    await until(lambda: bool(panels.events) and panels.events[-1][2]["actor"] == "wang")


async def test_a_device_that_is_gone_from_the_supervisor_is_a_failure(
    commanding: Commanding, panels: Panels
) -> None:
    """Whatever the supervisor raises of its own is what came of it, and not the end of the service."""
    panels.refusal = NotFound("there is no device 'buttons'")
    panels.answers.set()
    commanding.give("buttons", Command.GUARD_CHECK, minutes=1, actor="li")

    await until(lambda: bool(panels.events))
    assert panels.events[0][2]["ok"] is False
