"""What outlives an attempt, in this process: passwords that were refused, topics that were shown."""

import hashlib
from dataclasses import dataclass

from gateway.clock import Clock

#: A refused password is not tried again for so long, in seconds, the first time and after that: cameras lock an account
#: after some failures in a row, most for half an hour; and yet a camera that refuses while it starts must be heard soon.
FIRST_WAIT_S = 600.0
WAIT_S = 1800.0

#: Topics of one camera that are shown; beyond that it makes them up.
MOST_TOPICS = 200

#: Logins that are remembered: more than a box has cameras.
_MOST_LOGINS = 256


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Until which monotonic second a login is not tried, and why."""

    until: float
    words: str


class Memory:
    """Bounded. Passwords are kept as hashes; another password for the same user is tried at once."""

    def __init__(self) -> None:
        self._refused: dict[bytes, _Refusal] = {}
        self._topics: dict[str, set[str]] = {}

    def strike(self, login: tuple[str, ...]) -> None:
        """This login was refused in mid-session: it may be tried once more, and then not for long."""
        self._put(login, _Refusal(0.0, ""))

    def refuse(self, clock: Clock, login: tuple[str, ...], words: str) -> None:
        """This login was refused just now, with these words."""
        known = self._refused.get(_hash(login))
        wait_s = FIRST_WAIT_S if known is None else WAIT_S
        self._put(login, _Refusal(clock.monotonic() + wait_s, words))

    def accept(self, login: tuple[str, ...]) -> None:
        """This login was taken."""
        self._refused.pop(_hash(login), None)

    def refusal(self, clock: Clock, login: tuple[str, ...]) -> str | None:
        """With what words it was refused, while it must not be tried again."""
        known = self._refused.get(_hash(login))
        return known.words if known is not None and clock.monotonic() < known.until else None

    def is_new(self, camera: str, topic: str) -> bool:
        """Whether that camera's topic was not shown yet; from now on it was."""
        known = self._topics.setdefault(camera, set())
        if topic in known or len(known) >= MOST_TOPICS:
            return False
        known.add(topic)
        return True

    def _put(self, login: tuple[str, ...], refusal: _Refusal) -> None:
        self._refused[_hash(login)] = refusal
        while len(self._refused) > _MOST_LOGINS:
            del self._refused[next(iter(self._refused))]


def _hash(login: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join(login).encode()).digest()
