"""Pure: what a camera says of itself: who it is, and where its services are."""

from drivers.onvif.answers import Answer

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
