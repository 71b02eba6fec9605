"""Logs: one line an event, a fixed sentence and its facts, to standard error (the journal)."""

import logging
import sys

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _Formatter(logging.Formatter):
    """`LEVEL logger: sentence key=value ...`; the journal adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        facts = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        return " ".join([line, *(f"{name}={value}" for name, value in facts.items())])


def set_up_log(level: str) -> None:
    """Send the box's log to standard error; libraries speak only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("movoice_box").setLevel(level)
