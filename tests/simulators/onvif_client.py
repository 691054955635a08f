"""An independent ONVIF client for the simulator's tests: zeep with bundled WSDLs, and bare requests for what it can't say."""

import base64
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import onvif
from onvif.client import ONVIFService

WSDL = Path(onvif.__file__).parent / "wsdl"
BINDINGS = {
    "device": ("devicemgmt", "http://www.onvif.org/ver10/device/wsdl", "DeviceBinding"),
    "media": ("media", "http://www.onvif.org/ver10/media/wsdl", "MediaBinding"),
    "deviceio": ("deviceio", "http://www.onvif.org/ver10/deviceIO/wsdl", "DeviceIOBinding"),
    "events": ("events", "http://www.onvif.org/ver10/events/wsdl", "EventBinding"),
    "pullpoint": ("events", "http://www.onvif.org/ver10/events/wsdl", "PullPointSubscriptionBinding"),
    "subscription": ("events", "http://www.onvif.org/ver10/events/wsdl", "SubscriptionManagerBinding"),
    "search": ("search", "http://www.onvif.org/ver10/search/wsdl", "SearchBinding"),
}


@asynccontextmanager
async def service(
    name: str, address: str, username: str = "admin", password: str = "camera"
) -> AsyncIterator[Any]:
    """One service of the library's own client, by WS-UsernameToken."""
    wsdl, namespace, binding = BINDINGS[name]
    client = ONVIFService(
        address,
        username,
        password,
        str(WSDL / f"{wsdl}.wsdl"),
        no_cache=True,
        binding_name=f"{{{namespace}}}{binding}",
    )
    await client.setup()
    try:
        yield client
    finally:
        await client.close()


def envelope(body: str, header: str = "") -> bytes:
    """A request written by hand."""
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:tev="http://www.onvif.org/ver10/events/wsdl"'
        ' xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
        f' xmlns:tt="http://www.onvif.org/ver10/schema"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def token(
    password: str = "camera",
    *,
    created: str | None = None,
    nonce: bytes | None = None,
    username: str = "admin",
) -> str:
    """A WS-UsernameToken with PasswordDigest."""
    made = created or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    once = nonce or secrets.token_bytes(16)
    digest = base64.b64encode(hashlib.sha1(once + made.encode() + password.encode()).digest()).decode()
    base = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
    return (
        f'<w:Security xmlns:w="{base}-wssecurity-secext-1.0.xsd"><w:UsernameToken><w:Username>{username}</w:Username>'
        f'<w:Password Type="{base}-username-token-profile-1.0#PasswordDigest">{digest}</w:Password>'
        f"<w:Nonce>{base64.b64encode(once).decode()}</w:Nonce>"
        f'<u:Created xmlns:u="{base}-wssecurity-utility-1.0.xsd">{made}</u:Created></w:UsernameToken></w:Security>'
    )


async def post(
    session: aiohttp.ClientSession,
    address: str,
    body: str,
    header: str = "",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Status and text of the answer."""
    async with session.post(
        address,
        data=envelope(body, header),
        headers={"Content-Type": "application/soap+xml; charset=utf-8", **(headers or {})},
    ) as response:
        return response.status, await response.text()
