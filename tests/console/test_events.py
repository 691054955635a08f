"""The live line: a snapshot, changes and signs of life; two guards see each other; a slow one harms nobody."""

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx

from gateway.console.auth import Caller
from gateway.console.sse import Stream
from gateway.model import Durability, Presence
from gateway.store import Session
from tests.clocks import START
from tests.console.desk import PANIC_OVER, QUICK, SMOKE, WANG, Desk, desk, listening
from tests.store.test_disk import bring_back, take_away
from tests.wait import until


async def test_two_guards_see_each_others_acts(tmp_path: Path) -> None:
    """What one does, the other sees without asking: raised, acknowledged by whom, closed."""
    async with desk(tmp_path) as running:
        wang, li = await running.guard("wang"), await running.guard("li")
        async with listening(wang) as one, listening(li) as other:
            alarm = await running.press()
            await one.hears(alarm, "unacknowledged")
            await other.hears(alarm, "unacknowledged")
            await wang.post(f"/api/alarms/{alarm}/acknowledge")
            await other.hears(alarm, "acknowledged")
            await running.journal.report(PANIC_OVER)
            await li.post(f"/api/alarms/{alarm}/close", json={"verdict": "false"})
            await one.hears(alarm, "closed")
            assert one.of("change")[-1]["alarms"][0]["closed_by"]["display"] == "李敏"


async def test_a_stream_begins_with_everything(tmp_path: Path) -> None:
    """The first message is a snapshot: open alarms, devices with presence, the gateway's state, its time."""
    async with desk(tmp_path) as running:
        await running.journal.presence("buttons", Presence.ONLINE)
        alarm = await running.press()
        async with listening(await running.guard()) as stream:
            name, snapshot = stream.messages[0]
            assert name == "snapshot"
            assert [told["id"] for told in snapshot["alarms"]] == [alarm]
            presences = {device["id"]: device["presence"] for device in snapshot["devices"]}
            assert presences == {"cam-gate": "unknown", "buttons": "online"}
            assert snapshot["status"]["site"]["name"] == "实验小学"
            assert snapshot["status"]["durability"] == "disk"
            assert snapshot["now"].endswith("Z")


async def test_presence_is_live(tmp_path: Path) -> None:
    """A device that is lost shows at once, and with it its alarm."""
    async with desk(tmp_path) as running:
        await running.journal.presence("buttons", Presence.ONLINE)
        async with listening(await running.guard()) as stream:
            await running.journal.presence("buttons", Presence.OFFLINE, "no answer")

            def told() -> bool:
                return any(
                    (presence["presence"], presence["reason"]) == ("offline", "no answer")
                    for change in stream.of("change")
                    for presence in change["presences"]
                )

            await until(told)
            lost = next(iter(running.journal.open_alarms.values()))
            await stream.hears(lost.id, "unacknowledged")


async def test_signs_of_life_carry_time_and_state(tmp_path: Path) -> None:
    """Beats come by themselves, each with a later time and the gateway's state."""
    async with desk(tmp_path) as running, listening(await running.guard()) as stream:
        await until(lambda: len(stream.of("beat")) >= 3)
        times = [beat["now"] for beat in stream.of("beat")]
        assert times == sorted(set(times))
        assert stream.of("beat")[0]["status"]["uplinks"][0]["name"] == "bureau"


async def test_a_storm_is_coalesced_and_its_end_is_exact(tmp_path: Path) -> None:
    """Hundreds of signals become few messages, and what is told last is what the journal has."""
    limits = replace(QUICK, coalesce_s=0.1)
    async with desk(tmp_path, limits=limits) as running, listening(await running.guard()) as stream:
        for _ in range(10):
            await asyncio.gather(
                *(running.journal.report(replace(SMOKE, point=f"buttons:{n}")) for n in range(40))
            )
        newest: dict[str, int] = {}

        def exact() -> bool:
            for _, message in stream.messages:
                newest.update((alarm["id"], alarm["repeats"]) for alarm in message.get("alarms", []))
            return newest == {a.id: a.repeats for a in running.journal.open_alarms.values()}

        await until(exact)
        assert len(newest) == 40
        assert len(stream.of("change")) <= 40


async def test_a_client_that_does_not_read_is_bounded_and_cut_off(tmp_path: Path) -> None:
    """What waits for it never passes the limit, others are not held up, and it is disconnected in the end."""
    limits = replace(QUICK, queued_frames=8, coalesce_s=0.0, stall_s=1.0)
    async with desk(tmp_path, limits=limits) as running:
        wang, li = await running.guard("wang"), await running.guard("li")
        slow = await never_reading(running, wang)
        try:
            streams = running.console._services.streams._streams
            await until(lambda: len(streams) == 1)
            (stuck,) = streams
            async with listening(li) as other:
                waited = 0
                while stuck in streams:
                    await asyncio.gather(
                        *(running.journal.report(replace(SMOKE, point=f"buttons:{n}")) for n in range(40))
                    )
                    waited = max(waited, len(stuck._frames))
                alarm = await running.press()
                await other.hears(alarm, "unacknowledged")
            assert 1 < waited <= limits.queued_frames
        finally:
            slow.close()


