"""From errors to HTTP: the only module that knows which status each of them has.

The API answers `{"error": {"code", "message", "field", "row"}}`; pages show the same `Problem`.
"""

import logging
import sqlite3
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from movoice_box.errors import (
    AccessError,
    BoxError,
    ConflictError,
    InputError,
    NotFoundError,
    TrunkError,
)
from movoice_box.web.validation import Explained, explain

logger = logging.getLogger(__name__)

AnyRequest = Request[Any, Any, Any]

_STATUS_OF_CLASS: dict[type[BoxError], int] = {
    InputError: 422,  # PlanLimitError too: what was asked for is understood, and too much
    NotFoundError: 404,
    ConflictError: 409,
    AccessError: 401,
    TrunkError: 503,
}
_STATUS_OF_CODE = {
    "csrf": 403,
    "cross_site": 403,
    "setup_closed": 403,
    "too_many_attempts": 429,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is told of an error. `field` and `row` (from 1) say where it is, if that is known."""

    status: int
    code: str
    message: str
    field: str | None = None
    row: int | None = None
    headers: dict[str, str] | None = None


class ErrorDetail(msgspec.Struct, kw_only=True):
    """`code` never changes; `row` counts from 1."""

    code: str
    message: str
    field: str | None = None
    row: int | None = None


class ErrorOut(msgspec.Struct):
    """Every error of the API has this shape."""

    error: ErrorDetail


def problem_of(request: AnyRequest, error: Exception) -> Problem:
    """What to tell of `error`; one that was not foreseen is logged and not described."""
    match error:
        case BoxError():
            return _of_box_error(error)
        case ValidationException():
            return _of_validation(request, error)
        case RequestEntityTooLarge():
            limit = (request.route_handler.resolve_request_max_body_size() or 0) // 2**20
            return Problem(
                status=413,
                code="too_large",
                message=f"the body is too large: at most {limit} MB are taken here",
            )
        case NotFoundException():
            return Problem(
                status=404, code="not_found", message=f"there is nothing at {request.url.path}"
            )
        case MethodNotAllowedException():
            return Problem(
                status=405,
                code="method_not_allowed",
                message=f"{request.method} is not possible at {request.url.path}",
                headers=error.headers,
            )
        case ClientException():
            return Problem(status=400, code="malformed", message=_sentence(error.detail))
        case msgspec.ValidationError():
            return _of_shape(request, error)
        case sqlite3.OperationalError():
            logger.error("the database failed", exc_info=error)
            return Problem(
                status=503,
                code="storage",
                message="the box cannot use its database now: is its disk full?",
            )
        case UnicodeDecodeError():  # in a part of a form
            return Problem(status=400, code="malformed", message="the body is not UTF-8 text")
        case LookupError() if str(error).startswith("unknown encoding"):
            return Problem(status=400, code="malformed", message=f"the body has an {error}")
        case RecursionError():
            return Problem(status=400, code="malformed", message="the body is nested too deep")
        case InternalServerException() if "disconnected" in error.detail:  # nobody reads this
            return Problem(status=400, code="malformed", message="the body was cut off")
        case HTTPException() if error.status_code < 500:
            return Problem(status=error.status_code, code="invalid", message=error.detail)
        case _:
            logger.error("request failed", exc_info=error, extra={"path": request.url.path})
            return Problem(
                status=500,
                code="internal",
                message="the box failed to do this: the reason is in its log",
            )


def answer_json(problem: Problem) -> Response[ErrorOut]:
    detail = ErrorDetail(
        code=problem.code, message=problem.message, field=problem.field, row=problem.row
    )
    return Response(ErrorOut(detail), status_code=problem.status, headers=problem.headers)


def _of_box_error(error: BoxError) -> Problem:
    kinds = (status for kind, status in _STATUS_OF_CLASS.items() if isinstance(error, kind))
    status = _STATUS_OF_CODE.get(error.code) or next(kinds, 500)
    if status == 500:
        logger.error("request failed", exc_info=error)
    return Problem(
        status=status,
        code=error.code,
        message=error.message,
        field=error.field,
        row=error.row,
        headers={"WWW-Authenticate": "Bearer"} if error.code == AccessError.code else None,
    )


def _of_validation(request: AnyRequest, error: ValidationException) -> Problem:
    found = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    place, message = str(found.get("key", "")), str(found.get("message", error.detail))
    return _of_explained(explain(request.route_handler, place, message))


def _of_shape(request: AnyRequest, error: msgspec.ValidationError) -> Problem:
    """Of a body that we converted ourselves."""
    message, _, place = str(error).partition(" - at `$")
    return _of_explained(explain(request.route_handler, place.strip(".`") or "data", message))


def _of_explained(explained: Explained) -> Problem:
    return Problem(
        status=422,
        code=InputError.code,
        message=explained.message,
        field=explained.field,
        row=explained.row,
    )


def _sentence(detail: str) -> str:
    """A library's remark on a body that cannot be read, as ours."""
    opening = detail[:1].lower() if detail[1:2].islower() else detail[:1]
    return f"the body cannot be read: {opening}{detail[1:]}" if detail else "bad request"
