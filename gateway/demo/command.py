"""`demo`: sets the stage, plays the day or lets a person play, and tells how it went."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.acts import QUIT, Acts
from gateway.demo.keyboard import keyboard
from gateway.demo.lines import Lines
from gateway.demo.play import Day
from gateway.demo.screen import Screen
from gateway.demo.stage import Stage, StageFault
from gateway.demo.telling import ROUND_S, Teller, Watcher
from gateway.demo.verify import missing
from gateway.demo.words import Language, Words
from gateway.driver import DriverSpec
from gateway.errors import GatewayError

#: Where a person looks for the console first.
CONSOLE_PORT = 8080
#: The script waits so long between two steps when somebody watches; seconds.
PAUSE_S = 1.5
#: At the end, what is still on its way has so long to arrive; seconds.
SETTLE_S = 15.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for. `receipts` False makes a county that confirms nothing: with it a day must fail."""

    headless: bool = False
    seconds: float | None = None
    timeline: Path | None = None
    language: Language = "en"
    receipts: bool = True


def run_demo(options: Options, drivers: Mapping[str, DriverSpec]) -> int:
    """0 or 1 (CONTRACT, `demo`). SIGINT, SIGTERM and SIGHUP end it in order."""
    if options.timeline is not None:
        try:
            options.timeline.open("a").close()  # found out now, not after the day
        except OSError as error:
            sys.stderr.write(f"{options.timeline}: {error.strerror}\n")
            return 1
    return asyncio.run(_until_signalled(options, drivers))


async def _until_signalled(options: Options, drivers: Mapping[str, DriverSpec]) -> int:
    """The first signal cancels the demo; those that follow find it ending already, which is bounded in time."""
    demo = Demo(options, drivers)
    playing = asyncio.create_task(demo.run())
    signals = asyncio.Event()

    def interrupt() -> None:
        if not signals.is_set():
            signals.set()
            playing.cancel()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    try:
        return await playing
    except asyncio.CancelledError:
        return demo.interrupted()


