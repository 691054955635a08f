"""SOAP 1.2 envelopes: requests parsed without trust, answers and faults built."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

#: The prefixes that every answer declares.
NAMESPACES: Mapping[str, str] = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://www.w3.org/2005/08/addressing",
    "xs": "http://www.w3.org/2001/XMLSchema",
    "tt": "http://www.onvif.org/ver10/schema",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-rw": "http://docs.oasis-open.org/wsrf/rw-2",
    "ter": "http://www.onvif.org/ver10/error",
    "tns1": "http://www.onvif.org/ver10/topics",
    "tnshik": "http://www.hikvision.com/2011/event/topics",
    "dom0": "http://www.axis.com/2009/event",
}

_DECLARED = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())


class Xml(str):
    """Text that is markup already."""

    __slots__ = ()


class SoapFault(Exception):  # noqa: N818 - what SOAP calls it
    """What is answered instead of a result (SOAP 1.2 part 1 section 5.4; subcodes: ONVIF Core, fault tables).

    `code` is Sender or Receiver, `subcodes` go from the general to the particular, `detail` is markup.
    """

    def __init__(
        self, reason: str, *subcodes: str, code: str = "Sender", status: int = 400, detail: Xml | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.subcodes = subcodes
        self.code = code
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed envelope: the operation's element and the header blocks."""

    body: ET.Element
    headers: tuple[ET.Element, ...] = field(default=())

    @property
    def operation(self) -> str:
        """Its local name."""
        return local(self.body)

    @property
    def namespace(self) -> str:
        """Of the operation."""
        return self.body.tag.partition("}")[0].lstrip("{")

    def text(self, name: str) -> str | None:
        """The text of the first element of that local name within the operation; None if there is none."""
        found = self.find(name)
        return None if found is None else (found.text or "").strip()

    def find(self, name: str) -> ET.Element | None:
        """The first element of that local name within the operation."""
        return next((one for one in self.body.iter() if local(one) == name), None)

    def require(self, name: str) -> str:
        """Its text. Raises SoapFault where it is missing or empty."""
        text = self.text(name)
        if not text:
            raise SoapFault(f"{name} is missing", "ter:InvalidArgVal")
        return text

    def header(self, name: str) -> ET.Element | None:
        """The header block of that local name."""
        return next((one for one in self.headers if local(one) == name), None)


def parse(document: bytes) -> Request:
    """Raises SoapFault for what is no envelope, and for a document type: entities are not for a camera."""
    try:
        root = ET.fromstring(document, parser=ET.XMLParser(target=_Undeclared()))  # noqa: S314 - refuses a DTD
    except (ET.ParseError, LookupError, ValueError) as error:
        raise SoapFault(f"not well-formed: {error}", "ter:WellFormed") from error
    if root.tag != f"{{{NAMESPACES['s']}}}Envelope":
        raise SoapFault("not a SOAP 1.2 envelope", code="VersionMismatch")
    parts = {local(part): part for part in root}
    bodies = list(parts.get("Body", ()))
    if not bodies:
        raise SoapFault("the body is empty", "ter:WellFormed")
    return Request(bodies[0], tuple(parts.get("Header", ())))


def local(element: ET.Element) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def tag(name: str, *content: str, attributes: Mapping[str, str] | None = None) -> Xml:
    """An element with its prefix; plain text is escaped, Xml is not."""
    inner = "".join(one if isinstance(one, Xml) else escape(one) for one in content)
    given = "".join(f" {key}={quoteattr(value)}" for key, value in (attributes or {}).items())
    return Xml(f"<{name}{given}>{inner}</{name}>")


def together(*elements: Xml) -> Xml:
    """One after the other."""
    return Xml("".join(elements))


def envelope(body: Xml, header: Xml | None = None) -> bytes:
    """The document of an answer."""
    head = "" if header is None else f"<s:Header>{header}</s:Header>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope{_DECLARED}>{head}<s:Body>{body}</s:Body></s:Envelope>'.encode()


def fault(error: SoapFault) -> Xml:
    """The body that says what was wrong."""
    subcode = Xml("")
    for name in reversed(error.subcodes):
        subcode = tag("s:Subcode", tag("s:Value", name), subcode)
    return tag(
        "s:Fault",
        tag("s:Code", tag("s:Value", f"s:{error.code}"), subcode),
        tag("s:Reason", tag("s:Text", error.reason, attributes={"xml:lang": "en"})),
        *(() if error.detail is None else (tag("s:Detail", error.detail),)),
    )


def boolean(value: bool) -> str:  # noqa: FBT001 - it is what is written
    """As xs:boolean is written."""
    return "true" if value else "false"


def utc(moment: datetime) -> str:
    """As xs:dateTime in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Undeclared(ET.TreeBuilder):
    """Builds the tree, and refuses a document type before anything of it is read."""

    def doctype(self, name: str, _pubid: str | None, _system: str | None) -> None:
        """Raise ValueError."""
        raise ValueError(f"a document type ({name}) is refused")
