"""Reads the site file's text and takes it for what TOML says it is: no bytes, no nesting, no type can surprise us."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gateway.errors import SiteFileError
from gateway.site.models import SiteFile
from gateway.site.words import problems_of

M = TypeVar("M", bound=BaseModel)

MAX_BYTES = 4 * 1024 * 1024

#: tomllib's memory grows with the square of a key's dots.
_MAX_DOTS = 64


def read(path: Path) -> SiteFile:
    """The file, each key checked by itself. Raises SiteFileError."""
    try:
        data = tomllib.loads(_text(path))
    except OSError as error:
        raise SiteFileError(str(path), [f"can't be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is one; numbers without end are too
        raise SiteFileError(str(path), [f"is not valid TOML: {error}"]) from error
    try:
        return validated(SiteFile, data)
    except ValidationError as error:
        raise SiteFileError(str(path), list(problems_of(error, "", SiteFile))) from error


def _text(path: Path) -> str:
    """The file's text, with or without a byte order mark."""
    if not path.is_file():
        raise SiteFileError(str(path), ["is no file" if path.exists() else "does not exist"])
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SiteFileError(str(path), [f"is larger than {MAX_BYTES} bytes; is it a site file?"])
    for number, text in enumerate(data.splitlines(), 1):
        if not text.lstrip().startswith(b"#") and text.partition(b"=")[0].count(b".") > _MAX_DOTS:
            raise SiteFileError(str(path), [f"line {number}: a key with more than {_MAX_DOTS} dots"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SiteFileError(str(path), [f"line {line}: is not UTF-8; save the file as UTF-8"]) from error


def validated(model: type[M], keys: Mapping[str, object]) -> M:
    """The keys as a model, taken for what they are in TOML: text is no number. Raises ValidationError."""
    return model.model_validate_json(json.dumps(keys, default=_no_value), strict=True)


def _no_value(moment: object) -> dict[str, str]:
    """A date or time: no key takes one, so it becomes what no key takes."""
    return {"date": str(moment)}
