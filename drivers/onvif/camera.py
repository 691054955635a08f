"""One camera over ONVIF: logs in, knows its clock and its services, asks with a limit of time on everything."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Self, TypeVar

import aiohttp

from drivers.onvif.addresses import port_of, rewritten
from drivers.onvif.answers import Answer, Fault, Garbled, HungUp, LoginRefused
from drivers.onvif.described import capabilities_of, identity_of, services_of
from drivers.onvif.memory import FIRST_WAIT_S, WAIT_S, Memory
from drivers.onvif.settings import BusKeys
from drivers.onvif.skew import Skew, skew_of
from drivers.onvif.toolkit import DEVICE, Parameter, Reference, Scheme, Service, new_soap, prepare
from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable

#: A camera's clock that has moved by more since it was read explains a refused login, in seconds.
CLOCK_MOVED_S = 1.0

_SCHEMES: dict[str, tuple[Scheme, ...]] = {"auto": ("digest", "wss"), "digest": ("digest",), "wss": ("wss",)}
_SCHEME_NAMES: dict[Scheme, str] = {"digest": "HTTP Digest", "wss": "WS-UsernameToken"}

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Camera:
    """Close it. `on_garbage` is told of each answer that is no SOAP: its bytes, and why.

    Every method raises DeviceUnavailable and DeviceRefused, of the kinds of `answers.py`.
    """

    def __init__(
        self,
        keys: BusKeys,
        password: str,
        clock: Clock,
        memory: Memory,
        on_garbage: Callable[[bytes, str], None],
    ) -> None:
        self.keys = keys
        self.skew = Skew(known=False)
        self.told_port = keys.port
        self.asked_at = clock.monotonic()
        self._password = password
        self._clock = clock
        self._memory = memory
        self._on_garbage = on_garbage
        self._scheme: Scheme = ""
        self._services: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Load what is needed for the first camera."""
        self._soap = await new_soap(
            self.keys.username, self._password, lambda: self.skew.theirs(self._clock.now())
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of all connections."""
        await self._soap.close()

    # What it is asked first.

    async def read_clock(self) -> Skew:
        """How far its clock is off, asked without a login; unknown where it does not tell (Core, GetSystemDateAndTime)."""
        before = self._clock.now()
        try:
            answer = await self._ask(DEVICE, self._device, "GetSystemDateAndTime", scheme="")
        except (Fault, LoginRefused):
            self.skew = Skew(known=False)
        else:
            self.skew = skew_of(answer.body, before, self._clock.now())
        return self.skew

    async def set_clock(self) -> None:
        """Make its clock ours, in UTC; its time zone stays."""
        now = self._clock.now()
        await self.ask(
            DEVICE,
            "SetSystemDateAndTime",
            {
                "DateTimeType": "Manual",
                "DaylightSavings": False,
                "UTCDateTime": {
                    "Time": {"Hour": now.hour, "Minute": now.minute, "Second": now.second},
                    "Date": {"Year": now.year, "Month": now.month, "Day": now.day},
                },
            },
        )
        await self.read_clock()

    async def log_in(self) -> dict[str, str]:
        """Find the scheme that it takes, with one try of each at most, and return its identity.

        A refused login is not tried again for some minutes: cameras lock accounts.
        """
        keys = self.keys
        if not keys.username:
            return identity_of(await self.ask(DEVICE, "GetDeviceInformation"))
        login = self._login
        if (words := self._memory.refusal(self._clock, login)) is not None:
            raise DeviceRefused(
                f"{words}; not tried again for {FIRST_WAIT_S / 60:g} and then {WAIT_S / 60:g} min, because cameras lock an "
                "account: write another password into the file, or restart the gateway, and it is tried at once"
            )
        refusals: list[str] = []
        for scheme in _SCHEMES[keys.auth]:
            try:
                answer = await self._ask(DEVICE, self._device, "GetDeviceInformation", scheme=scheme)
            except LoginRefused as refused:
                if refused.about_time:
                    clock = self._about_time(refused)
                    self._memory.refuse(self._clock, login, str(clock))
                    raise clock from refused
                refusals.append(f"{_SCHEME_NAMES[scheme]}: {refused.reason}")
            else:
                self._scheme = scheme
                self._memory.accept(login)
                return identity_of(answer)
        words = f"{keys.host} refuses user {keys.username!r} or its password ({'; '.join(refusals)})"
        if not self.skew.known:
            words += ", or it minds the time that we give: it does not tell its own"
        self._memory.refuse(self._clock, login, words)
        raise DeviceRefused(f"{words}; some cameras have users of their own for ONVIF")

    async def find_services(self) -> None:
        """Where its services are, at the configured host and port (Core, GetServices; GetCapabilities in older ones)."""
        try:
            answer = await self.ask(DEVICE, "GetServices", {"IncludeCapability": False})
            told = services_of(answer)
        except Fault:
            told = capabilities_of(await self.ask(DEVICE, "GetCapabilities", {"Category": "All"}))
        for namespace, address in told.items():
            try:
                self._services[namespace] = rewritten(address, self.keys.host, self.keys.port)
                self.told_port = port_of(address)
            except ValueError:
                logger.info("%s: service %s is at no address: %s", self.keys.host, namespace, address[:100])

    # What it is asked then.

    def offers(self, namespace: str) -> bool:
        """Whether it has told an address for that service."""
        return namespace in self._services

    def address_of(self, namespace: str) -> str:
        """Where that service is. Raises DeviceRefused if it has none."""
        if namespace == DEVICE.namespace:
            return self._device
        if namespace not in self._services:
            raise DeviceRefused(f"{self.keys.host} does not have the service {namespace}")
        return self._services[namespace]

    async def ask(
        self,
        service: Service,
        operation: str,
        parameters: dict[str, Parameter] | None = None,
        *,
        address: str | None = None,
        references: Sequence[Reference] = (),
        wait_s: float = 0.0,
    ) -> Answer:
        """One operation, logged in; the camera may take `wait_s` more than other answers.

        Where its clock was set meanwhile, so that a token's time is refused, that is seen and mended.
        """
        where = address or self.address_of(service.namespace)

        async def once() -> Answer:
            return await self._ask(
                service,
                where,
                operation,
                parameters,
                scheme=self._scheme,
                references=references,
                wait_s=wait_s,
            )

        return await self._with_right_time(once)

    async def ask_plain(self, namespace: str, operation: str, inner: str = "") -> Answer:
        """One operation that the library does not know, with its parameters as XML."""
        body = f'<{operation} xmlns="{namespace}">{inner}</{operation}>'
        where = self.address_of(namespace)

        async def once() -> Answer:
            return await self._limited(
                operation, 0.0, self._soap.call_plain(where, operation, body, scheme=self._scheme)
            )

        return await self._with_right_time(once)

    async def fetch(self, address: str, most: int, wait_s: float) -> bytes:
        """A file of the camera, `most` bytes at most, within `wait_s`; with Digest, or Basic where it wants that."""
        status, data, wants = await self._get(address, most, wait_s, basic=False)
        if status == 401 and wants.lower().startswith("basic") and self.keys.username:
            status, data, _ = await self._get(address, most, wait_s, basic=True)
        if status in {401, 403}:
            raise DeviceRefused(
                f"{self.keys.host} refuses its picture to user {self.keys.username!r} (HTTP {status})"
            )
        if status != 200:
            raise DeviceUnavailable(f"{self.keys.host} has no picture: HTTP {status}")
        return data

    # How it is asked.

    @property
    def _login(self) -> tuple[str, ...]:
        return self.keys.host, str(self.keys.port), self.keys.username, self._password

    @property
    def _device(self) -> str:
        return rewritten(f"http://camera{self.keys.path}", self.keys.host, self.keys.port)

    async def _with_right_time(self, once: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await once()
        except LoginRefused as refused:
            if self._scheme != "wss" or not await self._clock_has_moved():
                raise self._refused(refused) from refused
        try:
            return await once()
        except LoginRefused as refused:
            raise self._refused(refused) from refused

    async def _clock_has_moved(self) -> bool:
        before = self.skew
        await self.read_clock()
        return self.skew.known and abs(self.skew.seconds - before.seconds) > CLOCK_MOVED_S

    def _refused(self, refused: LoginRefused) -> DeviceRefused:
        """In mid-session: counted, so that the next attempt is the last for a while."""
        if self._scheme:
            self._memory.strike(self._login)
        return self._about_time(refused) if refused.about_time else refused

    def _about_time(self, refused: LoginRefused) -> DeviceRefused:
        told = self.skew.words(self.keys.clock_limit_s) if self.skew.known else "it does not tell its time"
        return DeviceRefused(
            f"{self.keys.host} minds the time of our login, not the password: {told}: {refused.reason}"
        )

    async def _ask(
        self,
        service: Service,
        address: str,
        operation: str,
        parameters: dict[str, Parameter] | None = None,
        *,
        scheme: Scheme,
        references: Sequence[Reference] = (),
        wait_s: float = 0.0,
    ) -> Answer:
        await prepare(service)
        call = self._soap.call(
            service, address, operation, parameters or {}, scheme=scheme, references=references
        )
        return await self._limited(operation, wait_s, call)

    async def _get(self, address: str, most: int, wait_s: float, *, basic: bool) -> tuple[int, bytes, str]:
        scheme: Scheme = "digest" if self.keys.username else ""
        got = self._soap.get(address, most, scheme=scheme, basic=basic)
        return await self._limited("its picture", wait_s - self.keys.call_timeout_s, got)

    async def _limited(self, what: str, wait_s: float, call: Coroutine[None, None, T]) -> T:
        limit_s = self.keys.call_timeout_s + wait_s
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except TimeoutError:
            raise DeviceUnavailable(f"{what}: {self.keys.host} does not answer in {limit_s:g} s") from None
        except Garbled as garbled:
            self._on_garbage(garbled.data, f"{what}: {garbled}")
            raise
        except aiohttp.ClientResponseError as error:
            self._on_garbage(error.message.encode()[:1024], f"{what}: no HTTP")
            raise Garbled(
                f"{what}: {self.keys.host} answers in no HTTP", error.message.encode()[:1024]
            ) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionResetError) as error:
            raise HungUp(f"{what}: {self.keys.host}:{self.keys.port} hung up without an answer") from error
        except aiohttp.ClientOSError as error:
            if isinstance(error, aiohttp.ClientConnectorError):
                raise DeviceUnavailable(
                    f"can't reach {self.keys.host}:{self.keys.port}: {error.os_error.strerror or error}"
                ) from error
            raise HungUp(f"{what}: {self.keys.host}:{self.keys.port} hung up: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeviceUnavailable(f"{what}: {self.keys.host}:{self.keys.port}: {error!r}") from error
        finally:
            self.asked_at = self._clock.monotonic()
