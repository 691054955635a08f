"""A guard at the real console: signs in over HTTP, looks at the alarms, silences, acknowledges and closes them."""

import asyncio
import json
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from gateway.errors import GatewayError

_ANSWER_LIMIT_S = 10.0

Json = dict[str, Any]  # Any: what a program outside ours answers; read at once, field by field


class ConsoleRefused(GatewayError):  # noqa: N818 - what happened
    """The console answered with an error; the message has its code and words."""


class Guard:
    """One browser's worth of console. Every method raises OSError where there is no console, and ConsoleRefused."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.address = address
        self.name = name
        self.password = password
        self._csrf = ""
        # No proxy of the environment: the console is on this machine.
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    @property
    def is_signed_in(self) -> bool:
        """Whether there is a session; it outlives the gateway's restart."""
        return bool(self._csrf)

    async def sign_in(self) -> None:
        """Open a session."""
        body = {"name": self.name, "password": self.password}
        self._csrf = str((await self._ask("POST", "session", body))["csrf"])

    async def alarms(self) -> list[Json]:
        """The open alarms, oldest first."""
        return list((await self._ask("GET", "alarms"))["alarms"])

    async def steps_of(self, alarm: str) -> list[Json]:
        """The events of an alarm, as they were journalled."""
        return list((await self._ask("GET", f"alarms/{alarm}"))["events"])

    async def devices(self) -> list[Json]:
        """All devices with their presence."""
        return list((await self._ask("GET", "devices"))["devices"])

    async def is_link_up(self) -> bool:
        """Whether the gateway is connected to its destination."""
        return all(uplink["connected"] for uplink in (await self._ask("GET", "status"))["uplinks"])

    async def acknowledge(self, alarm: str) -> None:
        """It has been seen."""
        await self._ask("POST", f"alarms/{alarm}/acknowledge", {})

    async def silence(self) -> None:
        """No sound any more for what is open now (消音)."""
        await self._ask("POST", "silence", {})

    async def close(self, alarm: str, verdict: str | None = None) -> None:
        """End it, with a verdict if it is critical or high."""
        await self._ask("POST", f"alarms/{alarm}/close", {"verdict": verdict})

    async def _ask(self, method: str, path: str, body: Json | None = None) -> Json:
        return await asyncio.to_thread(self._ask_now, method, path, body)

    def _ask_now(self, method: str, path: str, body: Json | None) -> Json:
        request = Request(  # noqa: S310 - http, to the gateway that this demo has started
            f"{self.address}/api/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-CSRF-Token": self._csrf},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=_ANSWER_LIMIT_S) as answer:
                found: Json = json.load(answer)
        except HTTPError as error:
            with error:
                raise ConsoleRefused(f"{path}: {error.code} {error.reason} {_words(error)}") from error
        except HTTPException as error:
            raise ConnectionError(f"{path}: broken off: {error}") from error  # killed in mid-answer
        return found


def _words(error: HTTPError) -> str:
    try:
        return error.read().decode(errors="replace")
    except HTTPException:
        return ""
