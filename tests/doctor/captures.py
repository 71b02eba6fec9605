"""What tshark reads in a capture."""

import asyncio
import shutil
from pathlib import Path

import pytest

_CHECKS = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")


async def dissected(file: Path, *fields: str, only: str = "") -> list[list[str]]:
    """The fields of each packet that `only` lets through, as tshark names and writes them."""
    if (tshark := shutil.which("tshark")) is None:
        pytest.fail("tshark is missing: apt install tshark, or deselect with -m 'not peer'")
    chosen = [part for field in fields for part in ("-e", field)]
    process = await asyncio.create_subprocess_exec(
        *(tshark, "-r", str(file), *_CHECKS, "-T", "fields", *chosen, "-Y", only),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return [line.split("\t") for line in output.decode().splitlines()]


async def faults(file: Path) -> list[list[str]]:
    """Every packet that is malformed or whose checksum is wrong."""
    wrong = "_ws.malformed or ip.checksum.status == 0 or udp.checksum.status == 0"
    return await dissected(file, "frame.number", "_ws.col.Info", only=wrong)
