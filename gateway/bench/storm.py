"""How many alarm events a second go from a driver to the county's receipt, each on disk first, and none lost."""

import asyncio
import contextlib
import json
import sqlite3
import time
from pathlib import Path

from gateway.bench import raw
from gateway.bench.ear import Ear
from gateway.bench.figures import Result, Target
from gateway.bench.harness import Bed, bed
from gateway.bench.processes import BenchError, child, cpu_seconds, python
from gateway.bench.progress import Advance, progress
from gateway.bench.storm_daemon import Fired
from gateway.model import Kind

POINTS = 50
EVENTS_PER_S_TARGET = 2000.0

#: The county takes many events in a commit, as one that hears thousands a second must; its receipts go out each 50 ms.
_LINGER_S = 0.01

#: The storm is given up when the county has heard nothing new for so long; what is missing then is lost.
_STALL_S = 20.0

#: After the last receipt the gateway still has to take it; then we look into its journal.
_CONFIRMATION_LIMIT_S = 10.0
_LOOK_AGAIN_S = 0.1


async def run(place: Path, *, count: int) -> Result:
    """Make `count` alarm events from 50 points at once; then publish as many with paho alone. Raises BenchError."""
    async with bed(place, linger_s=_LINGER_S) as made:
        site = made.write_site(_points(count))
        ear = Ear(made.county)
        async with child(
            "gateway", *python("gateway.bench.storm_daemon", str(site)), directory=made.directory
        ) as process:
            await process.line()
            await made.ready(devices=0)
            before = cpu_seconds(process.pid)
            await process.tell("go")
            with progress("alarm events", count) as advance:
                receipted_at = await _until_receipted(ear, count, advance)
            fired = Fired(**json.loads(await process.line()))
            busy = cpu_seconds(process.pid) - before
            lost = count - await _count_safe(made, ear, count)
        duplicates = made.county.report().duplicates
        size = ear.payload_bytes // max(1, len(ear.alarms))
        await made.county.stop()
        raw_rate = await asyncio.to_thread(raw.publish, made.broker, count=count, payload_bytes=size)
    seconds = receipted_at - fired.begun
    rate = count / seconds
    figures = {
        "events_per_s": round(rate, 1),
        "raw_publish_per_s": round(raw_rate, 1),
        "ratio": round(rate / raw_rate, 4),
        "lost": lost,
        "duplicates": duplicates,
        "events": count,
        "committed_per_s": round(count / (fired.ended - fired.begun), 1),
        "payload_bytes": size,
        "gateway_cpu_us_per_event": round(busy / count * 1e6, 1),
        "gateway_cpu_share": round(busy / seconds, 3),
    }
    broken = (
        [f"{lost} of {count} alarm events never reached the county, or were not confirmed"] if lost else []
    )
    if fired.durable < count:
        broken.append(f"only {fired.durable} of {count} reports were taken to disk")
    target = Target(figure="events_per_s", value=round(rate, 1), limit=EVENTS_PER_S_TARGET, least=True)
    return Result(figures=figures, targets=(target,), broken=broken)


def _points(count: int) -> str:
    head = f'[[device]]\nid = "storm"\nzone = "gate"\ndriver = "storm"\nreports = {count}\n'
    return head + "".join(
        f'[[device.point]]\nid = "point-{n}"\nkind = "{Kind.PANIC.value}"\n' for n in range(POINTS)
    )


async def _until_receipted(ear: Ear, count: int, advance: Advance) -> float:
    """When the receipt was sent that covers them all, in seconds of CLOCK_MONOTONIC; or the last, where some never came."""
    heard, heard_at = 0, time.monotonic()
    while heard < count and time.monotonic() < heard_at + _STALL_S:
        await asyncio.sleep(_LOOK_AGAIN_S)
        if len(ear.alarms) > heard:
            heard, heard_at = len(ear.alarms), time.monotonic()
            advance(heard)
    if ear.last is None:
        raise BenchError(f"the county has heard of no alarm for {_STALL_S:g} s")
    async with asyncio.timeout(_STALL_S):
        return await ear.receipted(ear.last)


async def _count_safe(made: Bed, ear: Ear, count: int) -> int:
    """How many alarm events are in the journal, known there as confirmed, and in the county's store."""
    deadline = time.monotonic() + _CONFIRMATION_LIMIT_S
    while True:
        confirmed = await asyncio.to_thread(_confirmed, made.directory / "state" / "journal.db")
        safe = len(confirmed & ear.alarms)
        if safe >= count or time.monotonic() > deadline:
            return safe
        await asyncio.sleep(_LOOK_AGAIN_S)


def _confirmed(journal: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        return {
            row[0]
            for row in db.execute(
                "select e.event_id from event e join delivery d on d.event = e.id"
                " where e.alarm_id is not null and d.confirmed_ms is not null"
            )
        }
