"""SOAP to one camera, with a bound on each answer: requests by zeep from the descriptions that onvif-zeep-async brings.

Loading this module loads both, which takes 40 MB and a second: only `toolkit.py` does, in a thread, for the first camera.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import aiohttp
import onvif.client
from lxml import etree  # type: ignore[import-untyped] # has no types
from onvif.client import UsernameDigestTokenDtDiff, ZeepAsyncClient
from onvif.transport import ASYNC_TRANSPORT
from onvif.wsa import WsAddressingIfMissingPlugin
from yarl import URL
from zeep.settings import Settings
from zeep.wsdl import Document

from drivers.onvif.answers import MOST_ANSWER_BYTES, Answer, Garbled, HungUp, LoginRefused, read_answer
from drivers.onvif.digest import Digest, is_stale
from drivers.onvif.toolkit import Parameter, Reference, Scheme, Service
from gateway.errors import DeviceUnavailable

_WSDL = Path(onvif.client.__file__).parent / "wsdl"

#: The descriptions are files of the package; answers are read by `markup.py`, because zeep's reader raises a dozen
#: kinds of errors at what real cameras send.
_SETTINGS = Settings(strict=False, raw_response=True, forbid_external=True)

#: By file: parsed once for all cameras. Only the toolkit's one thread writes it.
_documents: dict[str, Document] = {}

#: How long an exchange of this call may take: zeep does not hand it through.
_limit_s: ContextVar[float] = ContextVar("limit_s")

_PLAIN = {"Content-Type": "application/soap+xml; charset=utf-8"}

_ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'


def load(service: Service) -> None:
    """Parse a service's description, unless it was before. Blocks for a tenth of a second."""
    if service.wsdl not in _documents:
        _documents[service.wsdl] = Document(
            str(_WSDL / service.wsdl), ASYNC_TRANSPORT, settings=Settings(strict=False)
        )


@dataclass(frozen=True, slots=True)
class Got:
    """One answer over HTTP: `challenges` are its `WWW-Authenticate` headers, `proved` whether a login went with the question."""

    status: int
    data: bytes
    challenges: tuple[str, ...]
    proved: bool


