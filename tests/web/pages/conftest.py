from collections.abc import AsyncIterator

import pytest

from tests.web.sites import Site
from tests.web.visitor import Visitor, a_visitor


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    async with a_visitor(site) as visitor:
        yield visitor
