"""What msgspec says of a value of the wrong shape, as a sentence with the row and the field."""

import re
from enum import Enum
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg, QueryParameter

from movoice_box.errors import InputError

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "file": "a file",
}
_ROW = re.compile(r"recipients\[(\d+)\](?:\.|$)")
_EXPECTED = re.compile(r"Expected `([^`]+)`(?:, got `([^`]+)`)?(.*)", re.DOTALL)
_LIMIT = re.compile(r" (?:of length )?(>=|<=|<|>) (\S+)")
_NAMED = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")
_LIMIT_WORDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}


class Explained(NamedTuple):
    message: str
    field: str | None
    row: int | None


def check_query(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Guard of the API: a parameter that nobody reads would be a filter that silently fails.

    Raises `InputError` naming it.
    """
    known = [
        _parameter_name(handler, name)
        for name, parameter in handler.parsed_fn_signature.parameters.items()
        if isinstance(parameter.kwarg_definition, QueryParameter)
    ]
    for name in connection.query_params:
        if name not in known:
            choices = f"; known: {', '.join(known)}" if known else ""
            raise InputError(f"{name} is not a parameter that is known here{choices}", field=name)


def explain(handler: BaseRouteHandler, place: str, message: str) -> Explained:
    """Tell a person what is wrong. `place` is like `recipients[3].phone` or a parameter's name."""
    field = "" if place == "data" else _parameter_name(handler, place)
    row = None
    if found := _ROW.match(field):
        row = int(found[1]) + 1
        field = field[found.end() :]
    field = field.replace("[...]", "")
    problem = "is not valid"
    if place == "data" and message == "'data'":
        problem = "is empty: send a JSON object"
    elif found := _NAMED.match(message):
        is_unknown = found[1] == "contains unknown"
        field = f"{field}.{found[2]}" if field else found[2]
        problem = "is not a field that is known here" if is_unknown else "is missing"
    elif found := _EXPECTED.match(message):
        problem = _expectation(found[1], found[2], found[3])
    elif message.startswith("Unsupported type"):  # of an upload, the only type we add
        problem = "must be one file, sent with its name"
    elif message.startswith("Invalid enum value"):
        value = message.removeprefix("Invalid enum value ")
        choices = ", ".join(_choices(handler, place))
        problem = f"({value}) must be one of {choices}" if choices else f"cannot be {value}"
    subject = field or ("it" if row else "the body")
    where = f"row {row}: " if row else ""
    return Explained(f"{where}{subject} {problem}", field or None, row)


def _expectation(wanted: str, got: str | None, rest: str) -> str:
    wanted_words = " or ".join(
        _KINDS.get(kind, kind) for kind in wanted.split(" | ") if kind != "null" or wanted == "null"
    )
    if got is not None:
        return f"must be {wanted_words}, not {_KINDS.get(got, got)}"
    if limit := _LIMIT.match(rest):
        unit = " characters" if "of length" in rest and wanted == "str" else ""
        return f"must be {_LIMIT_WORDS[limit[1]]} {limit[2]}{unit}"
    return f"must be {wanted_words}{rest}"


def _parameter_name(handler: BaseRouteHandler, place: str) -> str:
    """The name that the client knows: a header's or a query parameter's, not the function's."""
    parameter = handler.parsed_fn_signature.parameters.get(place)
    kwarg = parameter.kwarg_definition if parameter else None
    return (isinstance(kwarg, ParameterKwarg) and kwarg.name) or place


def _choices(handler: BaseRouteHandler, place: str) -> list[str]:
    """The values that the enumeration or the `Literal` at `place` has."""
    parameters = handler.parsed_fn_signature.parameters
    if place in parameters:
        kind: Any = parameters[place].annotation
    else:
        kind = parameters["data"].annotation if "data" in parameters else None
        for name in re.sub(r"\[[^\]]*\]", "", place).split("."):
            kind = next(filter(None, (_hint(one, name) for one in (kind, *get_args(kind)))), None)
    for one in (kind, *get_args(kind)):
        if get_origin(one) is Literal:
            return [str(value) for value in get_args(one)]
        if isinstance(one, type) and issubclass(one, Enum):
            return [str(member.value) for member in one]
    return []


def _hint(kind: Any, name: str) -> Any:
    return get_type_hints(kind).get(name) if isinstance(kind, type) else None
