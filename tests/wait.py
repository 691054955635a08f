"""Waiting in tests: for a condition, never for a length of time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable


async def until(predicate: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0) -> None:
    """Return as soon as `predicate` holds; raise TimeoutError when it has not within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        held = predicate()
        if isawaitable(held):
            held = await held
        if held:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {predicate}")
        await asyncio.sleep(0.01)
