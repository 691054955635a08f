"""What a probe tells a technician, with panels that call it over real sockets."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from drivers.dc09 import SPEC
from drivers.dc09.framing import wrap
from drivers.dc09.probe import LISTEN_S
from gateway.clock import Clock
from gateway.driver import PROBE_LIMIT_S, Connection, Finding
from tests.clocks import ManualClock
from tests.drivers.dc09.site import calling, port_of, site
from tests.drivers.dc09.vectors import NULL, SIA_ENCRYPTED, SIA_PANIC, framed
from tests.wait import until

SILENT = '[[device]]\nid = "silent"\nzone = "hall"\nbus = "receiver"\naccount = "777"\n'


async def gather(
    connection: Connection[BaseModel, BaseModel, BaseModel], clock: Clock, found: list[Finding]
) -> None:
    assert SPEC.probe is not None
    async for finding in SPEC.probe(connection, clock):
        found.append(finding)  # noqa: PERF401 - as it is found


async def test_who_calls_and_who_does_not(tmp_path: Path) -> None:
    """NULLs are acknowledged and alarms are not; strangers, noise and the silent are told, each once."""
    clock, found = ManualClock(), list[Finding]()
    connection = site(tmp_path, more=SILENT)
    probing = asyncio.create_task(gather(connection, clock, found))

    async with calling(connection) as panel:
        panel.send(framed(SIA_PANIC) + framed(SIA_PANIC))
        assert b'"ACK"0000' in await panel.ask(framed(NULL))  # the alarms got nothing
        stranger = wrap(b'"NULL"0000L0#9999[]')
        panel.send(stranger + stranger + b"noise" * 20)
        panel.send(framed(SIA_ENCRYPTED))
        await until(lambda: len(found) == 4)
    clock.advance(LISTEN_S + 1)
    async with asyncio.timeout(10):
        await probing

    assert (found[0].subject, found[0].ok) == ("panel", True)
    assert sorted(finding.subject for finding in found[1:]) == ["panel", "panel", "receiver", "silent"]
    assert not any(finding.ok for finding in found[1:])
    assert any("account 9999" in finding.text for finding in found)
    assert "777" in found[-1].text
    assert str(port_of(connection)) in found[-1].text
    assert LISTEN_S < PROBE_LIMIT_S


async def test_ends_when_all_have_called(tmp_path: Path) -> None:
    """It does not wait for its end if there is nobody left to wait for."""
    found = list[Finding]()
    connection = site(tmp_path)
    probing = asyncio.create_task(gather(connection, ManualClock(), found))

    async with calling(connection) as panel, asyncio.timeout(10):
        assert b'"ACK"0000' in await panel.ask(framed(NULL))
        await probing

    assert [finding.ok for finding in found] == [True]


async def test_wrong_key(tmp_path: Path) -> None:
    """Whose messages can't be read is told so, with the key's file and never the key."""
    clock, found = ManualClock(), list[Finding]()
    connection = site(tmp_path, keys='key_file = "panel.key"', key="ab" * 16)
    probing = asyncio.create_task(gather(connection, clock, found))

    async with calling(connection) as panel:
        panel.send(framed(SIA_ENCRYPTED))
        await until(lambda: bool(found))
    clock.advance(LISTEN_S + 1)
    await probing

    assert "compare the keys" in found[0].text
    assert "abab" not in repr(found)


async def test_port_in_use(tmp_path: Path) -> None:
    """A port in use is told with how to stop the gateway."""
    found = list[Finding]()
    connection = site(tmp_path)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port_of(connection))
    async with server:
        await gather(connection, ManualClock(), found)

    assert "systemctl stop" in found[0].text


async def test_malformed_key(tmp_path: Path) -> None:
    """A key that is none is told, not shown; the other panels are listened for."""
    found = list[Finding]()
    connection = site(tmp_path, keys='key_file = "panel.key"', key="c0ffee", more=SILENT)
    probing = asyncio.create_task(gather(connection, ManualClock(), found))

    async with calling(connection) as panel, asyncio.timeout(10):
        assert b'"ACK"0000' in await panel.ask(wrap(b'"NULL"0000L0#777[]'))
        await probing

    assert [(finding.subject, finding.ok) for finding in found] == [("panel", False), ("silent", True)]
    assert "32, 48 or 64" in found[0].text
    assert "c0ffee" not in repr(found)


async def test_clock_of_the_panel(tmp_path: Path) -> None:
    """Encrypted messages that the gateway would refuse are told so, and get our time; then it is told as good."""
    clock, found = ManualClock(datetime(2026, 9, 1, 0, 5, tzinfo=UTC)), list[Finding]()
    connection = site(tmp_path, keys='key_file = "panel.key"')
    probing = asyncio.create_task(gather(connection, clock, found))

    async with calling(connection) as panel, asyncio.timeout(10):
        assert b'"NAK"0000R0L0A0[]_00:05:00,09-01-2026' in await panel.ask(framed(SIA_ENCRYPTED))
        clock.step(-290)
        panel.send(framed(SIA_ENCRYPTED))
        await probing

    assert [(finding.subject, finding.ok) for finding in found] == [("panel", False), ("panel", True)]
    assert "300 s behind" in found[0].text
    assert "has taken our time" in found[1].text


async def test_who_is_told_of_is_not_silent(tmp_path: Path) -> None:
    """A panel that called with a wrong key is not said to be silent; one that is missing may be the unknown account."""
    clock, found = ManualClock(), list[Finding]()
    connection = site(tmp_path, keys='key_file = "panel.key"', key="ab" * 16, more=SILENT)
    probing = asyncio.create_task(gather(connection, clock, found))

    async with calling(connection) as panel:
        panel.send(framed(SIA_ENCRYPTED) + wrap(b'"NULL"0000L0#778[]'))
        await until(lambda: len(found) == 2)
    clock.advance(LISTEN_S + 1)
    await probing

    assert [finding.subject for finding in found] == ["panel", "receiver", "silent"]
    assert "is it this panel?" in found[2].text
