"""The demo on a terminal: one live page, drawn a few times a second, that fits 80 by 24 and grows with the window."""

import asyncio
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gateway.clock import SystemClock
from gateway.demo.guard import Guard
from gateway.demo.play import STEPS
from gateway.demo.telling import Facts, in_words
from gateway.demo.timeline import Row, Timeline
from gateway.demo.words import Words
from gateway.model import GATEWAY

#: Lines that are not the table of events.
_OTHER_LINES = 13
_FEWEST_ROWS = 4
#: Lines of news that stay.
_SAID = 2

_STYLES = {
    "campus.alarm.raised.v1": "bold red",
    "campus.alarm.repeated.v1": "bold red",
    "campus.alarm.escalated.v1": "bold red",
    "campus.alarm.acknowledged.v1": "yellow",
    "campus.alarm.silenced.v1": "yellow",
    "campus.alarm.returned.v1": "cyan",
    "campus.alarm.closed.v1": "green",
    "campus.device.offline.v1": "magenta",
}


class Screen:
    """Draws in a thread, so that a slow terminal holds nothing up."""

    def __init__(self, words: Words, console: Console | None = None) -> None:
        self._words = words
        self._console = console or Console()
        self._live = Live(console=self._console, screen=True, auto_refresh=False)
        self._clock = SystemClock()
        self._names: Mapping[str, str] = {}
        self._guard: Guard | None = None
        self._step = ("", "")
        self._said: deque[str] = deque(maxlen=_SAID)

    # ---- Teller

    async def __aenter__(self) -> Self:
        """Take the screen."""
        self._live.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._live.stop()

    def introduce(self, names: Mapping[str, str], guard: Guard) -> None:
        """What points and devices are called, by their ids; and who may sign in where."""
        self._names, self._guard = names, guard

    def say(self, key: str, **values: object) -> None:
        """A line; the last two stay. What is on the page all the time is not said as well."""
        if key != "console":
            self._said.append(self._words(key, **values))

    def begin(self, step: str) -> None:
        """A step begins."""
        number = f"{STEPS.index(step) + 1}/{len(STEPS)} " if step in STEPS else ""
        self._step = ("bold", f"▶ {number}{self._words(f'step-{step}')}")

    def done(self, step: str, seconds: float) -> None:
        """It is done."""
        text = self._words("step-done", step=self._words(f"step-{step}"), seconds=f"{seconds:.1f}")
        self._step = ("green", text)

    def failed(self, step: str, why: str) -> None:
        """It is not."""
        self._step = ("bold red", self._words("step-failed", step=self._words(f"step-{step}"), why=why))

    async def show(self, facts: Facts, timeline: Timeline) -> None:
        """Draw."""
        page = self._page(facts, timeline)
        await asyncio.to_thread(self._live.update, page, refresh=True)

    # ---- the page

    def _page(self, facts: Facts, timeline: Timeline) -> RenderableType:
        return Group(
            self._head(),
            self._status(facts),
            _line(self._step[1], self._step[0]),
            self._events(timeline),
            *(_line(f"  {line}", "dim") for line in [*self._said, "", ""][:_SAID]),
            _line(self._words("keys"), "bold blue"),
        )

    def _head(self) -> RenderableType:
        bar = Padding(Text(self._words("title"), style="bold"), (0, 1), style="reverse")
        if (guard := self._guard) is None:
            return bar
        where = self._words("console", address=guard.address, name=guard.name, password=guard.password)
        return Group(bar, _line(where, "bold"))

    def _status(self, facts: Facts) -> RenderableType:
        words = self._words
        grid = Table.grid(padding=(0, 2))
        held = words("held-there") if facts.held else words("held-gone")
        gateway = words("gateway-runs", pid=facts.pid) if facts.pid else words("gateway-dead")
        link = words("link-up") if facts.link_is_up else words("link-down")
        backlog = words("backlog", count=facts.waiting)
        alarms = words("alarms-sounding" if facts.sounding else "alarms", count=facts.alarms)
        grid.add_row(words("gateway"), _lamp(gateway, good=facts.pid is not None), alarms)
        grid.add_row(words("link"), _lamp(link, good=facts.link_is_up), backlog)
        has = words(
            "county-has",
            count=facts.events,
            gaps=facts.gaps,
            snapshots=facts.snapshots,
            clips=facts.clips,
        )
        grid.add_row(words("county"), _lamp(has, good=not facts.gaps))
        grid.add_row(
            words("footage"),
            _lamp(
                words("footage-now", recorded=facts.recorded, left=facts.expired_left, held=held),
                good=facts.held and not facts.expired_left,
            ),
        )
        devices = Text("  ").join(
            _lamp(f"{self._name(device)} {words(f'presence-{presence}')}", good=presence == "online")
            for device, presence in facts.devices
        )
        return Group(grid, devices)

    def _events(self, timeline: Timeline) -> RenderableType:
        words = self._words
        table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False)
        table.add_column(words("col-time"), no_wrap=True)
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column(words("col-what"), no_wrap=True, overflow="ellipsis", ratio=1)
        for hop in ("disk", "sent", "county", "receipt"):
            table.add_column(words(f"col-{hop}"), justify="right", no_wrap=True, min_width=7)
        room = max(_FEWEST_ROWS, self._console.size.height - _OTHER_LINES)
        rows = timeline.rows[-room:]
        for row in rows:
            self._add(table, row, timeline)
        for _ in range(room - len(rows)):
            table.add_row()
        return table

    def _add(self, table: Table, row: Row, timeline: Timeline) -> None:
        way = timeline.way(row)
        what = self._words(row.type) if row.type else self._words("pressed")
        # A press is news until the county's receipt for it is here; then it is history.
        style = _STYLES.get(row.type, "bold red" if row.pressed else "")
        waits = Text("…", style="bold yellow")
        hops = [way.disk, way.sent, way.county, way.receipt]
        cells = [waits if seconds is None else Text(in_words(seconds), style="green") for seconds in hops]
        if row.pressed is None:
            cells[0] = Text("·", style="dim")  # it begins on the disk
        table.add_row(
            f"{way.at.astimezone():%H:%M:%S}" if way.at else "",
            str(row.sequence or ""),
            Text(f"{what} {self._name(row.subject)}", style=style),
            *cells,
        )

    def _name(self, subject: str) -> str:
        return self._words("gateway") if subject == GATEWAY else self._names.get(subject, subject)


def _line(text: str, style: str) -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _lamp(text: str, *, good: bool) -> Text:
    return Text.assemble(("● ", "green" if good else "bold red"), text)