class Soap:
    """Requests to one camera over one session of its own.

    `now` is the camera's own time, for the tokens. Each exchange (a question and its answer; with Digest one call may be
    two) has the limit of time that the caller gives, so that a slow camera is not lost over its own questions.
    All methods raise HungUp, DeviceUnavailable, and Garbled for an answer that is no HTTP or too long.
    """

    def __init__(self, username: str, password: str, now: Callable[[], datetime]) -> None:
        #: Logins that the camera has refused since somebody set this to 0: what it counts before it locks an account.
        self.failures = 0
        self._was_refused = False
        self._token = _Token(username, password, now)
        self._digest = Digest(username, password)
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
        limit_s: float,
        references: Sequence[Reference] = (),
    ) -> Answer:
        """One operation; `references` are echoed as headers. Raises what `read_answer` raises, too."""
        proxy = self._client(service, scheme).create_service(service.binding, address)
        headers = {"_soapheaders": [_element(one) for one in references]} if references else {}
        _limit_s.set(limit_s)
        got: Got = await getattr(proxy, operation)(**parameters, **headers)
        return self._read(operation, got)

    async def call_plain(
        self, address: str, operation: str, body: str, *, scheme: Scheme, limit_s: float
    ) -> Answer:
        """An operation whose description the library lacks, from its body's XML. Raises as `call` does."""
        envelope = etree.fromstring(_ENVELOPE.format(body))
        if scheme == "wss":
            envelope, _ = self._token.apply(envelope, {})
        got = await self.post(address, etree.tostring(envelope), _PLAIN, scheme=scheme, limit_s=limit_s)
        return self._read(operation, got)

    async def post(
        self, address: str, message: bytes, headers: Mapping[str, str], *, scheme: Scheme, limit_s: float
    ) -> Got:
        """Send and read, `MOST_ANSWER_BYTES` at most."""
        got = await self._send(
            _Question("POST", URL(address), message, dict(headers)),
            digest=scheme == "digest",
            most=MOST_ANSWER_BYTES,
            limit_s=limit_s,
        )
        return replace(got, proved=got.proved or scheme == "wss")

    async def get(self, address: str, most: int, *, scheme: Scheme, limit_s: float, basic: bool) -> Got:
        """Fetch a picture of so many bytes at most; `basic` tells the password with the question, for those that want that."""
        headers = {}
        if basic:
            login = f"{self._token.username}:{self._token.password}".encode()
            headers["Authorization"] = f"Basic {b64encode(login).decode()}"  # RFC 7617
        question = _Question("GET", URL(address), None, headers)
        got = await self._send(question, digest=bool(scheme) and not basic, most=most, limit_s=limit_s)
        got = replace(got, proved=got.proved or basic)
        self.failures += got.proved and got.status == 401
        return got

    def _read(self, operation: str, got: Got) -> Answer:
        try:
            return read_answer(operation, got.status, got.data)
        except LoginRefused:
            self.failures += got.proved
            raise

    async def _send(self, question: "_Question", *, digest: bool, most: int, limit_s: float) -> Got:
        """With Digest: by the last challenge, and once more if that was too old.

        After a refusal a new challenge is asked for first, so that the next question fails once at most: failures are few.
        """
        if not digest:
            return await self._exchange(question, None, most, limit_s)
        origin, target = str(question.url.origin()), question.url.raw_path_qs
        is_careful = self._was_refused
        proof = None if is_careful else self._digest.proof(origin, question.method, target)
        got = await self._exchange(question, proof, most, limit_s)
        if got.status == 401 and self._digest.learn(origin, got.challenges):
            self.failures += proof is not None and not is_stale(got.challenges)
            proof = self._digest.proof(origin, question.method, target)
            got = await self._exchange(question, proof, most, limit_s)
        if got.proved and got.status == 401:
            self._was_refused = True
        elif got.proved and is_careful:  # else it may have been judged before the refusal
            self._was_refused = False
        return got

    async def _exchange(self, question: "_Question", proof: str | None, most: int, limit_s: float) -> Got:
        headers = question.headers | ({} if proof is None else {"Authorization": proof})
        where = f"{question.url.host}:{question.url.port}"
        try:
            async with (
                asyncio.timeout(limit_s),
                self._session.request(
                    question.method,
                    question.url,
                    data=question.data,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                asked = tuple(response.headers.getall("WWW-Authenticate", ()))
                return Got(response.status, await _bounded(response, most), asked, proof is not None)
        except TimeoutError:
            raise DeviceUnavailable(f"{where} does not answer in {limit_s:g} s") from None
        except aiohttp.ClientResponseError as error:
            raise Garbled(f"{where} answers in no HTTP", error.message.encode()[:1024]) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, ConnectionResetError) as error:
            raise HungUp(f"{where} hung up without an answer") from error
        except aiohttp.ClientConnectorError as error:
            raise DeviceUnavailable(f"can't reach {where}: {error.os_error.strerror or error}") from error
        except aiohttp.ClientOSError as error:
            raise HungUp(f"{where} hung up: {error}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeviceUnavailable(f"{where}: {error!r}") from error

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


@dataclass(frozen=True, slots=True)
class _Question:
    """One request, without what proves the password."""

    method: str
    url: URL
    data: bytes | None
    headers: dict[str, str]


class _Transport:
    """What zeep sends with: it gets back what came, unread."""

    def __init__(self, soap: Soap, scheme: Scheme) -> None:
        self._soap = soap
        self._scheme = scheme

    async def post_xml(self, address: str, envelope: etree._Element, headers: Mapping[str, str]) -> Got:
        """One request."""
        message = etree.tostring(envelope)
        return await self._soap.post(address, message, headers, scheme=self._scheme, limit_s=_limit_s.get())


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
    try:
        name = etree.QName(reference.namespace or None, reference.name)
        element = etree.Element(name, reference.attributes)
        element.text = reference.text
    except ValueError as error:
        words = f"a reference parameter of its subscription can't be echoed: {error}"
        raise Garbled(words, reference.name.encode()[:1024]) from error
    return element
