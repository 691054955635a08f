"""The receiver with the real supervisor and journal: what becomes of alarms in any order of events, and over a restart."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drivers.dc09 import SPEC
from drivers.dc09.codec import pad_length, seal
from drivers.dc09.framing import wrap
from gateway.model import Alarm, AlarmState, Kind
from gateway.site import Site
from gateway.store import Journal
from gateway.supervisor import Supervisor
from tests.clocks import ManualClock
from tests.drivers.dc09.site import Caller, calling, whole_site
from tests.drivers.dc09.vectors import KEY, NULL, framed
from tests.wait import until

MIDNIGHT = datetime(2026, 9, 1, tzinfo=UTC)
PRESS, RETURN = "#1234|NPA1]", "#1234|NPR1]"


def clear(sequence: int, content: str = PRESS, at: str = "") -> bytes:
    return wrap(f'"SIA-DCS"{sequence:04d}L0#1234[{content}{at}'.encode())


def sealed(sequence: int, content: str, at: datetime) -> bytes:
    plain = (content + at.strftime("_%H:%M:%S,%m-%d-%Y")).encode()
    return wrap(b'"*SIA-DCS"%04dL0#1234[%b' % (sequence, seal(KEY, plain, b"p" * pad_length(plain))))


@asynccontextmanager
async def gateway(site: Site, clock: ManualClock) -> AsyncIterator[Journal]:
    """Journal and supervisor at work, until the end of the block."""
    journal = await Journal.open(site, clock=clock)
    supervisor = Supervisor(site.connections, {SPEC.name: SPEC}, journal, clock, random.Random(1))
    run = asyncio.create_task(supervisor.run())
    try:
        yield journal
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run
        await journal.close()


def button(journal: Journal) -> Alarm:
    (alarm,) = (known for known in journal.open_alarms.values() if known.source.point == "button")
    return alarm


async def answered(panel: Caller, *messages: bytes) -> None:
    for message in messages:
        assert b"ACK" in await panel.ask(message)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MIDNIGHT)


async def test_i3_panel_that_restarts_and_has_no_clock(tmp_path: Path, clock: ManualClock) -> None:
    """Its message 0001 after the restart has the bytes of the one before: it is a new press, not a repetition."""
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(1), clear(2, RETURN))
        assert button(journal).state is AlarmState.RETURNED_UNACKNOWLEDGED
        await journal.acknowledge(button(journal).id, "zhang")
        await answered(panel, clear(1))

        assert button(journal).state is AlarmState.UNACKNOWLEDGED
        assert button(journal).repeats == 1


async def test_i3_panel_that_restarts_with_a_call(tmp_path: Path, clock: ManualClock) -> None:
    """A NULL between two messages of the same bytes says that nothing waited at the panel: the second is new."""
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(1), framed(NULL), clear(1))
        assert button(journal).repeats == 1


async def test_i3_panel_that_restarts_after_a_while(tmp_path: Path, clock: ManualClock) -> None:
    """The same bytes more than a minute after their answer are new, although the journal compares for ten."""
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(1))
        clock.advance(59)
        await answered(panel, clear(1))
        assert button(journal).repeats == 0
        clock.advance(2)
        await answered(panel, clear(1))
        assert button(journal).repeats == 1


async def test_i3_clock_that_begins_anew(tmp_path: Path, clock: ManualClock) -> None:
    """A panel whose clock stands at the same time after each start says the same bytes again, and is not mistaken."""
    at = "_00:00:12,01-01-2000"
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(1, at=at), clear(2, RETURN, at), clear(1, at=at))
        assert button(journal).returned_at is None


async def test_i3_repetition_over_a_restart_of_ours(tmp_path: Path, clock: ManualClock) -> None:
    """What was committed and not acknowledged is recorded once, though the gateway forgot it between."""
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(6))
        clock.advance(601)
        await answered(panel, clear(7, "#1234|NFA2]"))
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(7, "#1234|NFA2]"))
        assert {alarm.repeats for alarm in journal.open_alarms.values()} == {0}


async def test_i3_both_restart(tmp_path: Path, clock: ManualClock) -> None:
    """After a power cut the panel counts from 0001 again and the gateway has forgotten: each message is new."""
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, clear(1), clear(2, RETURN))
    clock.advance(120)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, framed(NULL), clear(1))
        assert button(journal).returned_at is None


async def test_i3_repetition_with_time_is_known_out_of_turn(tmp_path: Path, clock: ManualClock) -> None:
    """A message whose time is right is the same one whenever it comes again: a line that is lost brings several."""
    at = "_00:00:00,09-01-2026"
    messages = clear(1, at=at), clear(2, RETURN, at), clear(3, "#1234|NFA2]", at)
    site = whole_site(tmp_path)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, *messages, *messages)
        assert button(journal).repeats == 0
        assert button(journal).state is AlarmState.RETURNED_UNACKNOWLEDGED


@pytest.mark.parametrize("between", [1, 40])
async def test_replayed_return(tmp_path: Path, clock: ManualClock, between: int) -> None:
    """A return that somebody has recorded and plays again returns no alarm that was raised since.

    Within the time window it is known as a repetition, also if more messages lie between than the journal compares.
    """
    site = whole_site(tmp_path, keys='key_file = "panel.key"')
    returned = sealed(2, RETURN, MIDNIGHT)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, sealed(1, PRESS, MIDNIGHT), returned)
        await answered(panel, *(sealed(3 + number, PRESS, MIDNIGHT) for number in range(between)))
        async with calling(site.connections[0]) as attacker:
            await answered(attacker, returned)
        assert button(journal).returned_at is None
        clock.advance(41)
        async with calling(site.connections[0]) as attacker:
            assert b'"NAK"' in await attacker.ask(returned)
        assert button(journal).returned_at is None


async def test_replay_does_not_take_a_panel_off(tmp_path: Path, clock: ManualClock) -> None:
    """Old messages that somebody plays again do not make a panel lost that is there."""
    site = whole_site(tmp_path, keys='key_file = "panel.key"')
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, sealed(1, PRESS, MIDNIGHT))
        for _ in range(10):
            assert b'"NAK"' in await panel.ask(sealed(1, RETURN, MIDNIGHT - timedelta(hours=1)))
        assert not [a for a in journal.open_alarms.values() if a.source.kind is Kind.DEVICE_LOST]


async def test_first_words_keep_their_order(tmp_path: Path, clock: ManualClock) -> None:
    """Messages that come in one piece as soon as the port is open are recorded in their order."""
    more = "".join(
        f'[[device]]\nid = "panel-{number}"\nzone = "hall"\nbus = "receiver"\naccount = "A{number:03}"\n'
        for number in range(20)
    )
    site = whole_site(tmp_path, more=more)
    messages = [wrap(f'"SIA-DCS"{n:04d}L0#A019[#A019|N{c}7]'.encode()) for n, c in ((1, "GR"), (2, "GA"))]
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        panel.send(b"".join(messages))
        for _ in messages:
            assert b"ACK" in await panel.answer()
        (alarm,) = journal.open_alarms.values()
        assert alarm.returned_at is None


async def test_bad_key_of_one_panel(tmp_path: Path, clock: ManualClock) -> None:
    """Only the panel whose key can't be read is lost, in words; another's alarm is taken, and the mended key is found."""
    other = '[[device]]\nid = "gym"\nzone = "hall"\nbus = "receiver"\naccount = "77A"\n'
    site = whole_site(tmp_path, keys='key_file = "panel.key"', key="c0ffee", more=other)
    async with gateway(site, clock) as journal, calling(site.connections[0]) as panel:
        await answered(panel, wrap(b'"SIA-DCS"0001L0#77A[#77A|NPA1]'))
        lost = [a for a in journal.open_alarms.values() if a.source.kind is Kind.DEVICE_LOST]
        assert [alarm.source.subject for alarm in lost] == ["panel"]
        assert "32, 48 or 64" in journal.presences["panel"].reason
        panel.send(sealed(1, PRESS, MIDNIGHT))
        assert await panel.silent()
        (tmp_path / "panel.key").write_text(KEY.hex())
        clock.advance(61)
        await until(lambda: not journal.presences["panel"].reason.startswith("key_file"))
        await answered(panel, sealed(2, PRESS, clock.now()))
        assert button(journal).returned_at is None
        assert "c0ffee" not in repr((journal.presences, journal.open_alarms))


async def test_flood_of_strangers(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever an attacker without a key sends and however much: few rows, few lines, and the panel is served.

    One fault is of whoever is unknown, one of the panel that he says to be: it would be hidden behind the other.
    """
    site = whole_site(tmp_path, keys='key_file = "panel.key"')
    stranger = wrap(b'"SIA-DCS"0001L0#9999[#9999|NPA1]')
    forged = clear(1)
    noise = b'\n00000FF0"' * 100
    async with gateway(site, clock) as journal, AsyncExitStack() as stack:
        attackers = [await stack.enter_async_context(calling(site.connections[0])) for _ in range(20)]
        for attacker in attackers:
            attacker.send((stranger + forged + noise) * 50)
        async with calling(site.connections[0]) as panel, asyncio.timeout(20):
            await answered(panel, sealed(1, PRESS, MIDNIGHT))
        told = sorted((alarm.source.kind, alarm.source.subject) for alarm in journal.open_alarms.values())
        assert (
            told
            == [
                (Kind.PANIC, "button"),
                (Kind.UNKNOWN_SENDER, "panel"),
                (Kind.UNKNOWN_SENDER, site.connections[0].id),
            ][: len(told)]
        )
        assert len({subject for _, subject in told}) == len(told) <= 3
    assert len(caplog.records) < 10


