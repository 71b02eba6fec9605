"""The HTTP server as one service of the box."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from litestar import Litestar

_STOP_S = 3


class WebServer:
    """Serves `app` on a listening socket. Open streams are closed when it stops."""

    def __init__(self, app: Litestar, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=_STOP_S,
        )
        self._server = _QuietServer(config)
        # Connections inherit it. Without it, Nagle's algorithm and the client's delayed ACK hold
        # each answer on a kept-alive connection for 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._listener = listener

    async def run(self) -> None:
        """Run until cancelled; then requests that are being answered get 3 s."""
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(
                self._server.serve(sockets=[self._listener]), name="http server"
            )
            try:
                await asyncio.Event().wait()
            finally:
                self._server.should_exit = True
                await asyncio.wait([serving], timeout=_STOP_S + 1)


class _QuietServer(uvicorn.Server):
    """Leaves the signals to the process, which has more than a server to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
