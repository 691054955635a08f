"""Pure: what a camera tells becomes signals: of the points that the site file names, and of what must not go unheard."""

import re
from collections.abc import Iterator
from datetime import datetime

from drivers.onvif.codec import Happening, Notification
from drivers.onvif.settings import Event, OnvifDevice, OnvifPoint
from drivers.onvif.skew import Skew
from gateway.model import Kind, Level, Origin, Signal

#: What is an alarm even where no point of the site file names it.
_UNNAMED: dict[Event, Kind] = {
    "tamper": Kind.TAMPER,
    "scene-change": Kind.TAMPER,
    "signal-loss": Kind.CAMERA_SIGNAL,
    "storage-failure": Kind.FAULT,
}

#: Parts of a camera (video sources, rules) that can each tell of one event.
_MOST_PARTS = 64


class Tracker:
    """Of one attempt: which points were told yet, and which parts of the camera say that an event lasts."""

    def __init__(self, device: OnvifDevice) -> None:
        self._device = device
        self._inputs = {point.settings.input: point for point in device.points if point.settings.input}
        self._events = {point.settings.event: point for point in device.points if point.settings.event}
        self._lasting: dict[Event, set[str]] = {}
        self._untold = {point.id for point in device.points}

    @property
    def untold(self) -> list[str]:
        """The points of whose state the camera has said nothing yet."""
        return sorted(self._untold)

    def signals(self, told: Notification, happening: Happening, skew: Skew) -> Iterator[Signal]:
        """What to report; nothing for an event that nobody wants."""
        origin = Origin.STATE if told.operation == "Initialized" else Origin.EVENT
        at = skew.ours(told.at) if origin is Origin.EVENT and told.at is not None and skew.known else None
        if happening.input is not None:
            yield self._of_input(happening.input, happening, origin, at)
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

    def _of_input(self, token: str, happening: Happening, origin: Origin, at: datetime | None) -> Signal:
        point = self._inputs.get(token)
        if point is not None:
            return self._named(
                point, _level(happening.active == (point.settings.active == "true")), origin, at
            )
        words = f"input {token} is active; no point of the site file names it"
        return self._unnamed(token, Kind.FAULT, words, _level(happening.active), origin, at)

    def _of_event(
        self, event: Event, happening: Happening, origin: Origin, at: datetime | None
    ) -> Iterator[Signal]:
        point = self._events.get(event)
        if point is None and event not in _UNNAMED:
            return
        lasting = self._lasting.setdefault(event, set())
        if happening.active and len(lasting) < _MOST_PARTS:
            lasting.add(happening.part)
        elif not happening.active:
            lasting.discard(happening.part)
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
        return Signal(
            device=self._device.id,
            point=f"{self._device.id}:{safe}",
            kind=kind,
            level=level,
            origin=origin,
            occurred_at=at,
            detail=words if level is Level.ACTIVE else "",
        )


def _level(active: bool) -> Level:  # noqa: FBT001 - it is what is translated
    return Level.ACTIVE if active else Level.NORMAL
