"""One POST to somebody else's address, which must not become one into our own network.

The name is looked up once, every address it has must be a public one, and the connection goes to the very address
that was checked. Redirects are not followed, no proxy is asked, and little of the answer is read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

#: Seconds for each step of a delivery, and bytes of an answer that are read.
SECONDS, MOST = 10.0, 4096


class Refused(Exception):
    """The address is not one that may be sent to."""


def post(url: str, body: bytes, headers: Mapping[str, str], private: bool = False) -> int:
    """Sends JSON and returns the status of the answer.

    Args:
        private: addresses of private networks are allowed too, and plain http.

    Raises:
        Refused: not a public address. OSError: it cannot be reached. http.client.HTTPException: no HTTP answer.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    if not parts.hostname or not (secure or (private and parts.scheme == "http")):
        raise Refused("not https")
    port = parts.port or (443 if secure else 80)
    address = allowed_address(parts.hostname, port, private)
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=SECONDS)
    plain = socket.create_connection((address, port), timeout=SECONDS)
    try:
        context = ssl.create_default_context()
        connection.sock = context.wrap_socket(plain, server_hostname=parts.hostname) if secure else plain
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read(MOST)
        return answer.status
    finally:
        connection.close()
        plain.close()


def allowed_address(host: str, port: int, private: bool = False) -> str:
    """An address of the host that may be sent to.

    Raises:
        Refused: one of its addresses is not public. OSError: the name is not known.
    """
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not private and not all(_public(address) for address in found):
        raise Refused("not a public address")
    return found[0]


def _public(address: str) -> bool:
    one = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(one, ipaddress.IPv6Address):
        inner = one.ipv4_mapped or one.sixtofour or (one.teredo[1] if one.teredo else None)
        if inner is not None or one in _NAT64:
            return False
    return one.is_global and not one.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
