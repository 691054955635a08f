"""Pure: what a camera tells becomes signals: of the points that the site file names, and of what must not go unheard."""

import re
from collections.abc import Iterator
from datetime import datetime

from drivers.onvif.codec import Happening, Notification
from drivers.onvif.memory import mark
from drivers.onvif.settings import Event, OnvifDevice, OnvifPoint
from drivers.onvif.skew import Skew
from gateway.model import ID_PATTERN, Kind, Level, Origin, Signal

#: What is an alarm even where no point of the site file names it.
_UNNAMED: dict[Event, Kind] = {
    "tamper": Kind.TAMPER,
    "scene-change": Kind.TAMPER,
    "signal-loss": Kind.CAMERA_SIGNAL,
    "storage-failure": Kind.FAULT,
}

#: An event is told within so many seconds, and no more than this after our clock: else the camera's word for its time is
#: not believed (its clock jumped, or its messages go by another clock than the one it tells), and it is taken as now.
OLDEST_S = 600.0
FURTHEST_S = 30.0

#: Inputs that no point names, of which a camera can tell; further ones it makes up. And how long a token is shown.
_MOST_UNNAMED = 32
_MOST_TOKEN = 64

#: Parts of a camera (video sources, rules) that can each tell of one event.
_MOST_PARTS = 64


class Tracker:
    """Of one attempt: which points were told yet, and which parts of the camera say that an event lasts."""

    def __init__(self, device: OnvifDevice) -> None:
        self._device = device
        self._inputs = {point.settings.input: point for point in device.points if point.settings.input}
        self._events = {point.settings.event: point for point in device.points if point.settings.event}
        self._lasting: dict[Event, set[bytes]] = {}
        self._untold = {point.id for point in device.points}
        self._strange: set[str] = set()
        self._untold_inputs: list[str] | None = None
        self._losses_are_many: bool | None = None

    @property
    def untold(self) -> list[str]:
        """The points of whose state the camera has said nothing yet."""
        return sorted(self._untold)

    def untold_inputs(self) -> Iterator[Signal]:
        """Whether the camera is silent about an input that the site file names; nothing where that is as it was."""
        now = sorted(point.id for point in self._inputs.values() if point.id in self._untold)
        if now == self._untold_inputs:
            return
        self._untold_inputs = now
        words = f"the camera does not tell the state of {', '.join(now)}: is its `input` right? `probe` lists them"
        yield self._unnamed("inputs", Kind.FAULT, words, _level(bool(now)), Origin.STATE, None)

    def losses(self, *, many: bool) -> Iterator[Signal]:
        """Whether our subscriptions to its events are lost again and again; nothing where that is as it was."""
        if many is self._losses_are_many:
            return
        self._losses_are_many = many
        words = (
            "the camera ends our subscription to its events again and again: a short press may go unheard; end its other "
            "clients, or restart it"
        )
        yield self._unnamed("events", Kind.FAULT, words, _level(many), Origin.STATE, None)

    def signals(
        self, told: Notification, happening: Happening, skew: Skew, now: datetime
    ) -> Iterator[Signal]:
        """What to report; nothing for an event that nobody wants."""
        origin = Origin.STATE if told.operation == "Initialized" else Origin.EVENT
        at = _when(told.at, skew, now) if origin is Origin.EVENT else None
        if happening.input is not None:
            yield from self._of_input(happening.input, happening, origin, at)
        elif happening.event is not None:
            yield from self._of_event(happening.event, happening, origin, at)

    def clock(self, skew: Skew, limit_s: float) -> Signal:
        """How its clock is."""
        wrong = skew.is_wrong(limit_s)
        return Signal(
            device=self._device.id,
            point=f"{self._device.id}:clock",
            kind=Kind.CLOCK,
            level=_level(wrong),
            origin=Origin.STATE,
            detail=skew.words(limit_s) if wrong else "",
        )

    def _of_input(
        self, token: str, happening: Happening, origin: Origin, at: datetime | None
    ) -> Iterator[Signal]:
        point = self._inputs.get(token)
        if point is not None:
            yield self._named(
                point, _level(happening.active == (point.settings.active == "true")), origin, at
            )
            return
        token = "".join(letter if letter.isprintable() else "?" for letter in token[:_MOST_TOKEN]) or "?"
        if token not in self._strange and len(self._strange) >= _MOST_UNNAMED:
            return
        self._strange.add(token)
        words = f"input {token} is active; no point of the site file names it"
        yield self._unnamed(token, Kind.FAULT, words, _level(happening.active), origin, at)

    def _of_event(
        self, event: Event, happening: Happening, origin: Origin, at: datetime | None
    ) -> Iterator[Signal]:
        point = self._events.get(event)
        if point is None and event not in _UNNAMED:
            return
        lasting = self._lasting.setdefault(event, set())
        part = mark(happening.part)
        if happening.active and len(lasting) < _MOST_PARTS:
            lasting.add(part)
        elif not happening.active:
            lasting.discard(part)
            if lasting:
                return  # another part of the camera still says so
        level = _level(happening.active)
        if point is not None:
            yield self._named(point, level, origin, at)
        else:
            words = f"the camera tells {event}"
            yield self._unnamed(event, _UNNAMED[event], words, level, origin, at)

    def _named(self, point: OnvifPoint, level: Level, origin: Origin, at: datetime | None) -> Signal:
        self._untold.discard(point.id)
        return Signal(
            device=self._device.id,
            point=point.id,
            kind=point.kind,
            level=level,
            origin=origin,
            occurred_at=at,
        )

    def _unnamed(
        self, address: str, kind: Kind, words: str, level: Level, origin: Origin, at: datetime | None
    ) -> Signal:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", address)[:40]
        if not ID_PATTERN.match(safe):
            safe = f"x{safe}"
        return Signal(
            device=self._device.id,
            point=f"{self._device.id}:{safe}",
            kind=kind,
            level=level,
            origin=origin,
            occurred_at=at,
            detail=words if level is Level.ACTIVE else "",
        )


def _when(told: datetime | None, skew: Skew, now: datetime) -> datetime | None:
    """By our clock; a camera may stamp its messages by the clock that it tells, or by a right one beside it."""
    if told is None or not skew.known:
        return None
    for moment in (skew.ours(told), told):
        if -OLDEST_S <= (moment - now).total_seconds() <= FURTHEST_S:
            return moment
    return None


def _level(active: bool) -> Level:  # noqa: FBT001 - it is what is translated
    return Level.ACTIVE if active else Level.NORMAL
