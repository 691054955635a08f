"""What is retained under the root is true: `state`, `alarms/open`, presence."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from gateway.model import Durability, Presence, Verdict
from tests.mosquitto import mosquitto
from tests.uplink.test_delivery import county_at
from tests.uplink.test_outages import proxy_to
from tests.uplink.world import COUNTY, DESTINATION, ROOT, SITE, Party, World, party, world
from tests.wait import until

STATE, OPEN, EVENTS = f"{ROOT}/state", f"{ROOT}/alarms/open", f"{ROOT}/event/#"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_state_says_what_the_contract_says(tmp_path: Path, protocol: str) -> None:
    """All its members, retained, and again within a minute without any change."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, STATE, protocol=protocol) as watcher,
        world(tmp_path / "gateway", broker.port, broker=f'protocol = "{protocol}"') as gateway,
    ):
        await until(lambda: len(watcher.heard) == 1)
        (state,) = watcher.documents("state")
        head = gateway.journal.head(DESTINATION)
        assert state["online"] is True
        assert (state["boot"], state["stream"], state["sequence"]) == (1, head.stream, head.last_sequence)
        assert (state["version"], state["degraded"]) == ("0.1.0", [])
        assert set(state) == {
            "online", "boot", "since", "version", "stream", "sequence", "backlog", "degraded",
        }  # fmt: skip
        assert isinstance(state["backlog"], dict)
        assert set(state["backlog"]) == {"rows", "age_s"}
        gateway.clock.skip(61)
        await until(lambda: len(watcher.heard) >= 2)
        async with party(broker.port, STATE, client_id="late") as late:
            await until(lambda: [retained for _, _, retained in late.heard] == [True])


async def test_a_late_will_is_corrected(tmp_path: Path) -> None:
    """A will of an earlier connection that overtakes us, or any rubbish in our `state`, is overwritten."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, STATE) as other,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await until(lambda: len(other.heard) == 1)
        true = other.documents("state")[0]
        for payload in (json.dumps(true | {"online": False}).encode(), b"rubbish", b""):
            await other.say("state", payload, retain=True)
            gateway.clock.skip(2)
            await until(partial(_heard_after, other, payload))
            assert other.documents_at(-1)["online"] is True


def _heard_after(other: Party, payload: bytes) -> bool:
    said = [index for index, heard in enumerate(other.heard) if heard[1] == payload]
    return bool(said) and len(other.heard) > said[-1] + 1


async def test_a_state_ahead_of_the_journal_begins_a_new_stream(tmp_path: Path) -> None:
    """Our own retained `state` names a number that this journal never gave: it is an older copy. A new stream says so."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        world(tmp_path / "gateway", broker.port, start=False) as gateway,
    ):
        before = gateway.journal.head(DESTINATION)
        async with party(broker.port) as other:
            state: dict[str, object] = {"online": False, "stream": before.stream, "sequence": 4711}
            await other.say("state", state, retain=True)
        await gateway.start()
        await gateway.connected()
        head = gateway.journal.head(DESTINATION)
        why = ("state-ahead", before.stream, 4711)
        assert head.stream != before.stream
        assert (head.reason, head.previous_stream, head.previous_sequence) == why
        await gateway.presses(5)
        await gateway.delivered()
        report = await county.wait_for(lambda r: len(r.streams) == 2, 10)
        newest = next(stream for stream in report.streams if stream.stream == head.stream)
        assert (newest.reason, newest.previous_stream, newest.previous_sequence) == why


