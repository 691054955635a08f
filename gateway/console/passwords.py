"""Guards' passwords: argon2id, one at a time, off the event loop, and no telling from the time which names exist."""

import asyncio
import ctypes

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.errors import ActRefused

PASSWORD_MIN = 8
PASSWORD_MAX = 1024

#: mallopt(3), <malloc.h>.
_M_MMAP_THRESHOLD = -3

#: OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

#: A hash of random bytes that nobody kept, of the same parameters: what an unknown name is checked against.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$/gumvTg7lfx+hUDkmwe/9g$S8Xo8akPLK0oLNdxVvTd9qbWlzDuR+fjKVKGsYXz4pc"


def hash_password(password: str) -> str:
    """The argon2id hash to keep (blocks for some 50 ms, takes 19 MiB).

    Raises ActRefused if it is shorter than PASSWORD_MIN or longer than PASSWORD_MAX characters.
    """
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise ActRefused(
            f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters: choose another",
            code="password-length",
        )
    return _HASHER.hash(password)


class PasswordCheck:
    """Checks passwords one after another, so that sign-ins take 19 MiB and one core together, whoever asks."""

    def __init__(self) -> None:
        _give_large_blocks_back()
        self._turn = asyncio.Semaphore(1)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; takes as long where there is no hash (None)."""
        async with self._turn:
            right = await asyncio.to_thread(_verify, kept or _NOBODY, password)
        return right and kept is not None


def _verify(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def _give_large_blocks_back() -> None:
    """Tell glibc to return blocks of 4 MiB and more to the system at once, in the whole process.

    By default it learns to keep blocks of a size it has seen freed: each thread that ever hashed would keep 19 MiB.
    Other C libraries have no such call and need none.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
