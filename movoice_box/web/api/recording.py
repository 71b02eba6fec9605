"""Sending a recording, whole or in part, so that players can jump in it (RFC 9110 section 14)."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from litestar.response import Stream

_CHUNK_BYTES = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send_wav(file: Path, range_header: str | None) -> Stream:
    """The file, or the one range of bytes that was asked for.

    Several ranges at once, or one outside the file, are answered with all of it.
    """
    size = file.stat().st_size
    first, last = _wanted(range_header, size) or (0, size - 1)
    is_part = last - first + 1 < size
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(last - first + 1),
        "Content-Disposition": f'inline; filename="{file.name}"',
    }
    if is_part:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Stream(
        _chunks(file, first, last),
        status_code=206 if is_part else 200,
        media_type="audio/wav",
        headers=headers,
    )


def _wanted(range_header: str | None, size: int) -> tuple[int, int] | None:
    """The first and the last byte wanted; None for the whole file."""
    found = _RANGE.fullmatch(range_header or "")
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last n bytes
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
    return (first, last) if first <= last else None


async def _chunks(file: Path, first: int, last: int) -> AsyncIterator[bytes]:
    stream = await asyncio.to_thread(file.open, "rb")
    with stream:
        stream.seek(first)
        left = last - first + 1
        while left > 0 and (chunk := await asyncio.to_thread(stream.read, min(left, _CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
