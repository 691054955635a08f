"""Has each camera's picture looked at in turn, and keeps the alarms of what is wrong with it in step."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol

from gateway.clock import Clock
from gateway.footage import Footage, Growing, Piece
from gateway.media.look import Look, LookCount, Pair
from gateway.media.values import MediaDown, MediaRefused
from gateway.model import Alarm, Kind
from gateway.picturewatch.evidence import Evidence
from gateway.policy.picture import PICTURE_KINDS, PictureState
from gateway.site import Site

logger = logging.getLogger(__name__)

#: A moved camera that a person has acknowledged is put back within this time; else its new view is the right one; seconds.
ACCEPT_AFTER_S = 600.0
#: A file this young may hold no picture yet: its first fragment of a second has to be written out; seconds.
YOUNG_S = 3.0
#: How long a disk may take for a few small files; seconds.
FILE_LIMIT_S = 20.0

_WORDS = {
    Kind.CAMERA_BLACK: "the picture is black",
    Kind.CAMERA_BRIGHT: "the picture is all white",
    Kind.CAMERA_COVERED: "the scene can't be seen: something is before the lens",
    Kind.CAMERA_BLURRED: "the picture has lost its fine detail",
    Kind.CAMERA_FROZEN: "the picture stands still, noise and clock included",
    Kind.CAMERA_MOVED: "the camera shows another view than it should",
    Kind.CAMERA_SIGNAL: "no picture, only a card of flat colours",
}


class Looking(Protocol):
    """The part of `gateway.media.client.MediaProcess` that is used."""

    async def look(self, camera: str, growing: Piece, memory_dir: Path) -> Look:
        """Measure the newest key frame of a growing file. Raises MediaRefused, MediaDown."""
        ...


class PictureJournal(Protocol):
    """The part of `gateway.store.Journal` that is used."""

    @property
    def open_alarms(self) -> Mapping[str, Alarm]:
        """The alarms that no person has closed, by id."""
        ...

    async def raise_own(self, kind: Kind, subject: str = ..., detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is active."""
        ...

    async def return_own(self, kind: Kind, subject: str = ...) -> None:
        """Its cause is gone."""
        ...


@dataclass(slots=True)
class _Camera:
    id: str
    turn: float  # of its even place among the others, and when it is looked at next: later while its file is young
    due: float
    state: PictureState = field(default_factory=PictureState)
    raised: set[Kind] = field(default_factory=set)
    accepted: str = ""
    done: int = 0
    failed: int = 0
    failing: bool = False


