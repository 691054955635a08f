"""What is wrong with a camera's picture, from the numbers of one look and of many. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.model import Kind

#: What may be wrong with a picture, one at a time.
PICTURE_KINDS = frozenset(
    {
        Kind.CAMERA_SIGNAL,
        Kind.CAMERA_BLACK,
        Kind.CAMERA_BRIGHT,
        Kind.CAMERA_COVERED,
        Kind.CAMERA_BLURRED,
        Kind.CAMERA_MOVED,
        Kind.CAMERA_FROZEN,
    }
)

#: Of the reference's blocks with edges, so many are seen while the camera looks where it should; below it, it does not.
LOST = 0.2
#: With fewer blocks that have edges at all, what is written over the picture may be most of what is left.
FAINT_SCENE = 0.4
#: With so many the picture shows its scene for certain: it may be learned from.
SEEN = 0.4
#: With less than so many it may still be that it is seen only as if through ground glass.
SEEN_WELL = 0.6
#: A displacement of so much of the picture's width is a moved camera; less is wind at the pole.
MOVED_SHARE = 0.025
#: A moved camera sees this many times more of its scene when the picture is moved back.
MOVED_GAIN = 1.5
#: Fine detail below this share of the reference's: out of focus or smeared.
BLURRED_SHARE = 0.6
#: A picture that shows its scene only if the reference is blurred too shows so much of it then, and is this sharp at most.
BLURRED_ALIKE, BLURRED_VIEW = 0.62, 0.7
#: A dark picture with so little in it is black; a night that spans more levels of grey shows something.
BLACK_SPREAD = 6
#: A picture as bright as this and as even is white.
WHITE_LEVEL, WHITE_SPREAD = 205, 30
#: A white picture in which there is so little edge of the reference's shows too little.
WASHED_OUT = 0.4
#: With fewer edges than this they are not where they belong because they are faint, not because the pole sways.
FAINT_EDGES = 0.85
#: A blurred picture still has so much of the reference's edges (a night much less than a day); with less it is behind something.
BLURRED_EDGES = 0.05
#: A strange picture with so much of the reference's edges, and so sharp, is a view and not a cover.
VIEW_SHARE, VIEW_DETAIL = 0.5, 0.6
#: So many looks in a row without any change, not even noise or a clock: the picture stands.
FROZEN_LOOKS = 6

#: After the first look, and after a break in the looks, a camera may open its iris, focus and turn; seconds.
SETTLE_S = 30.0
#: No look for so many seconds, and three times as long as it should take, is a break.
BREAK_S = 120.0
#: So many looks at least, whatever their distance, make an alarm or its return.
LOOKS = 3
#: An alarm that comes again so soon after its return flaps; each time in a row it must be gone twice as long, up to 16 times.
FLAP_S = 600.0
_MOST_FLAPS = 4
#: Looks of one stretch that are remembered.
_REMEMBERED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One look as numbers. Shares are 0 to 1; brightness and spread are of 256 levels of grey.

    `brightness`: the median. `spread`: from the darkest tenth to the brightest, without noise and writing.
    `dark`, `bright`: the share of pixels that are nearly black, nearly white. `card`: the share that a few strong flat
    colours cover. `still`: looks in a row that were the same picture. The rest is against the reference, and None
    without one: `kept` the share of its edges that is seen, `kept_blurred` the same if the reference is blurred too,
    `kept_shifted` if the picture is moved back by `shift` (share of the width); `detail` fine detail for the coarse
    (1: as sharp), `edges` how much edge there is at all (1: as much).
    """

    brightness: float
    spread: float
    dark: float
    bright: float
    card: float
    still: int
    kept: float | None = None
    kept_blurred: float = 0.0
    kept_shifted: float = 0.0
    shift: float = 0.0
    detail: float = 1.0
    edges: float = 1.0


def judge(look: Measures) -> Kind | None:
    """What is wrong in this look, None if nothing. The first that holds explains the others."""
    blind = _blind(look)
    if blind is not None:
        return blind
    return Kind.CAMERA_FROZEN if look.still >= FROZEN_LOOKS else _strange(look)


