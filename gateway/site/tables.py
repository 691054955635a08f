"""What tables of the site file are made of: kinds of values, and what each pattern asks for in words."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gateway.model import GATEWAY, ID_PATTERN, POINT_KINDS, Kind

COUNTY = r"^[0-9]{6}$"
STREAM = r"^rtsp://[^@\s]+$"
UPLOAD = r"^https://[^@\s?#]+$"
CLOCK_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
DAYS = r"^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?(,(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)*$"
ROOT = r"^[^#+\s/$][^#+\s/]*(/[^#+\s/]+)*$"

#: What each pattern asks for, for whoever broke it.
PATTERN_WORDS = {
    ID_PATTERN.pattern: "must be 1 to 64 of a-z A-Z 0-9 _ . - beginning with a letter or digit; "
    "what people read goes into `name`",
    COUNTY: 'must be the six digits of a division code in quotes, for example "330106"',
    STREAM: "must be rtsp://HOST[:PORT]/PATH; a user goes into `username`, the password into a `password_file`",
    UPLOAD: "must be https://HOST[:PORT]/PATH, without a user or a question mark; a token goes into a `token_file`",
    CLOCK_TIME: 'must be a time of day in quotes, for example "22:00"',
    DAYS: 'must be days or ranges of days in quotes: "mon-fri", "sat", "mon,wed,sat-sun"',
    ROOT: "must be topic levels with a single / in between, without # + blanks or a $ at the beginning",
}

#: Subjects that the gateway uses for what is its own: no device or point may have such an id.
RESERVED_IDS = frozenset({GATEWAY, "console", "evidence-upload"})


def _not_reserved(name: str) -> str:
    if name in RESERVED_IDS:
        raise ValueError(f"{name!r} is the gateway's own; choose another id")
    return name


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path, beginning with /: a service has no directory of its own")
    return path


def _kind_of_a_point(kind: object) -> object:
    if not isinstance(kind, str) or kind not in POINT_KINDS:
        raise ValueError(f"must be one of {', '.join(sorted(POINT_KINDS))}; others are the gateway's own")
    return kind


Identifier = Annotated[str, Field(pattern=ID_PATTERN.pattern)]
Subject = Annotated[Identifier, AfterValidator(_not_reserved)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
PointKind = Annotated[Kind, BeforeValidator(_kind_of_a_point)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Table(BaseModel):
    """A table of the site file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OpenTable(BaseModel):
    """A table whose other keys belong to a driver, which checks them with a model of its own."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Login(Table):
    """A user and where the password is; a relative `password_file` is looked for as `Site.secret` says."""

    username: str = ""
    password_file: Path | None = None

    @model_validator(mode="after")
    def _password_of_a_user(self) -> "Login":
        if self.password_file is not None and not self.username:
            raise ValueError("password_file: there is no `username` whose password it could be; add one")
        return self
