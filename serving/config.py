"""What a service is told from outside: the project's home and its `MQM_…` variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engagement.errors import BadInput
from engagement.ledger import FILE
from engagement.log import DATABASES
from engagement.settings import Settings, read_settings
from serving.limits import RATE

LOG_FILE = "mqm.sqlite"


@dataclass(frozen=True)
class ServiceConfig:
    """Where the project lies and how it is served.

    Attributes:
        home: the project's folder: mqm.toml, keys, mlruns.
        log: URL of the engagement log; made where there is none.
        store: the folder that holds the champions' pointers and bundles.
        ledger: the SQLite file of the scores that were given.
        workers: processes that serve. rate: requests a second that a key may make.
    """

    home: Path
    log: str
    store: Path
    ledger: Path
    workers: int
    rate: float
    settings: Settings


def read_config(environ: Mapping[str, str]) -> ServiceConfig:
    """The configuration: MQM_HOME (default: here), MQM_LOG (a URL), MQM_STORE, MQM_WORKERS.

    Raises:
        BadInput: a variable that cannot be used, or an mqm.toml that cannot be read.
    """
    home = Path(environ.get("MQM_HOME") or ".").absolute()
    if not home.is_dir():
        raise BadInput("MQM_HOME names no folder", str(home), "Give the project's folder.")
    url = environ.get("MQM_LOG")
    log = log_url(url) if url else f"sqlite:///{home / LOG_FILE}"
    settings = read_settings([home], environ)
    store = home / (environ.get("MQM_STORE") or "mlruns")
    return ServiceConfig(home, log, store, ledger_file(home, environ), workers(environ), rate(environ), settings)


def ledger_file(home: Path, environ: Mapping[str, str]) -> Path:
    """The file of the ledger: MQM_LEDGER, or `mqm-ledger.sqlite` in the home."""
    return home / (environ.get("MQM_LEDGER") or FILE)


def log_url(url: str) -> str:
    """A log's URL, `sqlite:///path.db` or `postgresql://…`; a relative path starts from here.

    Raises:
        BadInput: another kind of log: a service has to write to it.
    """
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgresql", "postgres") and rest:
        return url
    if scheme != "sqlite" or not separator or not rest[1:]:
        raise BadInput("not a log that a service can write to", scheme, f"Give {DATABASES}.")
    return f"sqlite:///{Path(rest[1:]).absolute()}"


def rate(environ: Mapping[str, str]) -> float:
    """MQM_RATE: requests a second for each key that has no rate of its own.

    Raises:
        BadInput: not a number from 1 to a million.
    """
    text = environ.get("MQM_RATE") or str(RATE)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 1_000_000:
        raise BadInput("MQM_RATE", text, "Give a number from 1 to 1000000.")
    return number


def workers(environ: Mapping[str, str]) -> int:
    """MQM_WORKERS, one by default.

    Raises:
        BadInput: not a number from 1 to 64.
    """
    text = environ.get("MQM_WORKERS") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise BadInput("MQM_WORKERS", text, "Give a whole number from 1 to 64.")
    return int(text)
