"""A real HTTP server that receives webhooks: the standard library's, in a thread."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`requests` are in the order they came in."""

    url: str = ""
    requests: list[Received] = field(default_factory=list)


@asynccontextmanager
async def a_receiver(
    statuses: Sequence[int] = (), *, hangs: bool = False, babbles: bool = False, port: int = 0
) -> AsyncIterator[Receiver]:
    """Answer with `statuses` in turn, then with 200; where it `hangs`, not before the end.

    One that `babbles` sends a body until nobody listens.
    """
    receiver = Receiver()
    answers: Iterator[int] = iter(statuses)
    released = threading.Event()
    if not hangs:
        released.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Received(headers, body))
            released.wait()
            status = next(answers, 200)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0" if not babbles else "1000000000")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                while babbles:
                    self.wfile.write(bytes(65_536))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()
