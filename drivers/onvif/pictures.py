"""The pictures that a camera gives as files: asked for with Digest, or Basic where it wants that, within limits."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from drivers.onvif.account import Account
from drivers.onvif.digest import wants_basic
from drivers.onvif.settings import BusKeys
from drivers.onvif.toolkit import Scheme
from gateway.errors import DeviceRefused, DeviceUnavailable

if TYPE_CHECKING:  # loading it takes 40 MB: toolkit.py does
    from drivers.onvif.soap import Got, Soap

#: The part of a camera that may have a password of its own.
_PART = "pictures"

_WHAT = "its picture"


class Pictures:
    """`told` awaits an answer of the camera and names what was asked in its errors."""

    def __init__(
        self,
        keys: BusKeys,
        soap: "Soap",
        account: Account,
        told: Callable[[str, Awaitable["Got"]], Awaitable["Got"]],
    ) -> None:
        self._keys = keys
        self._soap = soap
        self._account = account
        self._told = told

    async def fetch(self, address: str, most: int, wait_s: float) -> bytes:
        """A file of the camera, `most` bytes at most, within `wait_s`. Raises DeviceUnavailable, DeviceRefused.

        Where its pictures have another password, they are not asked for again for some minutes.
        """
        account = self._account
        account.keep_off()
        if (words := account.refusal(_PART)) is not None:
            raise DeviceRefused(words)
        got = await self._got(address, most, wait_s, basic=False)
        if got.status == 401 and self._keys.username and wants_basic(got.challenges):
            got = await self._got(address, most, wait_s, basic=True)
        host = self._keys.host
        if got.status in {401, 403}:
            account.count(self._soap)
            words = f"{host} refuses its picture to user {self._keys.username!r} (HTTP {got.status})"
            account.give_up(words, _PART)
            raise DeviceRefused(words)
        if got.status != 200:
            raise DeviceUnavailable(f"{host} has no picture: HTTP {got.status}")
        self._soap.failures = 0
        account.accept("digest" if self._keys.username else "", _PART)
        return got.data

    async def _got(self, address: str, most: int, wait_s: float, *, basic: bool) -> "Got":
        scheme: Scheme = "digest" if self._keys.username else ""
        return await self._told(
            _WHAT, self._soap.get(address, most, scheme=scheme, limit_s=wait_s, basic=basic)
        )
