"""The keys file: what it holds, who may read it, and many hands at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engagement.errors import BadInput
from serving.keys import FILE, KeyRing, create_key, list_keys, revoke_key


def test_a_secret_is_shown_once_and_never_kept(tmp_path: Path) -> None:
    key, text = create_key(tmp_path, ["score", "score", "events"], 5, expires_at=9, note="CRM")
    secret = text.partition(".")[2]
    assert len(secret) >= 43
    assert secret not in (tmp_path / FILE).read_text()
    assert list_keys(tmp_path) == [key]
    assert key.scopes == ("score", "events")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_states_and_scopes(tmp_path: Path) -> None:
    key, text = create_key(tmp_path, ["score"], 5, expires_at=9)
    admin, _ = create_key(tmp_path, ["admin"], 5)
    assert [key.state(8), key.state(9), admin.state(10**18)] == ["active", "expired", "active"]
    assert [key.allows("score"), key.allows("events"), admin.allows("events")] == [True, False, True]
    assert revoke_key(tmp_path, key.id, 7).revoked_at == 7
    assert revoke_key(tmp_path, key.id, 8).revoked_at == 7
    found = KeyRing(tmp_path).find(text)
    assert found is not None
    assert found.state(8) == "revoked"


@pytest.mark.parametrize("scopes", [[], ["root"], ["score", ""]])
def test_unknown_scopes_are_refused(tmp_path: Path, scopes: list[str]) -> None:
    with pytest.raises(BadInput, match="scope"):
        create_key(tmp_path, scopes, 0)
    assert not (tmp_path / FILE).exists()


def test_other_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expired"):
        create_key(tmp_path, ["score"], 5, expires_at=5)
    with pytest.raises(BadInput, match="no key"):
        revoke_key(tmp_path, "nobody", 5)
    with pytest.raises(BadInput, match="folder"):
        create_key(tmp_path / "no", ["score"], 5)
    (tmp_path / FILE).write_text(json.dumps({"keys": [{"id": 1}]}))
    with pytest.raises(BadInput, match="cannot be read"):
        list_keys(tmp_path)


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    threads = [threading.Thread(target=create_key, args=(tmp_path, ["score"], n)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.id for key in list_keys(tmp_path)}) == 20


def test_the_module_is_light() -> None:
    heavy = "'numpy', 'msgspec', 'starlette', 'bentoml'"
    code = f"import sys, serving.keys; print([m for m in ({heavy}) if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