async def test_a_journal_that_went_back_in_time_gives_no_number_twice(tmp_path: Path) -> None:
    """An old copy of the journal after a power cut: the will names an old number, `alarms/open` the last one."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        party(broker.port, STATE, OPEN) as watcher,
        proxy_to(broker.port) as proxy,
    ):
        async with world(tmp_path / "gateway", proxy.port) as gateway:
            await gateway.presses(5)
            await gateway.delivered()
        directory = gateway.journal.path.parent
        copy = shutil.copytree(directory, tmp_path / "copy")
        async with world(tmp_path / "gateway", proxy.port) as gateway:
            await gateway.connected()
            await gateway.presses(20)
            await gateway.delivered()
            old = gateway.journal.head(DESTINATION)
            for topic in ("state", "alarms/open"):
                await until(partial(_names, gateway, watcher, topic, old.last_sequence))
            await proxy.cut()
            await until(lambda: watcher.documents("state")[-1]["online"] is False)
            assert int(str(watcher.documents("state")[-1]["sequence"])) < old.last_sequence
        sent = (await county.wait_for(lambda r: r.events == old.last_sequence, 10)).events
        shutil.rmtree(directory)
        shutil.move(copy, directory)
        await proxy.restore()
        async with world(tmp_path / "gateway", proxy.port) as gateway:
            await until(gateway.skip_until_connected)
            head = gateway.journal.head(DESTINATION)
            assert (head.reason, head.previous_stream) == ("state-ahead", old.stream)
            assert head.previous_sequence == old.last_sequence
            await gateway.presses(30)
            await gateway.delivered()
            report = await county.wait_for(lambda r: r.events >= sent + gateway.last, 10)
            assert {stream.stream for stream in report.streams} == {old.stream, head.stream}
            raised = [e for e in await county.events() if e.type == "campus.alarm.raised.v1"]
            assert len(raised) == 5 + 15 + 25  # the other presses repeat one that is open


def _names(gateway: World, watcher: Party, topic: str, sequence: int) -> bool:
    gateway.clock.skip(1)
    found = watcher.documents(topic)
    return bool(found) and found[-1]["sequence"] == sequence


async def test_a_press_is_told_by_state_too(tmp_path: Path) -> None:
    """`state` names the newest number as soon as `alarms/open` does, not a minute later; nothing comes back of that."""
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, STATE, OPEN) as watcher,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        for _ in range(3):
            await gateway.press()
            for topic in ("state", "alarms/open"):
                await until(partial(_names, gateway, watcher, topic, gateway.last))
        assert f"Sending PUBLISH to {COUNTY}-{SITE}-{DESTINATION} " in broker.log
        assert not [
            line
            for line in broker.log.splitlines()
            if f"PUBLISH to {COUNTY}-{SITE}-{DESTINATION}" in line and OPEN in line
        ]


async def test_a_state_of_an_unknown_stream_begins_a_new_one_at_the_start_only(tmp_path: Path) -> None:
    """The journal was lost: the stream that the broker remembers is named. Later it is somebody else's doing."""
    unknown = "0198f1a2-0000-7000-8000-00000000beef"
    async with (
        mosquitto(tmp_path) as broker,
        party(broker.port, EVENTS) as other,
        world(tmp_path / "gateway", broker.port, start=False) as gateway,
    ):
        state: dict[str, object] = {"online": False, "stream": unknown, "sequence": 12}
        await other.say("state", state, retain=True)
        await gateway.start()
        await gateway.connected()
        head = gateway.journal.head(DESTINATION)
        assert (head.previous_stream, head.previous_sequence) == (unknown, 12)
        await other.say("state", state | {"stream": unknown.replace("beef", "cafe")}, retain=True)
        await other.say("command", b"{}")  # it is heard after it
        await until(lambda: gateway.uplink._complaints.counts["malformed-commands"] == 1)
        assert gateway.journal.head(DESTINATION).stream == head.stream


async def test_our_own_state_begins_no_new_stream(tmp_path: Path) -> None:
    """A restart finds the `state` of its earlier life at the broker: numbers go on."""
    async with mosquitto(tmp_path) as broker, county_at(broker.port):
        async with world(tmp_path / "gateway", broker.port) as gateway:
            await gateway.presses(5)
            await gateway.delivered()
            stream = gateway.journal.head(DESTINATION).stream
        async with world(tmp_path / "gateway", broker.port) as gateway:
            await gateway.connected()
            assert gateway.journal.head(DESTINATION).stream == stream
            assert gateway.journal.status.boot == 2


