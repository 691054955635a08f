"""One thread for one part's work on files: nothing else waits for a dying disk (I9)."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

#: A disk that does not answer for so long counts as failing; seconds.
FILE_LIMIT_S = 60.0
#: How long the thread waits for an answer of the event loop; seconds.
ANSWER_LIMIT_S = 10.0


class FileThread:
    """Whoever uses it closes it."""

    def __init__(self, name: str = "files", limit_s: float = FILE_LIMIT_S) -> None:
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

    async def decide(
        self,
        question: Callable[[], Coroutine[Any, Any, A]],  # Any: what a coroutine sends and is sent
        act: Callable[[A], T],
    ) -> T:
        """Act there on an answer that the event loop gives once the thread is ours: no other work comes between.

        `question` must not wait for this thread. Raises what either raises, and TimeoutError.
        """
        loop = asyncio.get_running_loop()

        def turn() -> T:
            asked = asyncio.run_coroutine_threadsafe(question(), loop)
            try:
                answer = asked.result(ANSWER_LIMIT_S)
            finally:
                asked.cancel()  # does nothing to one that has answered
            return act(answer)

        return await self.do(turn)

    def close(self) -> None:
        """Take no more work."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
