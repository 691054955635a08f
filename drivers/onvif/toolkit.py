"""Loads the SOAP libraries in a thread when the first camera needs them, and keeps their habits from the daemon."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from drivers.onvif.soap import Soap

#: How we tell who we are: HTTP Digest, WS-UsernameToken, or not at all.
Scheme = Literal["", "digest", "wss"]

#: What an operation is given; nested for types that have parts.
Parameter = str | int | bool | timedelta | Mapping[str, "Parameter"]

#: One thread, so that nothing is loaded or parsed twice, and nobody else's work waits behind it.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="onvif-toolkit")


@dataclass(frozen=True, slots=True)
class Service:
    """A web service: its namespace, the file that describes it, and the binding in it."""

    namespace: str
    wsdl: str
    binding: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference parameter of a subscription, which some cameras want back (WS-Addressing 1.0, section 2.2)."""

    namespace: str
    name: str
    text: str
    attributes: dict[str, str]


_EVENTS = "http://www.onvif.org/ver10/events/wsdl"

DEVICE = Service(
    "http://www.onvif.org/ver10/device/wsdl",
    "devicemgmt.wsdl",
    "{http://www.onvif.org/ver10/device/wsdl}DeviceBinding",
)
MEDIA = Service(
    "http://www.onvif.org/ver10/media/wsdl",
    "media.wsdl",
    "{http://www.onvif.org/ver10/media/wsdl}MediaBinding",
)
DEVICE_IO = Service(
    "http://www.onvif.org/ver10/deviceIO/wsdl",
    "deviceio.wsdl",
    "{http://www.onvif.org/ver10/deviceIO/wsdl}DeviceIOBinding",
)
EVENTS = Service(_EVENTS, "events.wsdl", f"{{{_EVENTS}}}EventBinding")
PULL_POINT = Service(_EVENTS, "events.wsdl", f"{{{_EVENTS}}}PullPointSubscriptionBinding")
SUBSCRIPTION = Service(_EVENTS, "events.wsdl", f"{{{_EVENTS}}}SubscriptionManagerBinding")


async def new_soap(username: str, password: str, now: Callable[[], datetime]) -> "Soap":
    """Requests to one camera; the first call in a process loads the libraries."""
    make = await asyncio.get_running_loop().run_in_executor(_thread, _maker)
    return make(username, password, now)


async def prepare(service: Service) -> None:
    """A service's description is parsed when this returns; each is parsed once in a process."""
    await asyncio.get_running_loop().run_in_executor(_thread, _load, service)


def _maker() -> "type[Soap]":
    root = logging.getLogger()
    guard = logging.NullHandler()
    root.addHandler(guard)  # the library calls basicConfig, which does nothing where there is a handler
    try:
        from drivers.onvif.soap import Soap  # noqa: PLC0415 - 40 MB and half a second, for sites with such cameras
    finally:
        root.removeHandler(guard)
    return Soap


def _load(service: Service) -> None:
    from drivers.onvif.soap import load  # noqa: PLC0415 - as above

    load(service)
