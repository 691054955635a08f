"""What the checks of pydantic found, said in the words of the site file: where, what is wrong, what would be right."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.site.tables import PATTERN_WORDS

#: Values longer than this are not repeated in a problem.
_LONGEST_ECHO = 60

_MUST = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "finite_number": "must be a finite number",
    "tuple_type": 'must be a list: [[double brackets]] for tables, ["a", "b"] for values',
    "model_type": "must be one table, in [single brackets]",
    "enum": "must be one of {expected}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
    "too_short": "needs at least {min_length}",
    "too_long": "must not have more than {max_length}",
    "json_invalid": "has tables or lists within each other too deeply",
}


def problems_of(error: ValidationError, where: str, *models: type[BaseModel]) -> Iterator[str]:
    """One line for each problem. `models` are those whose keys may stand in the table at `where`; the first was asked."""
    items = error.errors(include_url=False)
    for item in items:
        if not _is_shadow(item, items):
            yield f"{_place(where, item['loc'])}: {_what(item, models)}"


def _is_shadow(item: ErrorDetails, items: Sequence[ErrorDetails]) -> bool:
    """A list that is too short because of what is wrong in it says nothing by itself."""
    loc = item["loc"]
    return item["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in items
    )


def _place(where: str, loc: tuple[int | str, ...]) -> str:
    for part in loc:
        where += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if where else ''}{part}"
    return where or "the file"


def _what(item: ErrorDetails, models: Sequence[type[BaseModel]]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(item["loc"], models)
    if kind == "missing":
        return "is missing; add it"
    if kind == "string_pattern_mismatch" and context["pattern"] in PATTERN_WORDS:
        what = PATTERN_WORDS[context["pattern"]]
    elif kind in _MUST:
        limits = {
            name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in context.items()
        }
        what = _MUST[kind].format(**limits)
    else:
        what = item["msg"].removeprefix("Value error, ")
    return what + _echo(item)


def _echo(item: ErrorDetails) -> str:
    """The value itself, where it is short and can't be or hold a secret."""
    value = item["input"]
    key = str(item["loc"][-1]) if item["loc"] else ""
    if not isinstance(value, str | int | float) or "password" in key or "@" in str(value):
        return ""
    said = repr(value)
    return f" (it is {said})" if len(said) <= _LONGEST_ECHO else ""


def _unknown_key(loc: tuple[int | str, ...], models: Sequence[type[BaseModel]]) -> str:
    key = str(loc[-1])
    if key in {"password", "secret", "token"}:
        return f"no secret stands in this file; name a file that holds it: {key}_file"
    known = _known_keys(loc, models)
    close = get_close_matches(key, known, n=1)
    meant = f"; did you mean `{close[0]}`?" if close else ""
    return f"unknown key; known here: {', '.join(known)}{meant}"


def _known_keys(loc: tuple[int | str, ...], models: Sequence[type[BaseModel]]) -> list[str]:
    """The keys that the table of an unknown key does have."""
    if len(loc) == 1:
        return sorted({name for model in models for name in model.model_fields})
    table = models[0]
    for part in loc[:-1]:
        if isinstance(part, str) and part in table.model_fields:
            table = next(_models_in(table.model_fields[part].annotation), table)
    return sorted(field.alias or name for name, field in table.model_fields.items())


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)
