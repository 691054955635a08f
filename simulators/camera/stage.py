"""What happens before one camera now, and since when; each moment's scene follows from it."""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.clock import SystemClock
from simulators.camera.picture_faults import PictureFault
from simulators.camera.scene import Scene

#: How long a person takes to cross the picture; then the next one comes.
WALK_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class _Standing:
    scene: Scene
    walking_since: datetime | None = None


class Stage:
    """Changed by the event loop, read by encoders' threads: one immutable value, replaced as a whole."""

    def __init__(self) -> None:
        self._standing = _Standing(Scene())

    def show(self, fault: PictureFault) -> None:
        """Let the picture be bad in this way from now on; FROZEN stops at this moment."""
        since = SystemClock().now() if fault is PictureFault.FROZEN else None
        self._change(replace(self._standing.scene, fault=fault, since=since))

    def light(self, level: float) -> None:
        """Let it be so light. Raises ValueError like `Scene`."""
        self._change(replace(self._standing.scene, light=level))

    def lamps(self, on: bool) -> None:  # noqa: FBT001 - a switch
        """Switch them."""
        self._change(replace(self._standing.scene, lamps=on))

    def walk(self, walking: bool) -> None:  # noqa: FBT001 - a switch
        """Let a person cross, again and again, or nobody."""
        since = SystemClock().now() if walking else None
        self._standing = replace(self._standing, walking_since=since)

    def scene(self, moment: datetime) -> Scene:
        """What there is to be seen at that moment."""
        standing = self._standing
        if standing.walking_since is None:
            return standing.scene
        seen = standing.scene.since or moment
        walked = max(0.0, (seen - standing.walking_since).total_seconds())
        return replace(standing.scene, walker=walked / WALK_SECONDS % 1)

    def _change(self, scene: Scene) -> None:
        self._standing = replace(self._standing, scene=scene)
