"""One thread for one part's work on files: nothing else waits for a dying disk (I9)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: A disk that does not answer for so long counts as failing; seconds.
FILE_LIMIT_S = 60.0


class FileThread:
    """Whoever uses it closes it."""

    def __init__(self, name: str, limit_s: float = FILE_LIMIT_S) -> None:
        self._limit_s = limit_s
        self._executor = ThreadPoolExecutor(1, name)
        self._closed = False

    async def do(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it there. Raises what it raises, TimeoutError (an OSError) if it takes too long, OSError once it is closed."""
        if self._closed:
            raise OSError("this thread takes no more work")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._limit_s):
            return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Take no more work."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