class PictureWatch:
    """One look after the other, spread evenly over `[picture] every_s`; never two at once.

    A camera that is not being recorded is not looked at: that is an alarm of the recording already. One whose file has
    just begun is looked at as soon as a picture is in it. A look that fails is counted and told once, and changes
    nothing: an alarm stays as it is until the picture can be seen.
    """

    def __init__(
        self, site: Site, journal: PictureJournal, clock: Clock, footage: Footage, media: Looking
    ) -> None:
        self._settings = site.picture
        self._journal = journal
        self._clock = clock
        self._footage = footage
        self._media = media
        self._memory_dir = site.recording_dir / "reference"
        self._evidence = Evidence(site.recording_dir / "evidence" / "picture")
        watched = (camera.id for camera in site.cameras if camera.settings.watch and camera.settings.record)
        self._cameras = {camera: _Camera(camera, 0.0, 0.0) for camera in watched}

    def looks(self, camera: str) -> LookCount:
        """How many there were. Raises KeyError for a camera that is not watched."""
        watched = self._cameras[camera]
        return LookCount(watched.done, watched.failed)

    async def pictures(self, camera: str) -> tuple[Pair, ...]:
        """What shows why its last alarms were raised, the newest first. Raises OSError, TimeoutError."""
        async with asyncio.timeout(FILE_LIMIT_S):
            return await asyncio.to_thread(self._evidence.pairs, camera)

    async def accept(self, camera: str) -> None:
        """A person says that its picture is right as it is now: forget the scene, learn the one before it.

        An alarm that it has returns after good looks. Raises KeyError, OSError, TimeoutError.
        """
        watched = self._cameras[camera]
        async with asyncio.timeout(FILE_LIMIT_S):
            await asyncio.to_thread((self._memory_dir / f"{watched.id}.npz").unlink, missing_ok=True)
        logger.info("%s: its scene is learned anew", watched.id)

    async def run(self) -> NoReturn:
        """Look until cancelled."""
        await self._take_over()
        self._spread()
        while True:
            camera = min(self._cameras.values(), key=lambda each: each.due, default=None)
            if camera is None:
                await self._clock.sleep(self._settings.every_s)
                continue
            await self._clock.sleep(max(0.0, camera.due - self._clock.monotonic()))
            await self._accept_moved(camera)
            growing = self._footage.growing(camera.id)
            young_s = 0.0 if growing is None else self._young_s(growing)
            if young_s > 0:
                camera.due = self._clock.monotonic() + young_s
                continue
            if growing is not None:
                await self._look(camera, growing)
            camera.turn = camera.due = self._next_turn(camera.turn)

    def _spread(self) -> None:
        begun, every_s = self._clock.monotonic(), self._settings.every_s
        for place, camera in enumerate(self._cameras.values()):
            camera.turn = camera.due = begun + every_s * place / len(self._cameras)

    def _next_turn(self, turn: float) -> float:
        """Turns that slow looks have taken are left out, not made up for."""
        every_s = self._settings.every_s
        return turn + every_s * max(1, int((self._clock.monotonic() - turn) / every_s))

    def _young_s(self, growing: Growing) -> float:
        """For how long the file is still too young to hold a picture; 0 if it is not, and where its clock was moved."""
        age_s = (self._clock.now() - growing.start).total_seconds()
        return YOUNG_S - age_s if 0 <= age_s < YOUNG_S else 0.0

    async def _take_over(self) -> None:
        """What an earlier run left in alarm is ours; of a camera that is no longer watched it has returned."""
        left = [
            alarm.source
            for alarm in self._journal.open_alarms.values()
            if alarm.source.kind in PICTURE_KINDS and alarm.source.point is None and alarm.returned_at is None
        ]
        for source in left:
            camera = self._cameras.get(source.subject)
            if camera is None:
                await self._journal.return_own(source.kind, source.subject)
            else:
                camera.raised.add(source.kind)
                camera.state.alarm = source.kind

    async def _look(self, camera: _Camera, growing: Growing) -> None:
        piece = Piece(path=growing.path, start=growing.start, end=self._clock.now(), growing=True)
        try:
            look = await self._media.look(camera.id, piece, self._memory_dir)
        except (MediaDown, MediaRefused) as error:
            camera.failed += 1
            if not camera.failing:
                logger.warning("%s: its picture can't be looked at: %s", camera.id, error)
            camera.failing = True
            return
        if camera.failing:
            logger.info("%s: its picture is looked at again", camera.id)
        camera.failing = False
        if look.fresh:
            camera.done += 1
            await self._follow(camera, look)

    async def _follow(self, camera: _Camera, look: Look) -> None:
        kind = camera.state.take(
            look.measures,
            self._clock.monotonic(),
            alarm_after_s=self._settings.alarm_after_s,
            every_s=self._settings.every_s,
        )
        holds = set() if kind is None else {kind}
        for new in holds - camera.raised:
            logger.warning("%s: %s", camera.id, _WORDS[new])
            await self._journal.raise_own(new, camera.id, _WORDS[new])
            camera.raised.add(new)
            await self._keep(camera.id, new, look)
        for over in camera.raised - holds:
            logger.info("%s: %s no longer", camera.id, over.value)
            await self._journal.return_own(over, camera.id)
            camera.raised.discard(over)

    async def _keep(self, camera: str, kind: Kind, look: Look) -> None:
        try:
            async with asyncio.timeout(FILE_LIMIT_S):
                await asyncio.to_thread(self._evidence.keep, camera, kind, look)
        except OSError as error:  # TimeoutError is one
            logger.warning("%s: the pictures that show %s can't be kept: %s", camera, kind.value, error)

    async def _accept_moved(self, camera: _Camera) -> None:
        """Who has acknowledged a moved camera and does not put it back wants it so."""
        if Kind.CAMERA_MOVED not in camera.raised:
            return
        for alarm in self._journal.open_alarms.values():
            if (alarm.source.kind, alarm.source.subject) != (Kind.CAMERA_MOVED, camera.id):
                continue
            seen = alarm.acknowledged_at
            if seen is None or alarm.returned_at is not None or camera.accepted == alarm.id:
                continue
            if (self._clock.now() - seen).total_seconds() >= ACCEPT_AFTER_S:
                try:
                    await self.accept(camera.id)
                except OSError as error:
                    logger.warning("%s: its scene can't be forgotten: %s", camera.id, error)
                    return
                camera.accepted = alarm.id
                return
