"""Puts finished clips where the site says, by HTTPS: one at a time, whole, again until they are taken."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import aiohttp

from gateway.clock import Clock
from gateway.errors import GatewayError, SiteFileError
from gateway.evidence.needs import LibraryReady, Tries
from gateway.evidence.stats import EvidenceStats
from gateway.model import GATEWAY, Kind
from gateway.policy.backoff import Backoff
from gateway.site import Site
from gateway.site.footage import UploadSettings
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.files import FileThread
from gateway.store.library import Library

logger = logging.getLogger(__name__)

#: What the fault is about that tells of a place that refuses clips.
UPLOAD_SUBJECT = "evidence-upload"

#: A clip that was refused is tried again after so long.
REFUSED_S = 3600.0
_RETRY = Backoff(first_s=1.0, longest_s=600.0)
_IDLE_S = 30.0
_PAGE = 50
_CHUNK = 256 * 1024
#: Answers that say "later", not "no" (RFC 9110 15.5.9, RFC 6585 4).
_LATER = frozenset({408, 425, 429})
_CONTENT_TYPES = {".mp4": "video/mp4", ".json": "application/json"}


class UploadRefused(GatewayError):  # noqa: N818 - named like DeviceRefused
    """The place answers and says no: a person must look."""


class UploadFailed(GatewayError):  # noqa: N818 - named like LinkDown
    """It did not get through: try again."""


class FaultJournal(Protocol):
    """The part of the journal that takes an alarm of our own."""

    async def raise_own(self, kind: Kind, subject: str = GATEWAY, detail: str = "") -> None:
        """Raise an alarm of the gateway's own; nothing happens while it is active."""
        ...

    async def return_own(self, kind: Kind, subject: str = GATEWAY) -> None:
        """Its cause is gone."""
        ...


