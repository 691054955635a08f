"""Pure: reads XML that a camera sent into a small tree, by local names, with a bound on everything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

#: More than a camera's longest answer (all capabilities, 64 messages) by far.
MOST_ELEMENTS = 20_000
DEEPEST = 64

#: Between namespace and local name, as expat is told to put it: no character of either.
_BETWEEN = "\n"

_UNBOUND_PREFIX = 27  # expat's XML_ERROR_UNBOUND_PREFIX


class NotXml(ValueError):  # noqa: N818 - a judgement on what was sent
    """Those bytes are no XML that we read; says why."""


@dataclass(slots=True, eq=False)
class Element:
    """One element: its local name and namespace, attributes by local name, text, and its children in order.

    `begin` and `end` are where it stands in the document, in bytes.
    """

    name: str
    namespace: str
    attributes: dict[str, str]
    begin: int
    end: int = 0
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def all(self, name: str) -> Iterator["Element"]:
        """Every element of that name below this one, in document order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.all(name)

    def first(self, *path: str) -> "Element | None":
        """The first element at the end of a path of names, each anywhere below the one before."""
        found: Element | None = self
        for name in path:
            found = next(found.all(name), None) if found is not None else None
        return found

    def text_of(self, *path: str) -> str:
        """The text of `first`, without blanks around it; empty if there is none."""
        found = self.first(*path)
        return found.text.strip() if found is not None else ""


def read(data: bytes) -> Element:
    """The root of a document. Raises NotXml, also for a document type: entities are never expanded (SOAP 1.2 part 1, section 5)."""
    try:
        return _Reader(namespaces=True).read(data)
    except expat.ExpatError as error:
        if error.code != _UNBOUND_PREFIX:
            raise NotXml(f"no XML: {error}") from error
    try:  # some firmware forgets to declare a prefix
        return _Reader(namespaces=False).read(data)
    except expat.ExpatError as error:
        raise NotXml(f"no XML: {error}") from error


class _Reader:
    """One pass of expat over one document."""

    def __init__(self, *, namespaces: bool) -> None:
        self._parser = expat.ParserCreate(namespace_separator=_BETWEEN if namespaces else None)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._stop
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._open: list[Element] = []
        self._root: Element | None = None
        self._data = b""
        self._count = 0

    def read(self, data: bytes) -> Element:
        self._data = data
        self._parser.Parse(data, True)  # noqa: FBT003 - expat's own signature
        if self._root is None:
            raise NotXml("no XML: no element in it")
        return self._root

    def _doctype(self, name: str, *_: object) -> None:
        raise NotXml(f"has a document type ({name[:40]}), which no camera has any use for")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST:
            raise NotXml(f"more than {MOST_ELEMENTS} elements, or deeper than {DEEPEST}")
        namespace, _, local = name.rpartition(_BETWEEN)
        element = Element(
            name=_local(local),
            namespace=namespace,
            attributes={_local(key.rpartition(_BETWEEN)[2]): value for key, value in attributes.items()},
            begin=self._parser.CurrentByteIndex,
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _stop(self, _: str) -> None:
        element = self._open.pop()
        element.end = self._data.find(b">", self._parser.CurrentByteIndex) + 1

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text


def _local(name: str) -> str:
    return name.rpartition(":")[2]
