"""Whose a frame is, and whether it may be: the site file's accounts, with their keys."""

import secrets
import string
from dataclasses import dataclass
from datetime import datetime

from drivers.dc09.codec import (
    Content,
    Frame,
    Unreadable,
    acknowledge,
    parse,
    read_content,
    unseal,
    without_keys,
)
from drivers.dc09.keys import Keyring
from drivers.dc09.settings import Dc09Connection, Dc09Device

#: Letters of a pad: any but those that end it would do.
_PAD = string.ascii_letters + string.digits
_MOST_PAD = 32

#: Tokens of answers: nobody who calls us should send them.
_ANSWERS = frozenset({"ACK", "NAK", "DUH", "RSP"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message of a device of ours. `content` is None where it could not be taken apart.

    `record` is what is kept of it, and compared for repetitions: the body in clear, without pad and keys; so a panel
    that encrypts its repetition anew is still known by it.
    """

    device: Dc09Device
    frame: Frame
    content: Content | None
    record: bytes


@dataclass(frozen=True, slots=True)
class Stranger:
    """A message that is answered by nobody, and why: who it was and what to do.

    `device` is the one it pretends to be, if any.
    """

    why: str
    device: Dc09Device | None = None


class Accounts:
    """The devices of one receiver by account, with their keys."""

    def __init__(self, connection: Dc09Connection, keys: Keyring) -> None:
        self._devices = {device.settings.account: device for device in connection.devices}
        self._keys = keys

    def identify(self, body: bytes, caller: str) -> Call | Stranger:
        """Whose a body is; `caller` is an address for the words. Raises Unreadable where it is no message at all."""
        frame = parse(body)
        if frame.token in _ANSWERS:
            raise Unreadable("it is an answer, not a message")
        account = frame.account.upper()
        device = self._devices.get(account)
        if device is None:
            return Stranger(
                f"account {account or '(none)'} calls from {caller}, the site file does not know it: "
                "add a [[device]], or correct the panel"
            )
        return self._sealed(device, frame, caller) if frame.encrypted else self._clear(device, frame, caller)

    def acknowledge(self, call: Call, now: datetime) -> bytes:
        """The ACK to a message, whole, encrypted like it."""
        pad = "".join(secrets.choice(_PAD) for _ in range(_MOST_PAD)).encode("ascii")
        return acknowledge(call.frame, key=self._keys.key_of(call.device.id), pad=pad, now=now)

    def _sealed(self, device: Dc09Device, frame: Frame, caller: str) -> Call | Stranger:
        who = f"account {device.settings.account} calls from {caller}"
        key = self._keys.key_of(device.id)
        if (trouble := self._keys.troubles.get(device.id)) is not None:
            return Stranger(f"{who} and can't be read: {trouble}", device)
        if key is None:
            return Stranger(
                f"{who} and encrypts, but the site file has no `key_file` for {device.id}: add it", device
            )
        try:
            clear = unseal(key, frame.content)
        except Unreadable:
            return Stranger(
                f"{who}, but its messages can't be read with key_file {device.settings.key_file}: compare the keys",
                device,
            )
        record = without_keys(frame.head + clear)
        return Call(device=device, frame=frame, content=read_content(clear), record=record)

    def _clear(self, device: Dc09Device, frame: Frame, caller: str) -> Call | Stranger:
        if device.settings.encrypts == "required":
            return Stranger(
                f"account {device.settings.account} calls from {caller} in clear, but must encrypt: "
                'give the panel its key, or say encryption = "optional"',
                device,
            )
        content = read_content(frame.content)
        return Call(device=device, frame=frame, content=content, record=without_keys(frame.body))
