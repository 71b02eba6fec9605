"""What the GSM ports of a trunk have carried since midnight, from the calls themselves."""

from datetime import datetime

import aiosqlite

from movoice_box.domain.port_usage import PortDay
from movoice_box.ids import TrunkId
from movoice_box.store.database import fetch_all, maybe_moment, to_text


async def since(
    db: aiosqlite.Connection, trunk_id: TrunkId, midnight: datetime
) -> dict[str, PortDay]:
    """The day of each port of a trunk that was dialed since `midnight`, by name.

    Calls that are up do not count yet. Minutes are those of the talk, rounded up per call. Walks
    `calls_by_trunk`, the calls of a day.
    """
    rows = await fetch_all(
        db,
        """
        WITH today AS (
            SELECT channel, disposition, dialed_at, ended_at,
                   max(iif(answered_at IS NULL, '', dialed_at)) OVER (PARTITION BY channel)
                       AS last_answer,
                   CASE WHEN answered_at IS NULL THEN 0
                        ELSE max(0, round(86400 * (julianday(ended_at)
                                                   - julianday(answered_at)), 3)) END AS talk_s,
                   answered_at IS NOT NULL AS is_answered
            FROM calls
            WHERE trunk_id = :trunk_id AND dialed_at >= :midnight AND channel IS NOT NULL
              AND ended_at IS NOT NULL
        )
        SELECT channel, count(*) AS calls, sum(is_answered) AS answered, sum(talk_s) AS talk_s,
               sum(cast(talk_s / 60 AS INTEGER) + (talk_s > 60 * cast(talk_s / 60 AS INTEGER)))
                   AS minutes,
               count(*) FILTER (
                   WHERE dialed_at > last_answer AND disposition <> 'canceled'
               ) AS unanswered,
               max(ended_at) AS last_ended_at
        FROM today GROUP BY channel
        """,
        {"trunk_id": trunk_id, "midnight": to_text(midnight)},
    )
    return {
        row["channel"]: PortDay(
            calls=row["calls"],
            minutes=row["minutes"],
            answered=row["answered"],
            talk_s=row["talk_s"],
            unanswered=row["unanswered"],
            last_ended_at=maybe_moment(row["last_ended_at"]),
        )
        for row in rows
    }
