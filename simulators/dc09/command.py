"""`campus-sim dc09-panel`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from simulators.dc09.composer import Message
from simulators.dc09.events import Format
from simulators.dc09.link import Carrier
from simulators.dc09.panel import Dc09PanelSimulator, Habits
from simulators.delivery import Delivered
from simulators.serving import say, scenario_arguments, serve
from simulators.steer import Verb
from simulators.verbs import panel_verbs
from simulators.words import as_number, take

HELP = "an alarm panel that dials to a receiver over IP: SIA DC-09"

MOST_OFFSET_SECONDS = 10 * 365 * 86_400


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1", help="of the receiver (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=12000, help="of the receiver (default 12000)")
    parser.add_argument("--account", default="1234", help="3 to 16 hex digits (default 1234)")
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="an AES key in hex: it encrypts")
    parser.add_argument("--transport", choices=list(Carrier), default=Carrier.TCP, help="(default tcp)")
    parser.add_argument("--format", choices=["sia", "cid"], default="sia", help="of the data (default sia)")
    parser.add_argument("--supervise", type=float, metavar="SECONDS", help="send a NULL so often")
    parser.add_argument(
        "--press", type=int, action="append", default=[], metavar="ZONE", help="panic there; may be repeated"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="of --once for the last acknowledgement",
    )
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Dial until told to end. Raises TimeoutError if with `--once` not all was acknowledged in time."""
    panel = Dc09PanelSimulator(
        options.host,
        options.port,
        account=options.account,
        key=None if options.key_file is None else options.key_file.read_text(encoding="ascii").strip(),
        form=Format.CID if options.format == "cid" else Format.SIA,
        carrier=Carrier(options.transport),
        habits=Habits(supervise_s=options.supervise),
    )
    panel.on_acknowledged = _say_acknowledged
    for zone in options.press:
        panel.press(zone)
    await serve(
        panel,
        [*panel_verbs(panel), _clock_verb(panel)],
        lambda: f"panel {panel.account} dials {panel.host}:{panel.port} over {options.transport}",
        options,
        finish=lambda: panel.all_acknowledged(options.timeout),
    )


def _clock_verb(panel: Dc09PanelSimulator) -> Verb:
    async def clock(words: Sequence[str]) -> str:
        panel.set_clock(_offset(take(words, 1)[0]))
        return "ok, until a NAK corrects it"

    return Verb("clock OFFSET", "let its clock be so many seconds ahead", clock, {"OFFSET": _offset})


def _offset(word: str) -> float:
    seconds = as_number(word)
    if not abs(seconds) <= MOST_OFFSET_SECONDS:
        raise ValueError(f"{word} s: give {-MOST_OFFSET_SECONDS} to {MOST_OFFSET_SECONDS}")
    return seconds


def _say_acknowledged(done: Delivered[Message]) -> None:
    say(
        f"acknowledged {done.item.event} as {done.item.sequence:04d} at {done.at_utc:%H:%M:%S.%f} UTC, sent {done.attempts} times"
    )