async def never_reading(running: Desk, guard: httpx.AsyncClient) -> socket.socket:
    """A client with the guard's cookie that asks for events and never reads them."""
    host, port = await running.console.listening()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((host, port))
    cookie = "; ".join(f"{name}={value}" for name, value in guard.cookies.items())
    client.sendall(f"GET /api/events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
    return client


def test_frames_past_the_limit_become_one_snapshot() -> None:
    """A client that fell behind is told the present state once, not what it missed."""

    async def scenario() -> None:
        session = Session(token_sha256=b"x", account="wang", csrf="", created=START, expires=START)
        stream = Stream(Caller(WANG, session), 3)
        for number in range(3):
            stream.put(b"%d" % number)
        assert await stream.next(lambda: b"snapshot") == b"0"
        for number in range(3, 9):
            stream.put(b"%d" % number)
        assert await stream.next(lambda: b"snapshot") == b"snapshot"
        stream.put(b"9")
        assert await stream.next(lambda: b"snapshot") == b"9"
        stream.end()
        assert await stream.next(lambda: b"snapshot") is None

    asyncio.run(scenario())


async def test_streams_are_limited_in_number(tmp_path: Path) -> None:
    """One more than allowed is told so in words, and gets in as soon as another has gone."""
    async with desk(tmp_path, limits=replace(QUICK, streams=2)) as running:
        guard = await running.guard()
        async with listening(guard):
            async with listening(guard):
                refused = await guard.get("/api/events")
                assert refused.status_code == 503
                assert refused.json()["error"]["code"] == "too-many-clients"
            await until(lambda: len(running.console._services.streams._streams) == 1)
            async with listening(guard):
                pass


async def test_a_stream_that_begins_while_the_console_stops_ends_at_once(tmp_path: Path) -> None:
    """A browser that reconnects in the middle of a stop does not keep the console from stopping."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        running.console._services.streams.end_all()
        answer = await guard.get("/api/events")
        assert (answer.status_code, answer.content) == (200, b"")


async def test_a_stream_needs_a_session(tmp_path: Path) -> None:
    """No alarm is told to a stranger."""
    async with desk(tmp_path) as running:
        assert (await (await running.browser()).get("/api/events")).status_code == 401


async def test_a_failing_disk_signs_nobody_out_and_marks_what_is_not_durable(tmp_path: Path) -> None:
    """In memory mode guards stay signed in and act; new alarms are marked as not durable until the disk is back."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        before = await running.press()
        gone = take_away(running.journal)
        async with listening(guard) as stream:
            smoke = await running.press(SMOKE)
            await stream.hears(smoke, "unacknowledged")
            durable = {alarm["id"]: alarm["durable"] for alarm in stream.of("change")[-1]["alarms"]}
            assert durable[smoke] is False
            status = (await guard.get("/api/status")).json()
            assert status["durability"] == "memory"
            assert status["durability_reason"]
            told = {
                alarm["id"]: alarm["durable"] for alarm in (await guard.get("/api/alarms")).json()["alarms"]
            }
            assert (told[before], told[smoke]) == (True, False)
            answer = await guard.post(f"/api/alarms/{smoke}/acknowledge")
            assert (answer.status_code, answer.json()["durable"]) == (200, False)
            await running.guard("li")
            bring_back(running.journal, gone)
            await until(lambda: running.journal.status.durability is Durability.DISK)
            await until(lambda: bool(stream.of("snapshot")[1:]))
            assert all(alarm["durable"] for alarm in stream.of("snapshot")[-1]["alarms"])
            assert (await guard.get("/api/alarms")).status_code == 200


async def test_a_session_can_not_take_all_streams(tmp_path: Path) -> None:
    """The seventh stream of a session ends its oldest, which is told why; other guards still get in."""
    async with desk(tmp_path, limits=replace(QUICK, streams=7)) as running, AsyncExitStack() as stack:
        wang, li = await running.guard("wang"), await running.guard("li")
        mine = [await stack.enter_async_context(listening(wang)) for _ in range(6)]
        other = await stack.enter_async_context(listening(li))
        mine += [await stack.enter_async_context(listening(wang)) for _ in range(2)]
        await until(lambda: mine[0].ended and mine[1].ended)
        assert [stream.of("displaced") for stream in mine[:2]] == [[{}], [{}]]
        assert not any(stream.ended for stream in (*mine[2:], other))
