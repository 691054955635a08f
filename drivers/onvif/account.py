"""Our account at one camera: what was refused, what may still be tried, so that nothing we do locks it."""

from enum import IntEnum
from typing import TYPE_CHECKING

from drivers.onvif.memory import MOST_FAILURES, Memory
from drivers.onvif.settings import BusKeys
from drivers.onvif.toolkit import Scheme
from gateway.clock import Clock
from gateway.errors import DeviceRefused

if TYPE_CHECKING:  # loading it takes 40 MB: toolkit.py does
    from drivers.onvif.soap import Soap

_SCHEMES: dict[str, tuple[Scheme, ...]] = {"auto": ("digest", "wss"), "digest": ("digest",), "wss": ("wss",)}


class Need(IntEnum):
    """How much a question is needed: so many failed logins must still be free for it to be asked."""

    WISH = MOST_FAILURES  # a picture, an address: not after any failure, until our login was taken again
    ACT = 2  # a relay, of which a siren may hang: one is left for the events
    HEAR = 1  # the events, or another sign of life


class Account:
    """`part` names what of the camera may have another password than the rest (its pictures); empty for all of it.

    `scheme` is the one that the camera has taken; `failed` is how many failures were counted here.
    """

    def __init__(self, keys: BusKeys, password: str, clock: Clock, memory: Memory) -> None:
        self.scheme: Scheme = ""
        self.failed = 0
        self._keys = keys
        self._clock = clock
        self._memory = memory
        self._login = keys.host, str(keys.port), keys.username, password

    def schemes(self) -> tuple[Scheme, ...]:
        """Those to try now, in this order."""
        return self._memory.schemes(self._login, _SCHEMES[self._keys.auth])

    def refusal(self, part: str = "") -> str | None:
        """With what words it was refused, while it must not be tried again."""
        return self._memory.refusal(self._clock, self._of(part))

    def keep_off(self, need: Need = Need.WISH) -> None:
        """Some cameras lock an account at the fifth failure, whoever of us asks. Raises DeviceRefused if too few are left."""
        if self._memory.budget(self._clock, self._login) < need:
            raise DeviceRefused(
                f"{self._keys.host} has refused our login just now: it is asked again when that is over"
            )

    def count(self, soap: "Soap") -> int:
        """Write down how often the camera has refused us since the last time, and return that."""
        count, soap.failures = soap.failures, 0
        self.failed += count
        self._memory.failed(self._clock, self._login, count)
        return count

    def may_try_another(self) -> bool:
        """Whether a login that was just refused leaves room for one with another scheme."""
        return not self._memory.is_retry(self._login) and self._memory.budget(self._clock, self._login) > 0

    def give_up(self, words: str, part: str = "") -> None:
        """It is refused, with these words; the next try waits."""
        self._memory.give_up(self._clock, self._of(part), words)

    def accept(self, scheme: Scheme = "", part: str = "") -> None:
        """It was taken: the camera counts anew."""
        self._memory.accept(self._of(part), scheme)

    def _of(self, part: str) -> tuple[str, ...]:
        return (*self._login, part) if part else self._login
