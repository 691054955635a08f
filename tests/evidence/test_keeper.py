"""What evidence goes, and when: by age, by size, never unsaid before its time."""

import json
from pathlib import Path

import pytest

from gateway.model import GATEWAY, ClockState, EventType, Kind, Verdict
from gateway.store.evidence_rows import EvidenceState
from tests.evidence.test_service import BOTH, CLIP, SNAPSHOT, nothing_waits, only
from tests.evidence.world import World, world
from tests.media.film import at

#: A clip of the film and its snapshot are 216 kB: one alarm's are less than this, two alarms' more, three more by far.
ONE = "\n[evidence]\nmax_gb = 0.0003\n"
TWO = "\n[evidence]\nmax_gb = 0.0005\n"


async def given_up(gateway: World) -> list[list[str]]:
    """The alarms that each event about evidence that went before its time names."""
    rows = await gateway.journal._rows(
        "select body from event where type = ? order by id", (EventType.DEGRADED.value,)
    )
    told = [json.loads(body)["data"] for (body,) in rows]
    return [data["alarms"] for data in told if data["reason"] == "evidence-given-up"]


def is_at_risk(gateway: World) -> bool:
    """Whether the alarm about it is active."""
    return any(
        alarm.source.kind is Kind.RETENTION_RISK
        and alarm.source.subject == GATEWAY
        and alarm.returned_at is None
        for alarm in gateway.journal.open_alarms.values()
    )


async def has_gone(gateway: World, alarm: str) -> None:
    """Wait until nothing of an alarm is left."""

    async def gone() -> bool:
        return not await gateway.rows(alarm)

    await gateway.passes(gone, step_s=5)


async def test_evidence_goes_a_day_after_a_false_alarm_and_never_of_an_open_one(tmp_path: Path) -> None:
    """Files and rows; nothing goes by age while the clock is not trusted (I10)."""
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        closed, still_open = await gateway.press(), await gateway.press("gate-button-2")
        real = await gateway.press("buttons:3")
        for alarm in (closed, still_open, real):
            await gateway.done(alarm, *BOTH)
        await gateway.close_alarm(closed)
        await gateway.close_alarm(real, Verdict.REAL)
        gateway.clock_state = ClockState.UNTRUSTED
        gateway.clock.advance(86_400 * 3)
        await gateway.passes(lambda: nothing_waits(gateway), step_s=60)
        assert len(await gateway.rows(closed)) == 2
        gateway.clock_state = ClockState.TRUSTED

        async def gone() -> bool:
            return not await gateway.rows(closed) and gateway.service.stats.deleted == 2

        await gateway.passes(gone, step_s=60)
        assert len(await gateway.rows(still_open)) == len(await gateway.rows(real)) == 2
        assert len(gateway.files()) == 8


async def test_a_full_share_takes_closed_alarms_first_and_then_stops_clips(tmp_path: Path) -> None:
    """Over max_gb the oldest closed alarm's evidence goes; where all alarms are open, clips wait and an alarm says so."""
    async with world(
        tmp_path, more="\n[evidence]\nmax_gb = 0.0002\n"
    ) as gateway:  # a clip of the film is 200 kB or so
        await gateway.film(0, 150)  # a loaded machine lets a lot of time pass
        first = await gateway.press()
        await gateway.done(first, *BOTH)
        await gateway.passes(lambda: gateway.service.stats.full)
        second = await gateway.press("gate-button-2")
        await gateway.done(second, SNAPSHOT)
        gateway.clock.advance(60)
        assert only(await gateway.rows(second), CLIP).state is EvidenceState.WAITING
        await gateway.passes(
            lambda: any(a.source.kind is Kind.RETENTION_RISK for a in gateway.journal.open_alarms.values())
        )
        await gateway.close_alarm(first, Verdict.REAL)
        await gateway.done(second, *BOTH, step_s=5)
        assert await gateway.rows(first) == []


async def test_what_goes_before_its_time_is_on_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Real alarms' evidence that max_gb has no room for: an alarm before it goes, one event and one line of log a day."""
    async with world(tmp_path, more=ONE) as gateway:
        await gateway.film(0, 150)
        first, second, third = "gate-button", "gate-button-2", "buttons:3"
        alarms = []
        for point in (first, second, third):
            alarms.append(await gateway.press(point))
            await gateway.done(alarms[-1], *BOTH)
            await gateway.close_alarm(alarms[-1], Verdict.REAL)
        await has_gone(gateway, alarms[1])
        assert await given_up(gateway) == [alarms[:1]]
        assert is_at_risk(gateway)
        assert sum("before its time" in record.message for record in caplog.records) == 1
        assert len(await gateway.rows(alarms[2])) == 2
        await gateway.passes(lambda: not is_at_risk(gateway), step_s=600)


async def test_what_is_missed_least_makes_room_first(tmp_path: Path) -> None:
    """A later false alarm's evidence goes before that of an earlier real one."""
    async with world(tmp_path, more=TWO) as gateway:
        await gateway.film(0, 150)
        real = await gateway.press()
        await gateway.done(real, *BOTH)
        await gateway.close_alarm(real, Verdict.REAL)
        false = await gateway.press()
        await gateway.done(false, *BOTH)
        await gateway.close_alarm(false, Verdict.FALSE)
        await gateway.done(await gateway.press(), *BOTH)
        await has_gone(gateway, false)
        assert await given_up(gateway) == [[false]]
        assert len(await gateway.rows(real)) == 2


async def test_what_is_past_its_time_makes_room_without_a_word(tmp_path: Path) -> None:
    """A false alarm's day ended since evidence was last looked at by age: it goes for its size, and nothing is at risk."""
    async with world(tmp_path, more=TWO) as gateway:
        await gateway.film(0, 60)
        old = await gateway.press()
        await gateway.done(old, *BOTH)
        await gateway.close_alarm(old, Verdict.FALSE)
        await gateway.stop()
        gateway.clock.advance(86_400 - 600)
        await gateway.film((gateway.clock.now() - at(0)).total_seconds() - 10, 60)
        gateway.start()
        await gateway.done(await gateway.press(), *BOTH)
        gateway.clock.advance(700)
        await gateway.film((gateway.clock.now() - at(0)).total_seconds() - 10, 60)
        await gateway.done(await gateway.press("gate-button-2"), *BOTH)
        await has_gone(gateway, old)
        assert await given_up(gateway) == []
        assert not is_at_risk(gateway)
