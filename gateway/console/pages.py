"""The console's own files: read once at start, served from memory with an ETag."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter, Request, Response

from gateway.console.problems import RequestError

_TYPES: Final = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
)


@dataclass(frozen=True, slots=True)
class Page:
    """One file as it is served."""

    body: bytes
    media_type: str
    etag: str


class Pages:
    """All files below `static/`."""

    def __init__(self) -> None:
        self._pages = {
            file.name: _page(file.name, file.read_bytes())
            for file in files("gateway.console").joinpath("static").iterdir()
            if file.is_file() and file.name.rpartition(".")[2] in _TYPES
        }

    def serve(self, name: str, known: str | None) -> Response:
        """The file, or 304 where the browser's copy is the same. Raises RequestError 404."""
        page = self._pages.get(name)
        if page is None:
            raise RequestError(404, "no-such-page")
        headers = {"ETag": page.etag, "Cache-Control": "no-cache"}
        if known == page.etag:
            return Response(status_code=304, headers=headers)
        return Response(page.body, media_type=page.media_type, headers=headers)


def page_router(pages: Pages) -> APIRouter:
    """The routes of the page and its files; they need no session, for they say nothing of the site."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return pages.serve("index.html", request.headers.get("if-none-match"))

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def static(name: str, request: Request) -> Response:
        return pages.serve(name, request.headers.get("if-none-match"))

    return router


def _page(name: str, body: bytes) -> Page:
    return Page(body, _TYPES[name.rpartition(".")[2]], f'"{hashlib.sha256(body).hexdigest()[:16]}"')
