"""Steering a simulator by lines of text while it runs: `press 1/0`, `fault silent`, `help`, `quit`."""

import asyncio
import os
import shlex
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from simulators.words import MEANINGS

#: Lines of standard input that wait at most, and their length; a longer one is cut.
WAITING_LINES = 100
LINE_BYTES = 4096

Act = Callable[[Sequence[str]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Verb:
    """Something that can be told to a simulator. `usage` begins with the verb's name; words in brackets may be left out.

    `meanings` are tests for words of the usage that only this simulator knows, by their name there. `act` gets the words after it, does it, and returns one line to answer. It raises ValueError for words that make no
    sense, OSError and TimeoutError for what did not work.
    """

    usage: str
    help: str
    act: Act
    meanings: Mapping[str, Callable[[str], object]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The word to type."""
        return self.usage.split(maxsplit=1)[0]

    @property
    def takes(self) -> tuple[str, ...]:
        """The names of the words after it; those in brackets may be left out."""
        return tuple(self.usage.split()[1:])

    def check(self, words: Sequence[str]) -> None:
        """Raise ValueError if the words after it make no sense. Nothing is done."""
        least = sum(not name.startswith("[") for name in self.takes)
        if not least <= len(words) <= len(self.takes):
            raise ValueError(f"it is `{self.usage}`")
        for name, word in zip(self.takes, words, strict=False):
            place = name.strip("[]")
            meaning = self.meanings.get(place, MEANINGS.get(place, str))
            meaning(word)


class Steering:
    """The verbs of one simulator, and `help` and `quit`."""

    def __init__(self, verbs: Iterable[Verb]) -> None:
        self.has_quit = False
        own = [Verb("help", "this list", self._help), Verb("quit", "end the simulator", self._quit)]
        self._verbs = {verb.name: verb for verb in [*verbs, *own]}

    def verb(self, name: str) -> Verb:
        """The verb of that name. Raises ValueError that says which there are."""
        if name not in self._verbs:
            raise ValueError(f"no such command {name!r}; there are: {', '.join(self._verbs)}")
        return self._verbs[name]

    async def obey(self, line: str) -> str:
        """Do what a line says; the answer, which begins with `error:` if it was not done."""
        try:
            words = shlex.split(line)
            if not words:
                return ""
            verb = self._verbs.get(words[0])
            if verb is None:
                return f"error: no such command {words[0]!r}; `help` lists them"
            return await verb.act(words[1:])
        except TimeoutError as error:
            return f"error: {str(error) or 'too late'}"
        except (ValueError, OSError) as error:
            return f"error: {error}"

    async def run(self, lines: AsyncIterator[str], answer: Callable[[str], None]) -> None:
        """Obey line after line until `quit` or the end of the lines."""
        async for line in lines:
            reply = await self.obey(line)
            if reply:
                answer(reply)
            if self.has_quit:
                return

    async def _help(self, _words: Sequence[str]) -> str:
        width = max(len(verb.usage) for verb in self._verbs.values())
        return "\n".join(f"{verb.usage:<{width}}  {verb.help}" for verb in self._verbs.values())

    async def _quit(self, _words: Sequence[str]) -> str:
        self.has_quit = True
        return "ok"


async def stdin_lines() -> AsyncIterator[str]:
    """Lines of standard input, until its end.

    A daemon thread reads the bare file descriptor: a terminal, a pipe and a file alike, without making the terminal
    non-blocking (which standard output would feel) and without holding the interpreter at its end.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    room = threading.Semaphore(WAITING_LINES)

    def put(line: str | None) -> None:
        room.acquire()
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    def read() -> None:
        rest = b""
        while data := os.read(0, LINE_BYTES):
            *whole, rest = (rest + data).split(b"\n")
            rest = rest[:LINE_BYTES]
            for line in whole:
                put(line.decode(errors="replace"))
        if rest:
            put(rest.decode(errors="replace"))
        put(None)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    while (line := await lines.get()) is not None:
        room.release()
        yield line
