"""Log lines of the service: one JSON object a line, on standard error. What is logged is chosen, never dumped."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one line: time, level, message and the fields given as `extra`; never a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment.replace("+00:00", "Z"), "level": record.levelname.lower()}
        return msgspec.json.encode({**line, "message": record.getMessage(), **fields}, enc_hook=str).decode()


def log_to_stderr() -> None:
    """Sends the service's own lines to standard error as JSON, and those of the libraries from warnings on."""
    # What no line of ours tells need not be found out for each: thread, process, and who called.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as Python's own guide to logging says
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("mqm")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(logging.INFO)
    for name in ("bentoml", "circus", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        theirs = logging.getLogger(name)
        theirs.handlers, theirs.propagate = [handler], False
        theirs.setLevel(logging.WARNING)
