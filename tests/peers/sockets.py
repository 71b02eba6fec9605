"""Free ports, and who listens; looked up, so that nobody is disturbed."""

import socket
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody has, neither of TCP nor of UDP."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(20):
        with socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port: int = tcp.getsockname()[1]
            with suppress(OSError):
                udp.bind((host, port))
                return port
    raise AssertionError("no port is free on TCP and UDP both")


def is_listening(port: int) -> bool:
    """Whether some program accepts TCP at this port."""
    tables = (Path(f"/proc/net/{name}").read_text(encoding="ascii") for name in ("tcp", "tcp6"))
    rows = (line.split() for table in tables for line in table.splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] == _LISTENING for row in rows)
