"""Asks a camera once for all that a technician wants to know, and the network where it is if it does not answer."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import cast

from drivers.onvif.answers import Fault, LoginRefused
from drivers.onvif.camera import Camera
from drivers.onvif.codec import Notification, happening, is_of_no_matter
from drivers.onvif.discovery import Found, discover
from drivers.onvif.markup import Element
from drivers.onvif.media import find_streams
from drivers.onvif.memory import Memory
from drivers.onvif.pullpoint import PullPoint
from drivers.onvif.settings import OnvifPoint, OutputKeys, SiteConnection
from drivers.onvif.toolkit import DEVICE, DEVICE_IO, EVENTS
from gateway.clock import Clock
from gateway.driver import Finding
from gateway.errors import DeviceRefused, DeviceUnavailable, SiteFileError

#: How long one answer is waited for at most, in seconds: all two dozen together stay within `PROBE_LIMIT_S`.
ASK_LIMIT_S = 3.0

#: How long the network is listened to, in seconds.
SEARCH_S = 3.0

#: How long the camera may take to tell the state of its inputs, in seconds.
STATES_S = 3.0


async def probe(connection: SiteConnection, clock: Clock) -> AsyncIterator[Finding]:
    """What `campus-gateway probe` says of a camera, as it is found. Raises nothing.

    A wrong password is tried once with each scheme.
    """
    name = connection.id
    try:
        password = await asyncio.to_thread(connection.secret, connection.settings.password_file)
        limit_s = min(connection.settings.call_timeout_s, ASK_LIMIT_S)
        keys = connection.settings.model_copy(update={"call_timeout_s": limit_s})
        async with Camera(keys, password, clock, Memory(), lambda _, __: None) as camera:
            begun = clock.monotonic()
            await camera.read_clock()
            identity = await camera.log_in()
            yield Finding(
                subject=name,
                ok=True,
                text="answers: "
                + (", ".join(f"{key} {value}" for key, value in identity.items()) or "tells no name"),
                took_s=clock.monotonic() - begun,
            )
            yield _clock(name, camera)
            await camera.find_services()
            yield await _pictures(name, camera)
            for finding in await _inputs(connection, camera):
                yield finding
            for finding in await _events(connection, camera, clock):
                yield finding
    except DeviceUnavailable as error:
        yield Finding(subject=name, ok=False, text=str(error))
        yield await _search(name)
    except (DeviceRefused, SiteFileError) as error:
        yield Finding(subject=name, ok=False, text=str(error))


def _clock(name: str, camera: Camera) -> Finding:
    limit_s = camera.keys.clock_limit_s
    if not camera.skew.known:
        return Finding(subject=name, ok=False, text="does not tell its time without a login")
    wrong = camera.skew.is_wrong(limit_s)
    return Finding(
        subject=name, ok=not wrong, text=camera.skew.words(limit_s) if wrong else "its clock is right"
    )


async def _pictures(name: str, camera: Camera) -> Finding:
    try:
        streams = await find_streams(camera)
    except (DeviceUnavailable, DeviceRefused) as error:
        return Finding(subject=name, ok=False, text=f"tells no stream: {error}")
    sub = streams.sub or "none"
    return Finding(
        subject=name,
        ok=True,
        text=f"main stream {streams.main}, sub {sub}, picture {streams.snapshot or 'none'}",
    )


async def _inputs(connection: SiteConnection, camera: Camera) -> list[Finding]:
    """Inputs and relays by their tokens, and which of them the site file has."""
    (device,) = connection.devices
    inputs = {point.settings.input for point in device.points if point.settings.input}
    relays = {cast("OutputKeys", output.settings).relay for output in device.outputs}
    has_io = camera.offers(DEVICE_IO.namespace)
    there = await _told(camera, "GetDigitalInputs", "DigitalInputs") if has_io else None
    outputs = await _told(camera, "GetRelayOutputs", "RelayOutputs", plain=not has_io)
    return [
        *_compared(device.id, "input", there, inputs),
        *_compared(device.id, "relay", outputs, relays),
        *_monostable(device.id, outputs or {}, relays),
    ]


def _monostable(device: str, outputs: dict[str, Element], named: set[str]) -> Iterable[Finding]:
    """A sounder at such a relay falls silent by itself."""
    for token in sorted(named & outputs.keys()):
        if outputs[token].text_of("Mode").lower() == "monostable":
            delay = outputs[token].text_of("DelayTime")[:20] or "a while"
            words = f"relay {token} falls back by itself after {delay}: set it to bistable in the camera"
            yield Finding(subject=device, ok=False, text=words)


async def _told(
    camera: Camera, operation: str, name: str, *, plain: bool = False
) -> dict[str, Element] | None:
    """Its inputs or relays by their tokens; None where it does not tell."""
    try:
        answer = await camera.ask(DEVICE if plain else DEVICE_IO, operation)
    except LoginRefused:
        raise
    except (Fault, DeviceUnavailable):
        return None
    return {one.attributes["token"]: one for one in answer.body.all(name) if "token" in one.attributes}


def _compared(device: str, what: str, there: dict[str, Element] | None, named: set[str]) -> Iterable[Finding]:
    if there is None:
        if named:
            yield Finding(
                subject=device,
                ok=False,
                text=f"does not tell its {what}s; {', '.join(sorted(named))} can't be checked",
            )
        return
    if missing := sorted(named - there.keys()):
        has = ", ".join(sorted(there)) or "none"
        yield Finding(subject=device, ok=False, text=f"has no {what} {', '.join(missing)}; it has {has}")
    if known := sorted(named & there.keys()):
        yield Finding(subject=device, ok=True, text=f"{what}s of the site file: {', '.join(known)}")
    if others := sorted(there.keys() - named):
        yield Finding(
            subject=device, ok=True, text=f"{what}s that the site file does not name: {', '.join(others)}"
        )


async def _events(connection: SiteConnection, camera: Camera, clock: Clock) -> list[Finding]:
    """What it tells of its present state, through a pull point that is let go again."""
    name = connection.devices[0].id
    if not camera.offers(EVENTS.namespace):
        return [Finding(subject=name, ok=not connection.devices[0].points, text="has no events")]
    try:
        point = await PullPoint.subscribe(camera, clock)
        try:
            can = await point.synchronise()
            told = await point.pull(min(STATES_S, connection.settings.pull_s))
        finally:
            if connection.settings.unsubscribe:
                await point.let_go()
    except (DeviceRefused, DeviceUnavailable) as error:
        return [Finding(subject=name, ok=False, text=f"events: {error}")]
    names = {point.settings.input: point for point in connection.devices[0].points}
    states = ", ".join(dict.fromkeys(_state(one, names) for one in told if not is_of_no_matter(one)))
    states = states or "nothing"
    text = f"tells: {states}" if can else f"can't be asked for its present state; tells: {states}"
    return [Finding(subject=name, ok=can, text=text[:2000])]


def _state(told: Notification, names: Mapping[str | None, OnvifPoint]) -> str:
    """For an input of the site file also what that means there: its polarity is the likeliest mistake."""
    meant = happening(told)
    if meant is None:
        return f"{told.topic_words} (not known)"
    state = "true" if meant.active else "false"
    if meant.input is None:
        return f"{meant.event} {state}"
    point = names.get(meant.input)
    if point is None:
        return f"{meant.input} {state}"
    alarm = "in alarm" if state == point.settings.active else "at rest"
    return f"{meant.input} {state} ({point.id} {alarm})"


async def _search(name: str) -> Finding:
    try:
        found = await discover(SEARCH_S)
    except OSError as error:
        return Finding(subject=name, ok=False, text=f"the network can't be searched: {error}")
    if not found:
        return Finding(
            subject=name, ok=False, text="no camera in this network answers a search: check cable and power"
        )
    return Finding(
        subject=name, ok=False, text=f"cameras in this network: {'; '.join(map(_found, found))}"[:2000]
    )


def _found(one: Found) -> str:
    return f"{' '.join(one.addresses)} {one.words}".strip()
