"""Signed bundles: ed25519 over the manifest, which holds the digests of everything else.

Who promotes holds `mqm-signing.pem` in the project's home; who serves needs only `mqm-trusted.json`, the public
halves. A new pair joins the trusted ones, so bundles signed before stay good until their signer is distrusted.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engagement.errors import BadInput, BrokenBundle

PRIVATE, TRUSTED = "mqm-signing.pem", "mqm-trusted.json"
SIGNATURE = "manifest.sig"
#: What is signed begins with this, so that no signature made for anything else can pass for one of a bundle.
_PURPOSE = b"mqm bundle 1\n"
_CURE = "Promote it again with mqm promote, where the signing key is."


@dataclass(frozen=True)
class Trusted:
    """The public half of a pair: `public_key` is base64 of its 32 bytes."""

    id: str
    public_key: str


@dataclass(frozen=True)
class Signer:
    """Signs bundles with the private half."""

    id: str
    key: Ed25519PrivateKey

    def sign(self, folder: Path) -> None:
        """Writes the bundle's `manifest.sig`, in one step."""
        signature = base64.b64encode(self.key.sign(_signed(folder))).decode()
        _replace(folder / SIGNATURE, json.dumps({"signer": self.id, "signature": signature}) + "\n", 0o644)


def make_pair(home: Path) -> Trusted:
    """Makes a new pair in the home and trusts it, beside those that were trusted before.

    Raises:
        BadInput: there is no such folder, or the trusted keys cannot be read.
    """
    if not home.is_dir():
        raise BadInput("no such project folder", str(home), "Make it, or check the path.")
    known = trusted(home)
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    one = Trusted(secrets.token_hex(6), base64.b64encode(public).decode())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_trusted(home, {**known, one.id: one})
    _replace(home / PRIVATE, f"{one.id}\n{pem.decode()}", 0o600)
    return one


def trusted(home: Path) -> dict[str, Trusted]:
    """The trusted public keys by id; empty where there are none.

    Raises:
        BadInput: the file cannot be read.
    """
    path = home / TRUSTED
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["trusted"]
        return {row["id"]: Trusted(**row) for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("trusted keys cannot be read", str(path), f"{type(error).__name__}: restore it.") from None


def distrust(home: Path, signer_id: str) -> None:
    """Bundles of this signer are refused from the next load on.

    Raises:
        BadInput: no such signer is trusted.
    """
    known = trusted(home)
    if signer_id not in known:
        raise BadInput("no such signer is trusted", signer_id, "mqm key signers shows them.")
    _write_trusted(home, {name: one for name, one in known.items() if name != signer_id})


def signer(home: Path) -> Signer:
    """The signer of this home.

    Raises:
        BadInput: there is none, or its file cannot be read, or it is trusted no longer.
    """
    path = home / PRIVATE
    try:
        name, _, pem = path.read_text(encoding="utf-8").partition("\n")
        key = serialization.load_pem_private_key(pem.encode(), None)
    except FileNotFoundError:
        raise BadInput("no key to sign bundles with", str(path), "Make a pair: mqm key pair.") from None
    except (OSError, ValueError) as error:
        raise BadInput("the signing key cannot be read", str(path), f"{type(error).__name__}: restore it.") from None
    if not isinstance(key, Ed25519PrivateKey) or name not in trusted(home):
        raise BadInput("the signing key is trusted no longer", name, "Make a new pair: mqm key pair.")
    return Signer(name, key)


def signer_or_first(home: Path) -> Signer:
    """The signer; in a home that never had one, a new pair is made first.

    Raises:
        BadInput: there is none although keys are trusted here: this home serves what others sign.
    """
    if not (home / PRIVATE).exists() and not (home / TRUSTED).exists():
        make_pair(home)
    return signer(home)


def verify_signature(folder: Path, known: Mapping[str, Trusted]) -> None:
    """Checks the manifest's signature before anybody parses it.

    Raises:
        BrokenBundle: not signed, by nobody who is trusted, or altered since.
    """
    try:
        body = json.loads((folder / SIGNATURE).read_bytes()[:4096])
        name, text = str(body["signer"]), str(body["signature"])
        signature = base64.b64decode(text, validate=True)
        if base64.b64encode(signature).decode() != text:
            raise ValueError("base64 with stray bits")
    except FileNotFoundError:
        raise BrokenBundle(f"{folder}: the bundle is not signed", None, _CURE) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise BrokenBundle(f"{folder}: the signature cannot be read", None, _CURE) from None
    if name not in known:
        raise BrokenBundle(f"{folder}: signed by nobody who is trusted here", name, _CURE)
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(known[name].public_key))
        key.verify(signature, _signed(folder))
    except (InvalidSignature, ValueError):
        raise BrokenBundle(f"{folder}: the signature does not fit the manifest", name, _CURE) from None


def _signed(folder: Path) -> bytes:
    try:
        return _PURPOSE + (folder / "manifest.json").read_bytes()
    except OSError as error:
        raise BrokenBundle(f"{folder}: a file is missing", "manifest.json", str(error.strerror)) from None


def _write_trusted(home: Path, known: Mapping[str, Trusted]) -> None:
    rows = [asdict(one) for one in known.values()]
    _replace(home / TRUSTED, json.dumps({"trusted": rows}, indent=1) + "\n", 0o644)


def _replace(path: Path, text: str, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
