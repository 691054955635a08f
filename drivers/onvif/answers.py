"""Pure: what an answer over HTTP is: SOAP with something in it, a fault, a refused login, or rubbish."""

from dataclasses import dataclass

from drivers.onvif.markup import Element, NotXml, read
from gateway.errors import DeviceRefused, DeviceUnavailable

#: No answer of a camera that we ask for is longer; what is, is not read to its end.
MOST_ANSWER_BYTES = 1024 * 1024

_NOT_ALLOWED = frozenset({401, 403})
_NOBODY = frozenset({404, 405, 410, 501})

#: Few cameras send the subcode `NotAuthorized`; the others say it in words.
_LOGIN_WORDS = ("not authorized", "notauthorized", "unauthorized", "authority failure", "wsse authorized")
_TIME_WORDS = ("time check", "timestamp", "expired")


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a SOAP answer, and the bytes it was read from."""

    body: Element
    data: bytes


class HungUp(DeviceUnavailable):
    """The camera closed the connection without an answer."""


class Garbled(DeviceUnavailable):
    """It answers, but not in SOAP; `data` is what it sent, or the beginning of it."""

    def __init__(self, why: str, data: bytes) -> None:
        self.data = data
        super().__init__(why)


class Fault(DeviceRefused):
    """It understood and says no; `reason` in its own words."""

    def __init__(self, operation: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"{operation}: the camera says no: {reason}")


class LoginRefused(DeviceRefused):
    """It does not take who we say we are. `about_time`: it minds the moment we give, and not the password."""

    def __init__(self, operation: str, reason: str) -> None:
        self.reason = reason
        self.about_time = any(word in reason.lower() for word in _TIME_WORDS)
        super().__init__(f"{operation}: the camera refuses the login: {reason}")


class NoService(DeviceRefused):
    """Nobody speaks ONVIF at that address."""


def read_answer(operation: str, status: int, data: bytes) -> Answer:
    """The body. Raises Garbled, Fault, LoginRefused, NoService, DeviceUnavailable."""
    try:
        root = read(data)
    except NotXml as error:
        raise _no_soap(operation, status, data, str(error)) from error
    body = root.first("Body") if root.name == "Envelope" else None
    if body is None:
        raise _no_soap(operation, status, data, f"<{root.name[:40]}> is no SOAP envelope")
    fault = next((child for child in body.children if child.name == "Fault"), None)
    if fault is not None:
        raise _fault(operation, status, fault)
    if status in _NOT_ALLOWED:
        raise LoginRefused(operation, f"HTTP {status}")
    return Answer(body, data)


def _no_soap(operation: str, status: int, data: bytes, why: str) -> DeviceRefused | DeviceUnavailable:
    if status in _NOT_ALLOWED:
        return LoginRefused(operation, f"HTTP {status}")
    if status in _NOBODY:
        return NoService(
            f"{operation}: nobody speaks ONVIF at this address (HTTP {status}): check `port` and `path`"
        )
    if status >= 400 and not data:
        return DeviceUnavailable(f"{operation}: the camera answers HTTP {status}")
    return Garbled(f"{operation}: the answer is {why}", data)


def _fault(operation: str, status: int, fault: Element) -> Fault | LoginRefused:
    codes = [value.text.strip() for name in ("Value", "faultcode") for value in fault.all(name)]
    said = fault.text_of("Text") or fault.text_of("faultstring")
    reason = (said or " ".join(codes) or "without a reason")[:200]
    everything = " ".join([*codes, said, fault.text_of("Detail"), fault.text_of("detail")]).lower()
    if status in _NOT_ALLOWED or any(word in everything for word in _LOGIN_WORDS):
        return LoginRefused(operation, reason)
    return Fault(operation, reason)
