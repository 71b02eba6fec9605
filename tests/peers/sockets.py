"""Free TCP ports, and who listens; looked up, so that nobody is disturbed."""

import socket
from pathlib import Path

_LISTENING = " 0A "


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody has."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether some program accepts TCP at this port."""
    tables = (Path(f"/proc/net/{name}").read_text(encoding="ascii") for name in ("tcp", "tcp6"))
    lines = [line for table in tables for line in table.splitlines()[1:]]
    return any(
        f":{port:04X} " in line.split(_LISTENING)[0][:60] for line in lines if _LISTENING in line
    )
