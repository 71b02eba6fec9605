"""Whether the box is alive and ready, for supervisors and load balancers; no key needed."""

import msgspec
from litestar import get

from movoice_box.store.database import fetch_one
from movoice_box.web.api.shapes import Given


class HealthOut(msgspec.Struct):
    status: str


@get("/healthz", tags=("health",))
async def healthz() -> HealthOut:
    """200 as long as the box answers at all."""
    return HealthOut("ok")


@get("/readyz", tags=("health",))
async def readyz(services: Given) -> HealthOut:
    """200 when the database can be read, so that batches can be taken."""
    async with services.database.reading() as db:
        await fetch_one(db, "SELECT 1")
    return HealthOut("ready")
