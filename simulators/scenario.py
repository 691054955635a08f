"""A scenario: what a TOML file has told to a simulator, at which second; refused whole before anything starts.

[[step]]
at = 1.5  # seconds from the start of the simulator
do = "press 3"  # any verb of standard input
device = "panel-1"  # of a school, for verbs that begin with a DEVICE
"""

import asyncio
import re
import shlex
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import Clock
from simulators.steer import Steering

#: What a file may hold at most, and the latest step in seconds: a day.
LARGEST_BYTES = 1 << 20
LATEST_SECONDS = 86_400

_HEADER = re.compile(r"^\s*\[\[\s*step\s*\]\]")
_KEYS = ("at", "do", "device")
#: What would end or flood a simulator is for a person at the keyboard.
_NOT_FOR_A_FILE = ("quit", "help")


@dataclass(frozen=True, slots=True)
class Step:
    """One line told so many seconds after the start."""

    at: float
    line: str


def load_scenario(path: Path, steering: Steering) -> list[Step]:
    """The steps in the order of their times. Nothing is done.

    Raises OSError if the file can't be read; ValueError, with the line and the number of the first bad step and what would be
    right there.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path} has more than {LARGEST_BYTES} bytes: is it a scenario?")
    text = path.read_text(encoding="utf-8")
    try:
        parsed: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML: {error}") from None
    steps = parsed.pop("step", None)
    if parsed or not isinstance(steps, list) or not steps:
        raise ValueError(f"{path}: a scenario is [[step]] tables and nothing else, one at least")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    found = []
    for number, step in enumerate(steps, 1):
        where = (
            f"{path} line {lines[number - 1]}, step {number}"
            if len(lines) == len(steps)
            else f"{path} step {number}"
        )
        try:
            found.append(_step(step, steering))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None
    return sorted(found, key=lambda step: step.at)


async def play(steps: Sequence[Step], steering: Steering, say: Callable[[str], None], clock: Clock) -> int:
    """Tell each step at its time, and say what was answered; how many could not be done.

    A step that takes long does not hold up the next. Returns when all are done.
    """
    failed = 0

    async def tell(step: Step) -> None:
        nonlocal failed
        reply = await steering.obey(step.line)
        failed += reply.startswith("error:")
        say(f"{step.at:g} s  {step.line}: {reply}")

    begun = clock.monotonic()
    async with asyncio.TaskGroup() as telling:
        for step in steps:
            await clock.sleep(max(0.0, begun + step.at - clock.monotonic()))
            telling.create_task(tell(step))
    return failed


def _step(step: object, steering: Steering) -> Step:
    if not isinstance(step, dict):
        raise ValueError("a step is a table: [[step]]")  # noqa: TRY004 - a wrong file, as all else here
    if unknown := step.keys() - set(_KEYS):
        raise ValueError(f"there is no key {min(unknown)!r}; there are: {', '.join(_KEYS)}")
    at, line, device = step.get("at"), step.get("do"), step.get("device")
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= LATEST_SECONDS:
        raise ValueError(f"`at` is the seconds from the start, 0 to {LATEST_SECONDS}: at = 1.5")
    if not isinstance(line, str) or not line.strip():
        raise ValueError('`do` is what would be typed: do = "press 3"')
    if device is not None and not isinstance(device, str):
        raise ValueError('`device` is the id of a device: device = "panel-1"')
    words = shlex.split(line)
    if words[0] in _NOT_FOR_A_FILE:
        raise ValueError(
            f"{words[0]!r} is for the keyboard only; with --once the simulator ends after the last step"
        )
    return Step(float(at), shlex.join(_told(words, device, steering)))


def _told(words: list[str], device: str | None, steering: Steering) -> list[str]:
    """The words with the device where the verb wants it, tested."""
    if device is None:
        _check(words, steering)
        return words
    whole = [words[0], device, *words[1:]]
    verb = steering.verb(words[0])
    if verb.takes[:1] != ("DEVICE",):
        raise ValueError(f"`{verb.usage}` takes no device: leave `device` out")
    _check(whole, steering)
    return whole


def _check(words: Sequence[str], steering: Steering) -> None:
    steering.verb(words[0]).check(words[1:])