class Demo:
    """One demo from its first line to its last."""

    def __init__(self, options: Options, drivers: Mapping[str, DriverSpec]) -> None:
        self._options = options
        self._drivers = drivers
        self._words = Words(options.language)
        self._lines = Lines(sys.stdout, self._words)
        self._death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._problems: list[str] = []

    async def run(self) -> int:
        """The exit code."""
        self._lines.say("setting-up")
        try:
            async with Stage(
                self._drivers,
                console_port=0 if self._options.headless else CONSOLE_PORT,
                receipts=self._options.receipts,
                on_death=self._died,
            ) as stage:
                day = await self._play(stage)
                if not self._options.headless and "start" not in day.done:
                    return self.interrupted()
                await self._conclude(stage, day)
        except StageFault as error:
            sys.stderr.write(self._words("no-stage", why=error) + "\n")
            return 1
        return 1 if self._problems else 0

    def interrupted(self) -> int:
        """The exit code where a signal ended it: a day that was not played to its end has shown nothing."""
        self._lines.say("interrupted")
        return int(self._options.headless)

    def _died(self, code: int) -> None:
        if not self._death.done():
            self._problems.append(self._words("miss-died", code=code))
            self._death.set_result(None)

    # ---- while it runs

    async def _play(self, stage: Stage) -> Day:
        """Returns when the day is over, or the person has had enough; what could be delivered then is delivered."""
        has_screen = not self._options.headless and _is_terminal()
        if not has_screen and not self._options.headless:
            self._lines.say("no-terminal")
        teller: Teller = Screen(self._words) if has_screen else self._lines
        # The school's names are Chinese; its ids can be read by everyone.
        teller.introduce(stage.names if self._words.language == "zh" else {}, stage.guard)
        pause_s = 0.0 if self._options.headless else PAUSE_S
        day = Day(stage, teller, self._words, pause_s=pause_s)
        async with teller:
            watching = asyncio.create_task(Watcher(stage, teller).run())
            try:
                if self._options.headless:
                    await self._play_day(day, watching)
                else:
                    await self._let_play(stage, day, teller, watching, has_keys=has_screen)
                if day.failed is None and "start" in day.done and not self._problems:
                    teller.begin("verify")
                    await _settle(stage, pictures=self._options.headless)
            finally:
                await _end(watching)
        return day

    async def _play_day(self, day: Day, watching: "asyncio.Task[None]") -> None:
        playing = asyncio.create_task(day.run())
        try:
            await self._first_of(playing, watching)
        finally:
            await _end(playing)

    async def _let_play(
        self, stage: Stage, day: Day, teller: Teller, watching: "asyncio.Task[None]", *, has_keys: bool
    ) -> None:
        """The script plays until somebody takes over; then the keys do."""
        acts = Acts(stage, teller)
        script = asyncio.create_task(day.run())
        minding = asyncio.create_task(_then_free(script, day, teller))
        with keyboard() if has_keys else contextlib.nullcontext(asyncio.Queue[str]()) as keys:
            hands = asyncio.create_task(_obey(keys, acts, day, script, teller))
            try:
                await self._first_of(hands, watching, minding, acts.fault, timely=True)
            finally:
                for task in (hands, minding, script):
                    await _end(task)
                await acts.close()
        if "start" in day.done and not self._problems:
            await acts.tidy()

    async def _first_of(self, *futures: "asyncio.Future[None]", timely: bool = False) -> None:
        """Wait for one of them, for the gateway's death, or for the end of the time. A fault of ours is raised."""
        done, _ = await asyncio.wait(
            {*futures, self._death}, timeout=self._options.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if not done and not timely:
            self._problems.append(self._words("miss-time", seconds=f"{self._options.seconds:g}"))
        for future in set(futures) & done:
            try:
                future.result()
            except (GatewayError, OSError) as error:
                self._problems.append(str(error))

    # ---- how it went

    async def _conclude(self, stage: Stage, day: Day) -> None:
        """Stop the gateway in order, look for what is missing, write the timeline, tell."""
        exit_code = await stage.gateway.stop()
        await asyncio.to_thread(stage.timeline.trace.read)
        self._problems += await missing(
            stage, day if self._options.headless else None, self._words, exit_code=exit_code
        )
        await self._write_timeline(stage)
        if self._problems:
            stage.keep = True
            sys.stderr.write(self._words("not-well", count=len(self._problems)) + "\n")
            sys.stderr.write("".join(f"  {problem}\n" for problem in self._problems))
            sys.stderr.write(self._words("kept", path=stage.directory) + "\n")
        else:
            self._lines.say("all-well", events=stage.county.report().events)

    async def _write_timeline(self, stage: Stage) -> None:
        path = self._options.timeline
        if path is None:
            return
        document = json.dumps(stage.timeline.document(await stage.county.events()), indent=1)
        try:
            await asyncio.to_thread(path.write_text, document + "\n", encoding="utf-8")
        except OSError as error:
            self._problems.append(f"{path}: {error.strerror}")
        else:
            self._lines.say("timeline-written", path=path)


async def _then_free(script: "asyncio.Task[None]", day: Day, teller: Teller) -> None:
    """Hand the school over when the script has ended by itself; does not return. Raises what the script died of."""
    await asyncio.wait({script})
    if not script.cancelled():
        script.result()
        if day.failed is None:
            teller.begin("free")
    await asyncio.get_running_loop().create_future()


async def _obey(
    keys: asyncio.Queue[str], acts: Acts, day: Day, script: "asyncio.Task[None]", teller: Teller
) -> None:
    """Key after key until the one that ends it. The first that does something ends the script."""
    taken_over = False
    while (key := (await keys.get()).lower()) != QUIT:
        if not acts.has(key) or "start" not in day.done:
            continue
        if not taken_over:
            taken_over = True
            if not script.done():
                await _end(script)
                teller.say("taken-over")
                await acts.tidy()
            teller.begin("free")
        acts.do(key)


async def _settle(stage: Stage, *, pictures: bool) -> None:
    """Let arrive what is on its way. What has not arrived then is found missing."""
    timeline = stage.timeline

    def is_waiting() -> bool:
        unseen = (
            pictures and stage.unseen()
        )  # one that a cut line has broken off is tried again after a minute
        return bool(timeline.trace.waiting() or timeline.missing_receipts() or unseen)

    await stage.clock.sleep(2 * ROUND_S)  # it is shown that this goes on
    until = stage.clock.monotonic() + SETTLE_S
    while is_waiting() and stage.clock.monotonic() < until:
        await stage.clock.sleep(_LOOK_S)


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancel it and wait for its end. What it died of was told by `_first_of`, or is told by the caller's own error."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _is_terminal() -> bool:
    return (
        sys.stdin.isatty()
        and sys.stdout.isatty()
        and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    )