class Upload:
    """One for a place."""

    def __init__(
        self,
        settings: UploadSettings,
        site: Site,
        *,
        journal: FaultJournal,
        library: LibraryReady,
        files: FileThread,
        clock: Clock,
        stats: EvidenceStats,
    ) -> None:
        self._settings = settings
        self._site = site
        self._journal = journal
        self._library = library
        self._files = files
        self._clock = clock
        self._stats = stats
        self._refused = Tries(clock, Backoff(first_s=REFUSED_S, longest_s=REFUSED_S))
        self._held: set[str] = set()
        self._failed: dict[str, int] = {}  # how often each did not get through
        self._failures = 0

    def address(self, row: EvidenceRow) -> str:
        """Where a clip is put."""
        return _address(self._settings, self._site, row)

    async def round(self) -> float:
        """The oldest clip that has still to be put, and its manifest; in how many seconds the next."""
        library = await self._library()
        rows = await library.clips_to_upload(_PAGE + len(self._held) + len(self._failed))
        gone = self._held - {row.id for row in rows}
        self._held -= gone
        self._failed = {row.id: self._failed[row.id] for row in rows if row.id in self._failed}
        if not self._held and (gone or not rows):  # else the clips that are due show whether they are taken
            await self._say_clear()
        due = [row for row in rows if not self._refused.wait_of(row.id)]
        if not due:
            return _IDLE_S
        row = min(due, key=lambda row: self._failed.get(row.id, 0))  # one that fails always holds up no other
        try:
            await self._put_both(row)
        except UploadRefused as error:
            await self._say_refused(row, str(error))
            return 1.0
        except (UploadFailed, OSError) as error:
            self._failures += 1
            self._failed[row.id] = self._failed.get(row.id, 0) + 1
            if self._failures == 1:
                logger.warning("clip %s is not uploaded yet: %s", row.id, error)
            return _RETRY.ceiling(self._failures)  # new evidence wakes us before that
        await self._say_uploaded(library, row)
        return 0.0

    async def _say_refused(self, row: EvidenceRow, why: str) -> None:
        self._failures = 0
        self._refused.failed(row.id)
        self._held.add(row.id)
        if not self._stats.refused:
            logger.warning("clip %s is refused: %s", row.id, why)
        self._stats.refused = why
        await self._journal.raise_own(Kind.FAULT, UPLOAD_SUBJECT, why[:500])

    async def _say_uploaded(self, library: Library, row: EvidenceRow) -> None:
        if self._failures:
            logger.info("clips are uploaded again")
        self._failures = 0
        self._refused.over(row.id)
        self._held.discard(row.id)
        await library.evidence_uploaded(row, self._clock.now())
        self._stats.uploaded += 1
        if not self._held:
            await self._say_clear()

    async def _say_clear(self) -> None:
        self._stats.refused = ""
        await self._journal.return_own(Kind.FAULT, UPLOAD_SUBJECT)

    # ---- the wire

    async def _put_both(self, row: EvidenceRow) -> None:
        """The clip, then its manifest: who finds a manifest finds its clip. Raises UploadRefused, UploadFailed, OSError."""
        try:
            context, token = await self._files.do(self._credentials)
        except TimeoutError as error:
            raise UploadFailed("the disk does not give the credentials of [evidence.upload]") from error
        except (SiteFileError, ValueError, OSError) as error:  # ssl.SSLError is one
            raise UploadRefused(f"the credentials of [evidence.upload] can't be used: {error}") from error
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        limit = self._settings.timeout_s
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, force_close=True),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limit, sock_read=limit),
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            clip = self.address(row)
            await self._put(session, clip, row.path)
            await self._put(session, clip.removesuffix(".mp4") + ".json", row.manifest)

    def _credentials(self) -> tuple[ssl.SSLContext, str]:
        settings = self._settings
        authority = settings.ca_file
        context = ssl.create_default_context(
            cafile=None if authority is None else str(self._site.path.parent / authority)
        )
        return context, self._site.secret(settings.token_file)

    async def _put(self, session: aiohttp.ClientSession, url: str, path: Path) -> None:
        size = (await self._files.do(path.stat)).st_size
        headers = {"Content-Type": _CONTENT_TYPES[path.suffix], "Content-Length": str(size)}
        seconds = self._settings.timeout_s
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds) as limit:
                given = 0

                def alive(count: int) -> None:
                    nonlocal given
                    given += count
                    limit.reschedule(loop.time() + seconds)

                body = self._chunks(path, alive)
                async with session.put(url, data=body, headers=headers, allow_redirects=False) as response:
                    _judge(response.status, response.reason or "", url)
                    if given < size:  # it can't have what it was not given
                        raise UploadFailed(f"{url}: {response.status} before all was sent")
        except aiohttp.ClientConnectorCertificateError as error:
            raise UploadRefused(f"{url}: the server's certificate is not believed: {error}") from error
        except TimeoutError as error:
            raise UploadFailed(f"{url}: nothing went on for {seconds:g} s") from error
        except aiohttp.ClientError as error:
            raise UploadFailed(f"{url}: {error}") from error

    async def _chunks(self, path: Path, alive: Callable[[int], None]) -> AsyncIterator[bytes]:
        """The file's bytes; whoever takes one chunk after the other is alive."""
        at = 0
        while chunk := await self._files.do(_chunk_of, path, at):
            yield chunk
            at += len(chunk)
            alive(len(chunk))


def _chunk_of(path: Path, at: int) -> bytes:
    # Opened for each: an upload that is given up while a file is being opened would leave it open.
    with path.open("rb") as file:
        file.seek(at)
        return file.read(_CHUNK)


def nowhere(journal: FaultJournal) -> Callable[[], Awaitable[float]]:
    """The round where the site names no place: a fault that an earlier site file left returns."""

    async def round_() -> float:
        await journal.return_own(Kind.FAULT, UPLOAD_SUBJECT)
        return REFUSED_S

    return round_


def address_of(site: Site) -> Callable[[EvidenceRow], str | None]:
    """Where each piece of evidence is put; snapshots are not, and nothing is where the site names no place."""
    settings = site.evidence.upload

    def address(row: EvidenceRow) -> str | None:
        return None if settings is None or row.path.suffix != ".mp4" else _address(settings, site, row)

    return address


def _address(settings: UploadSettings, site: Site, row: EvidenceRow) -> str:
    return f"{settings.url.rstrip('/')}/{quote(site.site.id, safe='')}/{row.id}.mp4"


def _judge(status: int, reason: str, url: str) -> None:
    if 200 <= status < 300:
        return
    words = f"{url}: {status} {reason}".rstrip()
    if status >= 500 or status in _LATER:
        raise UploadFailed(words)
    raise UploadRefused(words)  # a redirect too: a clip goes where the site file says, and nowhere else
