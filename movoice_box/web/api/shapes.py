"""What every list and every request of the API has in common."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter, SkipValidation

from movoice_box.store.pages import MAX_LIMIT, Page
from movoice_box.web.services import Services

S = TypeVar("S")
T = TypeVar("T")

Given = NamedDependency[SkipValidation[Services]]

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="Most items in the answer.")]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=100, description="`next_cursor` of the page before."),
]
IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Any text of your own. Repeated with the same body it gives the first answer "
        "again and queues nothing; with another body it is refused with 409.",
    ),
]
DEFAULT_LIMIT = 50

Scalar = str | int | float | bool | None


class Listed(msgspec.Struct, Generic[T]):
    """One page of a list. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def listed(page: Page[S], to_item: Callable[[S], T]) -> Listed[T]:
    return Listed([to_item(item) for item in page.items], page.next_cursor)


def page_of_all(
    items: list[S], id_of: Callable[[S], str], limit: int, cursor: str | None
) -> Page[S]:
    """A page of a list that is short enough to be read whole, in the order of the ids."""
    after = sorted((one for one in items if id_of(one) > (cursor or "")), key=id_of)
    return Page(after[:limit], id_of(after[limit - 1]) if len(after) > limit else None)


def to_text(value: Scalar) -> str:
    """A variable as scripts send it, `2500` or `"₹2500"`, as the text that is spoken."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return f"{value:.0f}"
        case _:
            return str(value)


def to_texts(variables: dict[str, Scalar]) -> dict[str, str]:
    return {name: to_text(value) for name, value in variables.items()}


def example(value: Any, summary: str) -> Example:
    """An example of a body, for the API's description."""
    return Example(summary=summary, value=value)
