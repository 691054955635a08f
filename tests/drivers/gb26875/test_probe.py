"""What a technician is told by a probe."""

import asyncio
import socket
from contextlib import aclosing
from pathlib import Path

import pytest

from drivers.gb26875 import SPEC
from gateway.clock import SystemClock
from gateway.driver import PROBE_LIMIT_S, Finding
from tests.clocks import ManualClock
from tests.drivers.contract import AnyConnection, open_files
from tests.drivers.gb26875.panels import (
    ANSWER,
    CONFIRM,
    SEND,
    Panel,
    call,
    component,
    connection_of,
    frame,
)
from tests.drivers.gb26875.vectors import B3, WIRE
from tests.wait import until


class Probe:
    """A probe under way; its findings as they come."""

    def __init__(self, connection: AnyConnection, clock: ManualClock) -> None:
        assert SPEC.probe is not None
        self.found: list[Finding] = []
        self._findings = SPEC.probe(connection, clock)
        self.task = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for finding in self._findings:
            self.found.append(finding)

    async def says(self, words: str, *, ok: bool) -> Finding:
        """Wait for a finding with these words."""
        await until(lambda: any(words in finding.text for finding in self.found), 5)
        finding = next(finding for finding in self.found if words in finding.text)
        assert finding.ok is ok
        return finding


@pytest.fixture
def connection(tmp_path: Path, port: int) -> AnyConnection:
    more = '[[device]]\nid = "mute"\nzone = "hall"\nbus = "fire"\npanel = 5\n'
    return connection_of(tmp_path, f'host = "127.0.0.1"\nport = {port}', more=more)


async def answer(panel: Panel, kind: int, name: str) -> None:
    """Answer a question with the data of a golden frame."""
    heard = await panel.hear_command(kind)
    await panel.send(frame(heard.serial, ANSWER, WIRE[name][27:-3]))


async def test_findings(connection: AnyConnection, port: int) -> None:
    """Who calls, what it answers, what it reports, strangers, damage, and at the end who has not called."""
    clock = ManualClock()
    probe = Probe(connection, clock)
    panel = await call(port)
    await panel.confirmed(b"")
    await answer(panel, 81, "A9")
    await answer(panel, 85, "A6")
    await answer(panel, 88, "A7")
    serial = await panel.tell(component("10.2", 2))
    await panel.send(frame(1, SEND, source=4711) + B3)
    for _ in range(3):
        caller = await call(port)
        await caller.send(frame(1, SEND, source=4711) + b"hello")
        await caller.close()

    assert (await probe.says("panel 889 calls from", ok=True)).took_s == 0
    await probe.says("主电故障", ok=False)
    await probe.says("version 1.1", ok=True)
    await probe.says("its clock is off by", ok=False)
    await probe.says("火警: 感烟火灾探测器 10.2", ok=False)
    await probe.says("calls itself panel 4711", ok=False)
    await probe.says("wrong checksum", ok=False)
    await probe.says("is its protocol GB/T 26875.3?", ok=False)
    assert sum("panel 4711" in finding.text for finding in probe.found) == 1
    clock.advance(61)
    await asyncio.wait_for(probe.task, 5)
    silent = probe.found[-1]
    assert (silent.subject, silent.ok) == ("mute", False)
    assert "has not called within 60 s" in silent.text
    assert not any(heard.command == CONFIRM and heard.serial == serial for heard in await panel.hear_end())
    await panel.close()


async def test_within_the_limit(connection: AnyConnection) -> None:
    """Nobody calls: after a minute it says so, and ends."""
    clock = ManualClock()
    probe = Probe(connection, clock)
    await probe.says("listens on", ok=True)
    clock.advance(PROBE_LIMIT_S)
    await asyncio.wait_for(probe.task, 5)

    assert [finding.subject for finding in probe.found[1:]] == ["panel", "mute"]


async def test_port_in_use(connection: AnyConnection, port: int) -> None:
    """A port that is taken is said with what to stop, and ends the probe."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        probe = Probe(connection, ManualClock())
        await asyncio.wait_for(probe.task, 5)

    (finding,) = probe.found
    assert not finding.ok
    assert "systemctl stop campus-gateway" in finding.text


async def test_ended_early(connection: AnyConnection) -> None:
    """A technician who has seen enough leaves nothing open."""
    assert SPEC.probe is not None
    files = open_files()
    async with aclosing(SPEC.probe(connection, SystemClock())) as findings:  # type: ignore[type-var] # a generator
        async for _ in findings:
            break

    await until(lambda: len(open_files()) <= len(files), 3)
    assert len(asyncio.all_tasks()) == 1
