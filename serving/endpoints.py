"""Where webhooks go: `mqm-webhooks.json` in the home, readable by its owner only, since it holds the secrets."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from engagement.errors import BadInput

FILE = "mqm-webhooks.json"


@dataclass(frozen=True)
class Endpoint:
    """One receiver. `secret` is as Standard Webhooks writes it, `whsec_…`; `private` allows addresses of one's own
    network, and plain http."""

    id: str
    url: str
    secret: str
    private: bool = False

    @property
    def key(self) -> bytes:
        """What messages are signed with."""
        return base64.b64decode(self.secret.removeprefix("whsec_"))


def add_endpoint(home: Path, url: str, private: bool = False) -> Endpoint:
    """Adds a receiver and makes its secret.

    Raises:
        BadInput: not an address that messages are sent to.
    """
    parts = urlsplit(url)
    schemes = ("https", "http") if private else ("https",)
    if parts.scheme not in schemes or not parts.hostname or parts.username is not None or parts.fragment:
        cure = "Give https://host/path" + ("." if private else "; http and private addresses need --private.")
        raise BadInput("not an address for webhooks", url, cure)
    made = Endpoint(secrets.token_hex(6), url, "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(), private)
    _write(home, [*endpoints(home), made])
    return made


def remove_endpoint(home: Path, endpoint_id: str) -> None:
    """Removes a receiver; what waits for it is dropped.

    Raises:
        BadInput: there is none of that id.
    """
    known = endpoints(home)
    if endpoint_id not in {one.id for one in known}:
        raise BadInput("there is no webhook of that id", endpoint_id, "mqm webhook list shows them.")
    _write(home, [one for one in known if one.id != endpoint_id])


def endpoints(home: Path) -> list[Endpoint]:
    """All receivers; none where there is no file.

    Raises:
        BadInput: the file cannot be read.
    """
    path = home / FILE
    try:
        return [Endpoint(**row) for row in json.loads(path.read_text(encoding="utf-8"))["webhooks"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("the webhooks cannot be read", str(path), f"{type(error).__name__}: restore it.") from None


def _write(home: Path, known: list[Endpoint]) -> None:
    temporary = home / f".{FILE}.{secrets.token_hex(4)}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"webhooks": [asdict(one) for one in known]}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(home / FILE)
