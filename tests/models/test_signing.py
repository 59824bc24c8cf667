"""Only what a trusted key signed is taken, and nothing that was altered since."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from engagement.errors import BadInput, BrokenBundle
from models.signing import (
    PRIVATE,
    SIGNATURE,
    TRUSTED,
    distrust,
    make_pair,
    signer,
    signer_or_first,
    trusted,
    verify_signature,
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with a manifest, signed by the pair of the home around it."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": 1}')
    signer_or_first(tmp_path).sign(folder)
    return folder


def test_what_was_signed_is_taken(bundle: Path, tmp_path: Path) -> None:
    verify_signature(bundle, trusted(tmp_path))


def test_the_private_half_is_its_owners_only_and_the_public_one_says_nothing_of_it(tmp_path: Path) -> None:
    make_pair(tmp_path)
    assert (tmp_path / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in (tmp_path / TRUSTED).read_text()


def test_every_changed_byte_of_manifest_and_signature_is_refused(bundle: Path, tmp_path: Path) -> None:
    known = trusted(tmp_path)
    for name in ("manifest.json", SIGNATURE):
        whole = (bundle / name).read_bytes()
        for place in range(len(whole)):
            if name == SIGNATURE and whole[place : place + 1].isspace():
                continue  # white space of the JSON around the signature
            altered = bytearray(whole)
            altered[place] ^= 0x08
            (bundle / name).write_bytes(bytes(altered))
            with pytest.raises(BrokenBundle):
                verify_signature(bundle, known)
        (bundle / name).write_bytes(whole)
    verify_signature(bundle, known)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", "{}", '{"signer": "x"}', '{"signer": 1, "signature": 2}', b"\xff\xfe"],
)
def test_a_strange_signature_is_refused(bundle: Path, tmp_path: Path, text: str | bytes) -> None:
    (bundle / SIGNATURE).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BrokenBundle):
        verify_signature(bundle, trusted(tmp_path))


def test_an_unsigned_bundle_is_refused(bundle: Path, tmp_path: Path) -> None:
    (bundle / SIGNATURE).unlink()
    with pytest.raises(BrokenBundle, match="not signed"):
        verify_signature(bundle, trusted(tmp_path))


def test_a_signature_made_for_something_else_does_not_count(bundle: Path, tmp_path: Path) -> None:
    one = signer(tmp_path)
    plain = base64.b64encode(one.key.sign((bundle / "manifest.json").read_bytes())).decode()
    (bundle / SIGNATURE).write_text(json.dumps({"signer": one.id, "signature": plain}))
    with pytest.raises(BrokenBundle, match="does not fit"):
        verify_signature(bundle, trusted(tmp_path))


def test_a_new_pair_joins_and_a_distrusted_one_is_out(bundle: Path, tmp_path: Path) -> None:
    first = signer(tmp_path).id
    second = make_pair(tmp_path).id
    verify_signature(bundle, trusted(tmp_path))
    assert signer(tmp_path).id == second
    distrust(tmp_path, first)
    with pytest.raises(BrokenBundle, match="nobody who is trusted"):
        verify_signature(bundle, trusted(tmp_path))
    with pytest.raises(BadInput):
        distrust(tmp_path, first)
    distrust(tmp_path, second)
    with pytest.raises(BadInput, match="trusted no longer"):
        signer(tmp_path)


def test_a_home_that_only_serves_signs_nothing(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / PRIVATE).unlink()
    with pytest.raises(BadInput, match="mqm key pair"):
        signer_or_first(tmp_path)


def test_keys_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    make_pair(tmp_path)
    (tmp_path / PRIVATE).write_text("x\nno key")
    with pytest.raises(BadInput, match="signing key"):
        signer(tmp_path)
    (tmp_path / TRUSTED).write_text("{")
    with pytest.raises(BadInput, match="restore"):
        trusted(tmp_path)
    with pytest.raises(BadInput, match="no such project folder"):
        make_pair(tmp_path / "no")
