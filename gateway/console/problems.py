"""Every error that the console answers with, in one shape: `{"error": {"code", "message"}}` in the guard's language."""

import sqlite3

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gateway.console.words import language_of, message
from gateway.errors import ActRefused, GatewayError, JournalUnwritable, NotFound


class RequestError(GatewayError):
    """A request that is answered with an error: its status, the code of its words, and facts to put in them."""

    def __init__(self, status: int, code: str, *, retry_after_s: int | None = None, **facts: object) -> None:
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.facts = facts
        super().__init__(message(code, "en", facts))


def answer(error: RequestError, accept_language: str | None, fallback: str = "") -> JSONResponse:
    """The response that tells of an error; `fallback` are the words where the catalogue has none."""
    language = language_of(accept_language)
    headers: dict[str, str] = {"Content-Language": language}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    words = message(error.code, language, error.facts, fallback)
    return JSONResponse(
        {"error": {"code": error.code, "message": words}}, status_code=error.status, headers=headers
    )


def install(app: FastAPI) -> None:
    """Answer every error of the application in the one shape; one that is not ours is also logged by the server."""
    for kind in (
        RequestError,
        ActRefused,
        NotFound,
        JournalUnwritable,
        sqlite3.Error,
        RequestValidationError,
        HTTPException,
        Exception,
    ):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return answer(_as_request_error(error), request.headers.get("accept-language"), fallback=str(error))


def _as_request_error(error: Exception) -> RequestError:
    match error:
        case RequestError():
            known = error
        case ActRefused():
            known = RequestError(409, error.code)
        case NotFound():
            known = RequestError(404, "not-found", detail=str(error))
        case JournalUnwritable() | sqlite3.Error():
            known = RequestError(503, "journal-unavailable", retry_after_s=5)
        case RequestValidationError():
            known = RequestError(422, "bad-request", detail=_where_and_what(error))
        case HTTPException(status_code=404):
            known = RequestError(404, "no-such-page")
        case HTTPException(status_code=405):
            known = RequestError(405, "wrong-method")
        case HTTPException(status_code=400):  # FastAPI's answer to JSON that is nested beyond reason
            known = RequestError(422, "bad-request", detail=str(error.detail))
        case HTTPException():
            known = RequestError(error.status_code, "bad-request", detail=str(error.detail))
        case _:
            known = RequestError(500, "internal")
    return known


def _where_and_what(error: RequestValidationError) -> str:
    """Which fields are wrong and how; never what was sent, for that may be a password."""
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:5]
    )
