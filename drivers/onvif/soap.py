"""SOAP to one camera, with a bound on each answer: requests by zeep from the descriptions that onvif-zeep-async brings.

Loading this module loads both, which takes 40 MB and a second: only `toolkit.py` does, in a thread, for the first camera.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import aiohttp
import onvif.client
from lxml import etree  # type: ignore[import-untyped] # has no types
from onvif.client import UsernameDigestTokenDtDiff, ZeepAsyncClient
from onvif.transport import ASYNC_TRANSPORT
from onvif.wsa import WsAddressingIfMissingPlugin
from zeep.settings import Settings
from zeep.wsdl import Document

from drivers.onvif.answers import MOST_ANSWER_BYTES, Answer, Garbled, read_answer
from drivers.onvif.toolkit import Parameter, Reference, Scheme, Service

_WSDL = Path(onvif.client.__file__).parent / "wsdl"

#: The descriptions are files of the package; answers are read by `markup.py`, because zeep's reader raises a dozen
#: kinds of errors at what real cameras send.
_SETTINGS = Settings(strict=False, raw_response=True, forbid_external=True)

#: By file: parsed once for all cameras. Only the toolkit's one thread writes it.
_documents: dict[str, Document] = {}

_PLAIN = {"Content-Type": "application/soap+xml; charset=utf-8"}

_ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'


def load(service: Service) -> None:
    """Parse a service's description, unless it was before. Blocks for a tenth of a second."""
    if service.wsdl not in _documents:
        _documents[service.wsdl] = Document(
            str(_WSDL / service.wsdl), ASYNC_TRANSPORT, settings=Settings(strict=False)
        )


class Soap:
    """Requests to one camera over one session of its own. The limits of time are the caller's.

    `now` is the camera's own time, for the tokens.
    """

    def __init__(self, username: str, password: str, now: Callable[[], datetime]) -> None:
        self._token = _Token(username, password, now)
        self._digest = aiohttp.DigestAuthMiddleware(username, password)
        # cameras drop idle connections without a word: a new one for each request costs less than that
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=8, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Accept-Encoding": "identity", "User-Agent": "campus-gateway"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._clients: dict[tuple[str, Scheme], ZeepAsyncClient] = {}

    async def close(self) -> None:
        """Let go of the session."""
        await self._session.close()

    async def call(
        self,
        service: Service,
        address: str,
        operation: str,
        parameters: Mapping[str, Parameter],
        *,
        scheme: Scheme,
        references: Sequence[Reference] = (),
    ) -> Answer:
        """One operation; `references` are echoed as headers.

        Raises what `read_answer` raises, and aiohttp.ClientError, OSError.
        """
        proxy = self._client(service, scheme).create_service(service.binding, address)
        headers = {"_soapheaders": [_element(one) for one in references]} if references else {}
        status, data = await getattr(proxy, operation)(**parameters, **headers)
        return read_answer(operation, status, data)

    async def call_plain(self, address: str, operation: str, body: str, *, scheme: Scheme) -> Answer:
        """An operation whose description the library lacks, from its body's XML. Raises as `call` does."""
        envelope = etree.fromstring(_ENVELOPE.format(body))
        if scheme == "wss":
            envelope, _ = self._token.apply(envelope, {})
        status, data = await self.post(address, etree.tostring(envelope), _PLAIN, scheme=scheme)
        return read_answer(operation, status, data)

    async def post(
        self, address: str, message: bytes, headers: Mapping[str, str], *, scheme: Scheme
    ) -> tuple[int, bytes]:
        """Send and read; the answer's status and bytes. Raises Garbled where it does not end."""
        middlewares = (self._digest,) if scheme == "digest" else ()
        async with self._session.post(
            address, data=message, headers=headers, middlewares=middlewares, allow_redirects=False
        ) as response:
            return response.status, await _bounded(response, MOST_ANSWER_BYTES)

    async def get(
        self, address: str, most: int, *, scheme: Scheme, basic: bool = False
    ) -> tuple[int, bytes, str]:
        """Fetch a picture; status, bytes, and how the camera wants to be logged in to. Raises Garbled where it is too long."""
        middlewares = (self._digest,) if scheme == "digest" and not basic else ()
        auth = aiohttp.BasicAuth(self._token.username, self._token.password) if basic else None
        async with self._session.get(
            address, middlewares=middlewares, auth=auth, allow_redirects=False
        ) as response:
            wants = response.headers.get("WWW-Authenticate", "")
            return response.status, await _bounded(response, most), wants

    def _client(self, service: Service, scheme: Scheme) -> ZeepAsyncClient:
        key = (service.wsdl, scheme)
        if key not in self._clients:
            self._clients[key] = ZeepAsyncClient(
                wsdl=_documents[service.wsdl],
                wsse=self._token if scheme == "wss" else None,
                transport=_Transport(self, scheme),
                settings=_SETTINGS,
                plugins=[WsAddressingIfMissingPlugin()],
            )
        return self._clients[key]


class _Transport:
    """What zeep sends with: it gets back what came, unread."""

    def __init__(self, soap: Soap, scheme: Scheme) -> None:
        self._soap = soap
        self._scheme = scheme

    async def post_xml(
        self, address: str, envelope: etree._Element, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """One request."""
        return await self._soap.post(address, etree.tostring(envelope), headers, scheme=self._scheme)


class _Token(UsernameDigestTokenDtDiff):  # type: ignore[misc] # its package has no types
    """WS-UsernameToken, with Created by the camera's clock: `YYYY-MM-DDTHH:MM:SSZ`, which all cameras take."""

    def __init__(self, username: str, password: str, now: Callable[[], datetime]) -> None:
        super().__init__(username, password, use_digest=True)
        self._now = now

    def apply(self, envelope: etree._Element, headers: object) -> tuple[etree._Element, object]:
        """Put a token into an envelope."""
        self.created = self._now().replace(tzinfo=None)
        token: tuple[etree._Element, object] = super().apply(envelope, headers)
        return token


async def _bounded(response: aiohttp.ClientResponse, most: int) -> bytes:
    if (response.content_length or 0) > most:
        raise Garbled(
            f"longer than {most} bytes: {response.content_length}", await response.content.read(1024)
        )
    data = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        data += chunk
        if len(data) > most:
            raise Garbled(f"longer than {most} bytes", bytes(data[:1024]))
    return bytes(data)


def _element(reference: Reference) -> etree._Element:
    element = etree.Element(etree.QName(reference.namespace or None, reference.name), reference.attributes)
    element.text = reference.text
    return element
