"""One camera over ONVIF: logs in, knows its clock and its services, asks with a limit of time on everything."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Self, TypeVar

from drivers.onvif.account import Account, Need
from drivers.onvif.addresses import port_of, rewritten
from drivers.onvif.answers import (
    Answer,
    Fault,
    Garbled,
    LoginRefused,
    NoService,
    capabilities_of,
    identity_of,
    services_of,
)
from drivers.onvif.memory import Memory
from drivers.onvif.pictures import Pictures
from drivers.onvif.settings import BusKeys
from drivers.onvif.skew import Skew, skew_of
from drivers.onvif.toolkit import DEVICE, Parameter, Reference, Scheme, Service, new_soap, prepare
from gateway.clock import Clock
from gateway.errors import DeviceRefused

#: A camera's clock that has moved by more since it was read explains a refused login, in seconds.
CLOCK_MOVED_S = 1.0

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
        self.on_garbage = on_garbage
        self._password = password
        self._clock = clock
        self._account = Account(keys, password, clock, memory)
        self._services: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Load what is needed for the first camera."""
        self._soap = await new_soap(
            self.keys.username, self._password, lambda: self.skew.theirs(self._clock.now())
        )
        self.pictures = Pictures(self.keys, self._soap, self._account, self._told)
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

        A refused login is tried once more after a minute, with one failure at most, and then not for some minutes:
        cameras lock accounts.
        """
        keys = self.keys
        if not keys.username:
            return identity_of(await self.ask(DEVICE, "GetDeviceInformation"))
        account = self._account
        if (words := account.refusal()) is not None:
            raise DeviceRefused(
                f"{words}; not tried again for some minutes, because cameras lock an account: write another password "
                "into the file, or restart the gateway, and it is tried at once"
            )
        refusals: list[str] = []
        for scheme in account.schemes():
            try:
                answer = await self._ask(DEVICE, self._device, "GetDeviceInformation", scheme=scheme)
            except LoginRefused as refused:
                failures = self._account.count(self._soap)
                if refused.about_time:
                    clock = self._about_time(refused)
                    account.give_up(str(clock))
                    raise clock from refused
                refusals.append(f"{_SCHEME_NAMES[scheme]}: {refused.reason}")
                if failures and not account.may_try_another():
                    break  # a camera without Digest asks for none, and has counted nothing
            else:
                account.scheme = scheme
                account.accept(scheme)
                return identity_of(answer)
        words = f"{keys.host} refuses user {keys.username!r} or its password ({'; '.join(refusals)})"
        if not self.skew.known:
            words += ", or it minds the time that we give: it does not tell its own"
        account.give_up(words)
        raise DeviceRefused(f"{words}; some cameras have users of their own for ONVIF")

    async def find_services(self) -> None:
        """Where its services are, at the configured host and port (Core, GetServices; GetCapabilities in older ones)."""
        try:
            told = services_of(await self.ask(DEVICE, "GetServices", {"IncludeCapability": False}))
        except (Fault, Garbled, NoService):
            told = {}
        if not told:
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
        need: Need = Need.WISH,
    ) -> Answer:
        """One operation, logged in; the camera may take `wait_s` more than other answers.

        Where its clock was set meanwhile, so that a token's time is refused, that is seen and mended. After a refused
        login only what there is enough `need` of is asked, until that shows that our login is still good.
        """
        where = address or self.address_of(service.namespace)

        async def once() -> Answer:
            return await self._ask(
                service,
                where,
                operation,
                parameters,
                scheme=self._account.scheme,
                references=references,
                wait_s=wait_s,
            )

        return await self._with_right_time(once, need)

    async def ask_plain(self, namespace: str, operation: str, inner: str = "") -> Answer:
        """One operation that the library does not know, with its parameters as XML."""
        body = f'<{operation} xmlns="{namespace}">{inner}</{operation}>'
        where = self.address_of(namespace)

        async def once() -> Answer:
            limit_s = self.keys.call_timeout_s
            scheme = self._account.scheme
            call = self._soap.call_plain(where, operation, body, scheme=scheme, limit_s=limit_s)
            return await self._told(operation, call)

        return await self._with_right_time(once)

    # How it is asked.

    @property
    def _device(self) -> str:
        return rewritten(f"http://camera{self.keys.path}", self.keys.host, self.keys.port)

    async def _with_right_time(self, once: Callable[[], Awaitable[Answer]], need: Need = Need.WISH) -> Answer:
        self._account.keep_off(need)
        failed = self._account.failed
        try:
            answer = await once()
        except LoginRefused as refused:
            self._account.count(self._soap)
            if self._account.scheme != "wss" or not await self._clock_has_moved():
                raise self._refused(refused) from refused
            self._account.keep_off(min(need, Need.ACT))
            try:
                answer = await once()
            except LoginRefused as again:
                self._account.count(self._soap)
                raise self._refused(again) from again
        if self._account.scheme and failed == self._account.failed:  # else it may have been judged before
            self._soap.failures = 0
            self._account.accept()
        return answer

    async def _clock_has_moved(self) -> bool:
        before = self.skew
        await self.read_clock()
        return self.skew.known and abs(self.skew.seconds - before.seconds) > CLOCK_MOVED_S

    def _refused(self, refused: LoginRefused) -> DeviceRefused:
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
            service,
            address,
            operation,
            parameters or {},
            scheme=scheme,
            limit_s=self.keys.call_timeout_s + wait_s,
            references=references,
        )
        return await self._told(operation, call)

    async def _told(self, what: str, call: Awaitable[T]) -> T:
        """Its errors name what was asked; garbage is counted."""
        try:
            return await call
        except Garbled as garbled:
            self.on_garbage(garbled.data, f"{what}: {garbled}")
            raise
        finally:
            self.asked_at = self._clock.monotonic()
