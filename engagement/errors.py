"""Named errors: what is wrong, the value seen, the cure. Every room raises these; the doors print them.

MqmError
├── BadInput           a file, a table, a setting or an argument that cannot be used
├── EmptyLog           a log without a single event
├── UnknownConversion  a conversion that the funnel does not have
├── UnknownContact     a contact of whom nothing is known at that time
├── NotEnoughData      too few rows, or one class only, to learn or to judge from
├── NoModel            nothing was promoted (or registered) for a conversion
├── BrokenBundle       a model folder that is not what its manifest says
├── Unavailable        the log cannot be reached or written to just now
├── Refused            a challenger that the gate lets not pass
├── Busy               a job that another process is doing
└── Conflict           the same event id with another body
"""

from __future__ import annotations


class MqmError(Exception):
    """A named error. `what` is wrong, `seen` is the value, `cure` is what to do about it."""

    def __init__(self, what: str, seen: object = None, cure: str = "") -> None:
        self.what, self.seen, self.cure = what, seen, cure
        super().__init__(str(self))

    @property
    def code(self) -> str:
        """The error's name in snake_case, as it stands in problem documents."""
        name = type(self).__name__
        return "".join(("_" + c.lower()) if c.isupper() else c for c in name).lstrip("_")

    def __str__(self) -> str:
        text = self.what
        if self.seen is not None:
            text += f": {shorten(self.seen)}"
        return f"{text}. {self.cure}" if self.cure else text


class BadInput(MqmError):
    """A file, a table, a setting or an argument that cannot be used."""


class EmptyLog(MqmError):
    """A log without a single event."""


class UnknownConversion(MqmError):
    """A conversion that the funnel does not have."""


class UnknownContact(MqmError):
    """A contact of whom nothing is known at that time."""


class NotEnoughData(MqmError):
    """Too few rows, or one class only, to learn or to judge from."""


class NoModel(MqmError):
    """Nothing was promoted (or registered) for a conversion."""


class BrokenBundle(MqmError):
    """A model folder that is not what its manifest says."""


class Unavailable(MqmError):
    """The log cannot be reached or written to just now: locked, no space left, no connection. Try again."""


class Refused(MqmError):
    """A challenger that the gate lets not pass."""


class Busy(MqmError):
    """A job that another process is doing."""


class Conflict(MqmError):
    """The same event id with another body."""


def shorten(value: object, limit: int = 120) -> str:
    """The value as one line of printable text: errors go to terminals and into logs."""
    text = value if isinstance(value, str) else str(value)
    text = "".join(c if c.isprintable() else "�" for c in text)
    return repr(text if len(text) <= limit else text[: limit - 1] + "…") if isinstance(value, str) else text
