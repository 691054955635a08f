"""Pure: what an answer over HTTP is: SOAP with something in it, a fault, a refused login, or rubbish; and who the camera says it is."""

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


_NAMES = {
    "maker": "Manufacturer",
    "model": "Model",
    "firmware": "FirmwareVersion",
    "serial": "SerialNumber",
}

#: Where GetCapabilities has the address of what in GetServices is a namespace.
_CAPABILITIES = {
    "http://www.onvif.org/ver10/media/wsdl": "Media",
    "http://www.onvif.org/ver10/events/wsdl": "Events",
    "http://www.onvif.org/ver10/deviceIO/wsdl": "DeviceIO",
}

#: Longer names are cut.
_MOST_NAME = 100


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
    """It understood and says no; `reason` in its own words, `detail` what it adds for machines."""

    def __init__(self, operation: str, reason: str, detail: Element | None = None) -> None:
        self.reason = reason
        self.detail = detail
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


def identity_of(answer: Answer) -> dict[str, str]:
    """GetDeviceInformationResponse: maker, model, firmware and serial number, as far as it tells them."""
    found = {key: answer.body.text_of(name)[:_MOST_NAME] for key, name in _NAMES.items()}
    return {key: value for key, value in found.items() if value}


def services_of(answer: Answer) -> dict[str, str]:
    """GetServicesResponse: the addresses of its services by namespace, as it tells them."""
    found = {one.text_of("Namespace"): one.text_of("XAddr") for one in answer.body.all("Service")}
    return {namespace: address for namespace, address in found.items() if address}


def capabilities_of(answer: Answer) -> dict[str, str]:
    """The same from a GetCapabilitiesResponse, of cameras that know nothing newer."""
    found = {namespace: answer.body.text_of(name, "XAddr") for namespace, name in _CAPABILITIES.items()}
    return {namespace: address for namespace, address in found.items() if address}


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
    return Fault(operation, reason, fault.first("Detail") or fault.first("detail"))