async def test_clock_of_ours_that_is_wrong(tmp_path: Path) -> None:
    """A day off and not trusted, our clock refuses nothing."""
    site = whole_site(tmp_path, keys='key_file = "panel.key"')
    (connection,) = site.connections
    site = replace(site, connections=(replace(connection, clock_trusted=lambda: False),))
    async with (
        gateway(site, ManualClock(MIDNIGHT - timedelta(days=1))) as journal,
        calling(connection) as panel,
    ):
        await answered(panel, sealed(1, PRESS, MIDNIGHT), sealed(2, RETURN, MIDNIGHT))
        assert button(journal).state is AlarmState.RETURNED_UNACKNOWLEDGED
        await answered(panel, sealed(1, PRESS, MIDNIGHT))
        assert button(journal).returned_at is None


async def test_played_return_closes_nothing(tmp_path: Path) -> None:
    """While no clock can be trusted an old return can be played: the alarm stays open until a person has closed it."""
    site = whole_site(tmp_path, keys='key_file = "panel.key"')
    (connection,) = site.connections
    site = replace(site, connections=(replace(connection, clock_trusted=lambda: False),))
    async with gateway(site, ManualClock(MIDNIGHT)) as journal, calling(connection) as panel:
        await answered(panel, sealed(1, PRESS, MIDNIGHT))
        await answered(panel, sealed(7, RETURN, MIDNIGHT - timedelta(days=30)))
        assert button(journal).state is AlarmState.RETURNED_UNACKNOWLEDGED
