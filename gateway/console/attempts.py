"""How often somebody may try a password: leaky buckets for each name, each address, and the two together."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from gateway.clock import Clock

#: Buckets kept at most; the least recently used is forgotten first.
BUCKETS_KEPT = 4096

#: Pairs of name and address kept at most that have signed in before.
PAIRS_KNOWN = 256


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many failures at once, and one more each so many seconds."""

    failures: int
    refill_s: float


#: A person who mistypes; a machine that tries many names (each try costs the box a hash); many machines at one name.
OF_A_PAIR = Allowance(5, 60.0)
OF_AN_ADDRESS = Allowance(20, 5.0)
OF_A_NAME = Allowance(30, 30.0)

_Key = tuple[str, str]


class Attempts:
    """Says who has to wait.

    A lock-out never blocks another guard: whoever has signed in from an address before is held only by the failures
    of that name from that address, not by what others do there or with that name elsewhere.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._levels: OrderedDict[_Key, tuple[float, float]] = OrderedDict()
        self._known: OrderedDict[_Key, None] = OrderedDict()

    def wait_s(self, name: str, address: str) -> int:
        """Seconds to wait before this attempt is allowed; 0: go on, and it counts as failed until `succeeded`."""
        buckets = self._buckets(name, address)
        wait = max(self._over(key, allowance) for key, allowance in buckets)
        if wait > 0:
            return math.ceil(wait)
        for key, allowance in buckets:
            self._add(key, allowance, 1.0)
        return 0

    def succeeded(self, name: str, address: str) -> None:
        """The attempt was right: it does not count, and the pair is known from now on."""
        for key, allowance in self._buckets(name, address):
            self._add(key, allowance, -1.0)
        self._levels.pop(_pair(name, address), None)
        self.know(name, address)

    def know(self, name: str, address: str) -> None:
        """That name has signed in from that address, now or before a restart."""
        self._known[name, address] = None
        self._known.move_to_end((name, address))
        if len(self._known) > PAIRS_KNOWN:
            self._known.popitem(last=False)

    def _buckets(self, name: str, address: str) -> list[tuple[_Key, Allowance]]:
        pair = (_pair(name, address), OF_A_PAIR)
        if (name, address) in self._known:
            return [pair]
        return [pair, (("address", address), OF_AN_ADDRESS), (("name", name), OF_A_NAME)]

    def _level(self, key: _Key, allowance: Allowance) -> float:
        level, at = self._levels.get(key, (0.0, 0.0))
        return max(0.0, level - (self._clock.monotonic() - at) / allowance.refill_s)

    def _over(self, key: _Key, allowance: Allowance) -> float:
        return (self._level(key, allowance) + 1 - allowance.failures) * allowance.refill_s

    def _add(self, key: _Key, allowance: Allowance, amount: float) -> None:
        level = max(0.0, self._level(key, allowance) + amount)
        self._levels[key] = (level, self._clock.monotonic())
        self._levels.move_to_end(key)
        if len(self._levels) > BUCKETS_KEPT:
            self._levels.popitem(last=False)


def _pair(name: str, address: str) -> _Key:
    return (f"pair {name}", address)
