"""What outlives an attempt, in this process: passwords that were refused, topics that were shown, cameras that were served."""

import hashlib
from collections import deque
from dataclasses import dataclass, field

from drivers.onvif.settings import BusKeys
from drivers.onvif.toolkit import Scheme
from gateway.clock import Clock

#: Cameras lock an account after some failed logins in a row, the strictest after 5, most for half an hour. A refused
#: login is tried again after such waits, in seconds, with one scheme alone: soon at first, since some cameras refuse while they
#: start and their buttons must be heard.
WAITS_S = (60.0, 600.0, 1800.0)

#: Failed logins that a camera sees of us in `WINDOW_S` seconds, at most.
MOST_FAILURES = 4
WINDOW_S = 600.0

#: Topics of one camera that are shown; beyond that it makes them up.
MOST_TOPICS = 200

#: Logins that are remembered: more than a box has cameras.
_MOST_LOGINS = 256


@dataclass(slots=True)
class _Login:
    """What became of one: when it failed (monotonic seconds), how often it was given up, and why the last time."""

    failed: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_FAILURES))
    refusals: int = 0
    until: float = 0.0
    words: str = ""
    scheme: Scheme = ""


class Memory:
    """Bounded, in number and in size. Passwords and topics are kept as hashes; another password is tried at once."""

    def __init__(self) -> None:
        self._logins: dict[bytes, _Login] = {}
        self._topics: dict[str, set[bytes]] = {}
        self._served: dict[bytes, None] = {}

    def failed(self, clock: Clock, login: tuple[str, ...], times: int) -> None:
        """The camera has refused this login so many times just now."""
        self._of(login).failed.extend([clock.monotonic()] * times)

    def give_up(self, clock: Clock, login: tuple[str, ...], words: str) -> None:
        """This attempt is over, with these words; the next one waits."""
        known = self._of(login)
        wait_s = WAITS_S[min(known.refusals, len(WAITS_S) - 1)]
        known.refusals += 1
        known.until, known.words = clock.monotonic() + wait_s, words

    def accept(self, login: tuple[str, ...], scheme: Scheme = "") -> None:
        """This login was taken: the camera counts anew."""
        known = self._logins.get(mark(*login))
        if known is not None and known.failed:
            known.failed.clear()
        if scheme:
            known = self._of(login)
            known.refusals, known.until, known.scheme = 0, 0.0, scheme

    def budget(self, clock: Clock, login: tuple[str, ...]) -> int:
        """How often it may still fail just now."""
        known = self._logins.get(mark(*login))
        since = clock.monotonic() - WINDOW_S
        return MOST_FAILURES - (sum(at > since for at in known.failed) if known is not None else 0)

    def refusal(self, clock: Clock, login: tuple[str, ...]) -> str | None:
        """With what words it was refused, while it must not be tried again."""
        known = self._logins.get(mark(*login))
        if known is None or (clock.monotonic() >= known.until and self.budget(clock, login) > 0):
            return None
        return known.words or "the camera has refused our login several times"

    def schemes(self, login: tuple[str, ...], wanted: tuple[Scheme, ...]) -> tuple[Scheme, ...]:
        """Those of `wanted` to try now: first the one that the camera has taken before, at every other retry the other."""
        known = self._logins.get(mark(*login))
        if known is None:
            return wanted
        order = sorted(wanted, key=lambda one: one != known.scheme)
        return tuple(order if known.refusals % 2 or not known.refusals else reversed(order))

    def is_retry(self, login: tuple[str, ...]) -> bool:
        """Whether it was given up before: for that, one failed login is enough."""
        known = self._logins.get(mark(*login))
        return known is not None and known.refusals > 0

    def is_new(self, camera: str, topic: str) -> bool:
        """Whether that camera's topic was not shown yet; from now on it was."""
        known, one = self._topics.setdefault(camera, set()), mark(topic)
        if one in known or len(known) >= MOST_TOPICS:
            return False
        known.add(one)
        return True

    def serve(self, keys: BusKeys) -> None:
        """The camera at that address speaks ONVIF."""
        self._served[_address(keys)] = None
        while len(self._served) > _MOST_LOGINS:
            del self._served[next(iter(self._served))]

    def has_served(self, keys: BusKeys) -> bool:
        """Whether a camera was served at that address."""
        return _address(keys) in self._served

    def _of(self, login: tuple[str, ...]) -> _Login:
        known = self._logins.setdefault(mark(*login), _Login())
        while len(self._logins) > _MOST_LOGINS:
            del self._logins[next(iter(self._logins))]
        return known


def mark(*words: str) -> bytes:
    """Of one size, however long the words are: two that begin alike stay apart."""
    return hashlib.sha256("\0".join(words).encode()).digest()


def _address(keys: BusKeys) -> bytes:
    return mark(keys.host, str(keys.port), keys.path)
