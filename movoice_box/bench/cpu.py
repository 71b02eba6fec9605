"""CPU time of a measurement, the one core that it may use, and its priority."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
MEASURED_CORE = frozenset(_CORES[:1])
OTHER_CORES = frozenset(_CORES[1:] or _CORES)


_NICE = -5  # as in systemd/movoice-box.service


def take_precedence() -> bool:
    """Give this process, and what it starts, the priority of the service; False where not allowed.

    The drivers and the far ends all get the same.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, min(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    return os.getpriority(os.PRIO_PROCESS, 0) <= _NICE


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """This thread, and whatever it starts meanwhile, on those cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(others: set[int]) -> float:
    """CPU time so far of this process and its children, but for `others`."""
    own = os.getpid()
    threads = Path(f"/proc/{own}/task").glob("*/children")
    children = {int(pid) for thread in threads for pid in thread.read_text().split()}
    return sum(map(cpu_seconds_of, {own, *children} - others))


def cpu_seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system = fields[11:13]  # utime and stime of proc(5)
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