async def test_open_alarms_are_as_of_their_sequence(tmp_path: Path) -> None:
    """Replaying the events up to `sequence` gives the alarms of `alarms/open`; at most one a second, the latest only."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        party(broker.port, EVENTS, OPEN) as watcher,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.connected()
        await gateway.presses(30)
        alarms = [alarm.id for alarm in gateway.journal.open_alarms.values()]
        for alarm in alarms[:10]:
            await gateway.journal.acknowledge(alarm, "guard")
            await gateway.journal.close_alarm(alarm, "guard", Verdict.TEST)
        gateway.clock.skip(2)
        head = gateway.journal.head(DESTINATION)
        await until(lambda: int(watcher.documents("alarms/open")[-1]["sequence"]) == head.last_sequence)  # type: ignore[call-overload]  # JSON
        await until(lambda: len(watcher.on("event/alarm")) == gateway.last - 1)
        events = sorted(
            (json.loads(payload) for payload in watcher.on("event/alarm")), key=lambda e: int(e["sequence"])
        )
        for document in watcher.documents("alarms/open"):
            states: dict[str, str] = {}
            for event in events:
                if int(event["sequence"]) <= int(str(document["sequence"])):
                    states[event["data"]["alarm"]] = event["data"]["state"]
            states = {alarm: state for alarm, state in states.items() if state != "closed"}
            listed = document["alarms"]
            assert isinstance(listed, list)
            assert {alarm["alarm"]: alarm["state"] for alarm in listed} == states
        assert len(watcher.on("alarms/open")) <= 5


async def test_presence_is_retained_and_changes_are_told(tmp_path: Path) -> None:
    """All devices' presence after each connect, then what changes; a device that the site file lost is left out."""
    async with (
        mosquitto(tmp_path) as broker,
        world(tmp_path / "gateway", broker.port, devices=["module", "panel"], start=False) as gateway,
    ):
        await gateway.journal.presence("module", Presence.ONLINE, "", {"vendor": "acme"})
        await gateway.journal.presence("gone", Presence.ONLINE)
        await gateway.start()
        async with party(broker.port, f"{ROOT}/device/+") as watcher:
            await until(lambda: len(watcher.heard) == 1)
            (found,) = watcher.documents("device/module")
            assert (found["presence"], found["identity"]) == ("online", {"vendor": "acme"})
            await gateway.journal.presence("module", Presence.OFFLINE, "no answer")
            await gateway.journal.presence("panel", Presence.ONLINE)
            await until(lambda: len(watcher.heard) >= 3)
            assert watcher.documents("device/module")[-1]["reason"] == "no answer"
            assert watcher.documents("device/panel")[-1]["presence"] == "online"
            assert not watcher.on("device/gone")


async def test_memory_mode_is_said(tmp_path: Path) -> None:
    """The journal's disk fails: `state` says so, names the new stream, and events go on arriving."""
    async with (
        mosquitto(tmp_path) as broker,
        county_at(broker.port) as county,
        party(broker.port, STATE) as watcher,
        world(tmp_path / "gateway", broker.port) as gateway,
    ):
        await gateway.presses(5)
        await gateway.delivered()
        path = gateway.journal.path
        path.rename(path.with_suffix(".gone"))
        await gateway.presses(5)
        await gateway.delivered()
        gateway.clock.skip(2)
        await until(lambda: "memory-mode" in str(watcher.documents("state")[-1]["degraded"]))
        assert watcher.documents("state")[-1]["stream"] == gateway.journal.head(DESTINATION).stream
        report = await county.wait_for(lambda r: len(r.streams) == 2, 10)
        assert report.violations == ()


async def test_the_way_back_from_memory_mode_loses_nothing(tmp_path: Path) -> None:
    """Events of before, while and after the disk was gone all arrive, though the line was down as well."""
    async with (
        mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker,
        county_at(broker.port) as county,
        proxy_to(broker.port) as proxy,
        world(tmp_path / "gateway", proxy.port) as gateway,
    ):
        await gateway.connected()
        await proxy.cut()
        await gateway.presses(10)
        disk = gateway.journal.path.parent
        gone = disk.rename(disk.with_suffix(".gone"))
        disk.touch()  # so that it can't be made anew
        await gateway.presses(10)
        assert gateway.journal.status.durability is Durability.MEMORY
        await proxy.restore()
        await until(gateway.skip_until_connected)
        await gateway.delivered()
        await gateway.presses(10)
        disk.unlink()
        gone.rename(disk)

        async def is_on_disk() -> bool:
            gateway.clock.skip(1)
            return gateway.journal.status.durability is Durability.DISK

        await until(is_on_disk)
        await gateway.presses(10)
        await gateway.delivered()
        report = await county.wait_for(lambda r: len({s.stream for s in r.streams if s.gaps}) == 0, 10)
        assert report.violations == ()
        raised = {event.subject for event in await county.events() if event.type.endswith("raised.v1")}
        assert {subject for subject in raised if subject.startswith("button")} == {
            f"button:{number}" for number in range(1, 41)
        }
