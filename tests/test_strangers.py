"""Strangers at a connection, broken drivers that are told something, and a journal that refuses what its keeper tells."""

from collections.abc import Mapping
from typing import NoReturn

import pytest

from gateway.driver import Command, Sink
from gateway.errors import DeviceUnavailable, JournalUnwritable
from gateway.model import GATEWAY, Kind, Presence
from gateway.supervisor import keeper
from gateway.supervisor.strangers import STRANGER_GONE_S, Strangers
from tests.clocks import ManualClock
from tests.drivers.recorder import Recorder
from tests.scripted import BUS, Scene, Scripted, serve
from tests.wait import until

RAISED, RETURNED = (f"{Kind.UNKNOWN_SENDER.value} {what}" for what in ("raised", "returned"))


class Refusing(Recorder):
    """A journal that takes nothing while `full`."""

    full = False

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Refuse, or take it."""
        self._must_have_room()
        await super().raise_own(kind, subject, detail)

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Refuse, or take it."""
        self._must_have_room()
        await super().return_own(kind, subject)

    def _must_have_room(self) -> None:
        if self.full:
            raise JournalUnwritable("no room")


class Line:
    """A connection's strangers, its journal and the time."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.journal = Refusing()
        self.strangers = Strangers("line", self.journal, self.clock)

    @property
    def told(self) -> list[str]:
        """What was raised and returned."""
        return [what for what, subject in self.journal.own if subject == "line"]


async def test_a_flood_is_one_fault_that_returns() -> None:
    """A thousand calls, one write; 600 s after the last it has returned; then the next is news again."""
    line = Line()
    for _ in range(1000):
        await line.strangers.called("account 9999")
    line.clock.advance(STRANGER_GONE_S - 1)
    await line.strangers.look()
    await line.strangers.called("account 9999")
    line.clock.advance(STRANGER_GONE_S - 1)
    await line.strangers.look()
    assert line.told == [RAISED]
    line.clock.advance(1)
    for _ in range(3):
        await line.strangers.look()
    assert line.told == [RAISED, RETURNED]
    await line.strangers.called("account 9999")
    assert line.told == [RAISED, RETURNED, RAISED]


async def test_a_fault_from_before_a_restart_returns_though_nobody_calls() -> None:
    """Neither the stranger nor a panel that is known: 600 s after the start it has returned, once."""
    line = Line()
    line.clock.advance(STRANGER_GONE_S)
    await line.strangers.look()
    line.clock.advance(STRANGER_GONE_S)
    await line.strangers.look()

    assert line.told == [RETURNED]


async def test_a_journal_that_refuses_is_asked_again() -> None:
    """Neither the fault nor its end is lost, and the driver does not feel it."""
    line = Line()
    line.journal.full = True
    await line.strangers.called("account 9999")
    line.journal.full = False
    await line.strangers.called("account 9999")
    assert line.told == [RAISED]

    line.clock.advance(STRANGER_GONE_S)
    line.journal.full = True
    await line.strangers.look()
    line.journal.full = False
    await line.strangers.look()
    assert line.told == [RAISED, RETURNED]


async def test_strangers_end_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the journal refuses, a stranger comes and goes: the driver of the panels that are known serves on."""
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    journal = Refusing()

    async def act(sink: Sink) -> None:
        await serve(sink)
        journal.full = True
        await sink.stranger(b"x", "account 9999")
        scene.clock.advance(STRANGER_GONE_S)

    scene = Scene(act)
    scene.journal = journal
    async with scene.playing() as supervisor:
        await until(lambda: journal.full and supervisor.stats()[0].strangers == 1)
        journal.full = False
        await until(lambda: (RETURNED, "module") in journal.own)
        assert scene.script.built == 1
        assert supervisor.stats()[0].serving


class FullOnce(Recorder):
    """A journal that has no room for the first presence."""

    full = True

    async def presence(
        self, device: str, presence: Presence, reason: str = "", identity: Mapping[str, str] | None = None
    ) -> None:
        """Refuse once, then take it."""
        if self.full:
            self.full = False
            raise JournalUnwritable("no room")
        await super().presence(device, presence, reason, identity)


async def test_a_presence_that_was_not_taken_is_told_again() -> None:
    """A driver that goes on when the journal refuses, and says it once more, is not taken for repeating itself."""

    async def act(sink: Sink) -> None:
        with pytest.raises(JournalUnwritable):
            await sink.presence("module", Presence.ONLINE)
        await sink.presence("module", Presence.ONLINE)

    scene = Scene(act)
    scene.journal = FullOnce()
    async with scene.playing():
        await until(lambda: scene.journal.presence_of("module") is Presence.ONLINE)


class Broken(Scripted):
    """Has a mistake in what it is told."""

    async def command(self, device: str, command: Command, *, minutes: int) -> NoReturn:
        """Break."""
        raise KeyError(device)


async def test_a_driver_that_breaks_over_a_command_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a refusal that names it; the others' commands go on."""
    monkeypatch.setattr("tests.scripted.Scripted", Broken)
    scene = Scene(serve)
    async with scene.playing() as supervisor:
        await until(lambda: supervisor.stats()[0].serving)
        with pytest.raises(DeviceUnavailable, match="broke: KeyError"):
            await supervisor.command("module", Command.READ_STATE, minutes=1)


async def test_a_wrong_key_is_not_hidden_by_another_stranger() -> None:
    """While somebody unknown calls all the time, one who says to be a known device is a fault of that device."""

    async def call(sink: Sink) -> None:
        await sink.presence("module", Presence.ONLINE)
        await sink.stranger(b"9999", "account 9999 is not in the site file")
        await sink.stranger(b"1234", "account 1234 calls with a wrong key", "other")

    scene = Scene(call)
    async with scene.playing(BUS):
        await until(lambda: len(scene.journal.reasons) == 2)

    raised = [subject for what, subject in scene.journal.own if what == RAISED]
    assert raised == ["bus", "other"]
