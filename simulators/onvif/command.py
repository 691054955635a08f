"""`campus-sim onvif`."""

import argparse
from collections.abc import Callable, Sequence
from datetime import timedelta

from simulators.camera import CameraSimulator, Video
from simulators.onvif.discovery import PORT as DISCOVERY_PORT
from simulators.onvif.quirks import Auth, Quirk
from simulators.onvif.simulator import OnvifSimulator
from simulators.serving import scenario_arguments, serve
from simulators.steer import Verb
from simulators.verbs import camera_verbs, common_verbs
from simulators.words import as_number, one_of, take

HELP = "an ONVIF camera: SOAP, events, inputs and relays before an RTSP stream"

MOST_OFFSET_SECONDS = 10 * 365 * 86_400


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be said on the command line."""
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="of SOAP; 0 takes a free one (default 8000)")
    parser.add_argument(
        "--rtsp-port", type=int, default=0, help="of the stream; 0 takes a free one (default)"
    )
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default="camera", help="a rehearsal's, known to all (default camera)")
    parser.add_argument("--name", default="Campus Camera")
    parser.add_argument(
        "--input", action="append", default=[], metavar="TOKEN", help="(default DI_1); may be repeated"
    )
    parser.add_argument(
        "--relay", action="append", default=[], metavar="TOKEN", help="(default R_1); may be repeated"
    )
    parser.add_argument("--auth", choices=[one.value for one in Auth], default=Auth.DIGEST_AND_WSS.value)
    parser.add_argument(
        "--quirk",
        choices=[one.value for one in Quirk],
        action="append",
        default=[],
        help="a habit; may be repeated",
    )
    parser.add_argument("--sub", action="store_true", help="a second, smaller stream and its profile")
    parser.add_argument("--media1-only", action="store_true", help="as an older camera")
    parser.add_argument(
        "--discoverable", action="store_true", help=f"answer WS-Discovery at UDP {DISCOVERY_PORT}, multicast"
    )
    scenario_arguments(parser)


async def run(options: argparse.Namespace) -> None:
    """Serve until told to end."""
    simulator = OnvifSimulator(
        CameraSimulator(
            host=options.host,
            port=options.rtsp_port,
            username=options.username,
            password=options.password,
            title=options.name,
            sub=Video(width=320, height=180) if options.sub else None,
        ),
        host=options.host,
        port=options.port,
        username=options.username,
        password=options.password,
        inputs=tuple(options.input) or ("DI_1",),
        relays=tuple(options.relay) or ("R_1",),
        auth=Auth(options.auth),
        media2=not options.media1_only,
        quirks=frozenset(Quirk(word) for word in options.quirk),
        name=options.name,
        discovery_port=DISCOVERY_PORT if options.discoverable else None,
        discovery_multicast=options.discoverable,
    )
    await serve(
        simulator,
        onvif_verbs(simulator),
        lambda: (
            f"ONVIF camera at {simulator.address}, stream {simulator.camera.url}, user {simulator.username}"
        ),
        options,
    )


def onvif_verbs(simulator: OnvifSimulator) -> list[Verb]:
    """Inputs, the camera's own troubles, its clock, its relays, a reboot; and what its picture can be told."""
    known = {"INPUT": one_of("input", lambda: simulator.inputs)}

    async def press(words: Sequence[str]) -> str:
        simulator.set_input(take(words, 1)[0], active=True)
        return "pressed"

    async def release(words: Sequence[str]) -> str:
        simulator.set_input(take(words, 1)[0], active=False)
        return "released"

    async def reboot(_words: Sequence[str]) -> str:
        await simulator.reboot()
        return "ok, it is back"

    async def clock(words: Sequence[str]) -> str:
        simulator.clock_offset = _offset(take(words, 1)[0])
        return "ok"

    async def relay(_words: Sequence[str]) -> str:
        states = (
            f"{token} {'active' if simulator.relay(token) else 'inactive'}" for token in simulator.relays
        )
        return ", ".join(states) or "there is none"

    async def report(_words: Sequence[str]) -> str:
        return (
            f"{simulator.subscriptions} subscriptions, {simulator.pulled} messages pulled, "
            f"{simulator.failed_logins} failed logins, {sum(simulator.requests.values())} requests"
        )

    return [  # of two verbs with a name the later counts: fault, power and clock are those of both
        *camera_verbs(simulator.camera),
        Verb("press INPUT", "let the contact at an input be active", press, known),
        Verb("release INPUT", "let it be idle", release, known),
        _trouble("tamper", "somebody is at the camera", simulator.tamper),
        _trouble("scene-change", "it looks at something else", simulator.scene_change),
        _trouble("signal-loss", "its sensor gives no picture", simulator.signal_loss),
        _trouble("storage-failure", "its card fails", simulator.storage_failure),
        _trouble("motion", "something moves", simulator.motion),
        Verb("reboot", "lose all subscriptions, come back after a moment", reboot),
        Verb("clock OFFSET", "let its clock be so many seconds ahead", clock, {"OFFSET": _offset}),
        Verb("relay", "how each relay is", relay),
        Verb("report", "what was asked of it so far", report),
        *common_verbs(simulator),
    ]


def _trouble(name: str, meaning: str, act: Callable[[bool], None]) -> Verb:
    async def obey(words: Sequence[str]) -> str:
        act(_switch(take(words, 1)[0]))
        return "ok"

    return Verb(f"{name} on|off", f"{meaning}, or no more", obey, {"on|off": _switch})


def _switch(word: str) -> bool:
    if word not in {"on", "off"}:
        raise ValueError(f"{word!r}: say on or off")
    return word == "on"


def _offset(word: str) -> timedelta:
    seconds = as_number(word)
    if not abs(seconds) <= MOST_OFFSET_SECONDS:
        raise ValueError(f"{word} s: give {-MOST_OFFSET_SECONDS} to {MOST_OFFSET_SECONDS}")
    return timedelta(seconds=seconds)