def _blind(look: Measures) -> Kind | None:
    """No scene at all: this needs no reference, but what still shows its edges is not blind."""
    if _is_white(look) and (look.kept is None or look.kept < SEEN or look.edges < WASHED_OUT):
        return Kind.CAMERA_BRIGHT
    if look.kept is not None and look.kept >= SEEN:
        return None
    if look.card >= 0.85 and (look.kept is None or look.kept < LOST):
        return Kind.CAMERA_SIGNAL
    if look.dark >= 0.9 and look.brightness < 24 and look.spread < BLACK_SPREAD:
        return Kind.CAMERA_BLACK
    return None


def _is_white(look: Measures) -> bool:
    """A night camera that is washed out is a light grey; but so is a wall, so this needs a scene to miss."""
    pale = look.brightness >= WHITE_LEVEL and look.spread < WHITE_SPREAD
    return look.bright >= 0.75 or (look.kept is not None and pale)


def _strange(look: Measures) -> Kind | None:
    """Not the scene that the camera is there for, or not sharp."""
    if look.kept is None:
        return None
    if look.shift >= MOVED_SHARE and look.kept_shifted >= max(SEEN, MOVED_GAIN * look.kept):
        return Kind.CAMERA_MOVED
    if look.kept < SEEN_WELL and _is_seen_blurred(look, look.kept):
        return Kind.CAMERA_BLURRED
    if look.kept >= LOST:
        return Kind.CAMERA_BLURRED if look.detail < BLURRED_SHARE else None
    is_view = look.edges >= VIEW_SHARE and look.detail >= VIEW_DETAIL
    return Kind.CAMERA_MOVED if is_view else Kind.CAMERA_COVERED


def _is_seen_blurred(look: Measures, kept: float) -> bool:
    """The scene is there, but only as a blurred one. What is written over the picture stays sharp: detail may mislead."""
    if look.kept_blurred < max(BLURRED_ALIKE, kept) or look.edges < BLURRED_EDGES:
        return False
    return look.detail < BLURRED_VIEW or (
        look.edges < FAINT_EDGES and look.kept_shifted < max(SEEN, kept + 0.05)
    )


@dataclass(slots=True)
class PictureState:
    """What is remembered of a camera's looks; times are monotonic seconds. `alarm` is what holds now."""

    alarm: Kind | None = None
    _first: float | None = None
    _last: float = 0.0
    _since: float = 0.0
    _returned: float | None = None
    _flaps: int = 0
    _stretch: list[Kind | None] = field(default_factory=list)

    def take(self, look: Measures, now: float, *, alarm_after_s: float, every_s: float) -> Kind | None:
        """Add a look; what holds after it. To change, it must be so for `alarm_after_s` and three looks.

        `every_s` is the time between looks. An alarm that flaps must be gone for longer before it returns.

        A stretch is of looks that are all against what holds; they need not agree among themselves: what most of them
        saw, of two the later, is what is raised.
        """
        if self._first is None or now - self._last > max(BREAK_S, 3 * every_s):
            self._first = now
            self._stretch.clear()
        self._last = now
        if now - self._first < SETTLE_S:
            return self.alarm
        found = judge(look)
        if found is self.alarm or (self._stretch and (found is None) is not (self._stretch[-1] is None)):
            self._stretch.clear()
        if found is self.alarm:
            return self.alarm
        if not self._stretch:
            self._since = now
        self._stretch = [*self._stretch[1 - _REMEMBERED :], found]
        patience = 2**self._flaps if found is None else 1
        if len(self._stretch) >= LOOKS and now - self._since >= alarm_after_s * patience:
            self._change(_most(self._stretch), now)
        return self.alarm

    def _change(self, kind: Kind | None, now: float) -> None:
        if kind is None:
            self._returned = now
        elif self.alarm is None:
            soon = self._returned is not None and now - self._returned < FLAP_S
            self._flaps = min(_MOST_FLAPS, self._flaps + 1) if soon else 0
        self.alarm = kind
        self._stretch.clear()


def _most(stretch: Iterable[Kind | None]) -> Kind | None:
    """The commonest, of equals the latest."""
    looks = list(stretch)
    counts = Counter(looks)
    return max(reversed(looks), key=lambda kind: counts[kind])
