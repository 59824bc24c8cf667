"""The ledger: what was given comes back, every change to its audit is found, and who is erased is gone."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import pytest

from engagement.chain import Broken, Entry, Verified, verify
from engagement.errors import BadInput
from engagement.jobs import Job, add_job, claim_job, contacts_of, end_job
from engagement.ledger import Ledger, Record


def score(number: int, contact: str = "c-1", **more: object) -> Record:
    fields = {
        "score_id": f"s-{number}",
        "contact_id": contact,
        "conversion": "mql_to_meeting",
        "as_of": number,
        "scored_at": number,
        "status": "scored",
        "language": "en",
        "answer": b'{"probability": 0.25}',
        "features": b"\0" * 16,
        "model_digest": "sha256:m",
    }
    return Record(**{**fields, **more})  # type: ignore[arg-type]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with four scores of c-1 and two of ann@example.com."""
    made = Ledger(tmp_path / "ledger.sqlite")
    made.record([score(n) for n in range(4)], ["k"] * 4, [("sha256:m", ["a", "b"])])
    made.note(Entry(5, "promote", "cli", "mql_to_meeting", "version 1"))
    made.record([score(n, "ann@example.com", question=b"[[],[]]") for n in (10, 11)], ["k", "l"])
    return made


def test_what_was_recorded_comes_back(ledger: Ledger) -> None:
    assert ledger.score("s-10") == score(10, "ann@example.com", question=b"[[],[]]")
    assert ledger.score("nobody") is None
    assert ledger.columns("sha256:m") == ["a", "b"]
    assert ledger.columns("sha256:x") == []
    assert [one.score_id for one in ledger.scores("c-1", limit=3)] == ["s-3", "s-2", "s-1"]
    assert ledger.scores("c-1", "another") == []
    assert ledger.before(score(2)) == score(1)
    assert ledger.before(score(0)) is None


def test_a_whole_chain_is_whole(ledger: Ledger) -> None:
    found = verify(ledger.reading())
    assert isinstance(found, Verified)
    assert (found.entries, found.kept, found.erased) == (7, 6, 0)
    assert verify(ledger.reading(), (7, found.head)) == found
    assert isinstance(verify(ledger.reading(), (8, found.head)), Broken)
    assert isinstance(verify(ledger.reading(), (3, found.head)), Broken)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET at = 9 WHERE seq = 1",
        "UPDATE audit SET actor = 'x' WHERE seq = 5",
        "UPDATE audit SET detail = 'version 2' WHERE seq = 5",
        "UPDATE audit SET subject = 's-0' WHERE seq = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE seq = 7",
        "DELETE FROM audit WHERE seq = 1",
        "DELETE FROM audit WHERE seq = 4",
        "DELETE FROM audit WHERE seq = 7",
        "DELETE FROM scores WHERE score_id = 's-2'",
        "UPDATE scores SET answer = (SELECT features FROM scores WHERE score_id = 's-1') WHERE score_id = 's-2'",
        "INSERT INTO scores (score_id, contact_id, conversion, as_of, scored_at, status, language, answer) "
        "SELECT 'new', contact_id, conversion, as_of, scored_at, status, language, answer FROM scores LIMIT 1",
    ],
)
def test_every_change_is_found(ledger: Ledger, change: str) -> None:
    other = apsw.Connection(str(ledger.path))
    other.execute(change)
    assert other.changes() == 1
    assert isinstance(verify(ledger.reading()), Broken)


def test_who_is_erased_is_gone_from_the_file_and_the_chain_is_whole(ledger: Ledger) -> None:
    assert ledger.erase("ann@example.com", 20, "cli") == 2
    assert ledger.scores("ann@example.com") == []
    found = verify(ledger.reading())
    assert isinstance(found, Verified)
    assert (found.kept, found.erased) == (4, 2)
    ledger.close()
    for path in ledger.path.parent.iterdir():
        assert b"ann@example.com" not in path.read_bytes(), path


def test_who_is_erased_leaves_an_empty_place_in_a_job_that_waits(ledger: Ledger) -> None:
    job = Job(
        job_id="j", key_id="k", created_at=1, state="queued", conversion="x", as_of=1, language="en", total=3, done=0
    )
    add_job(ledger, job, ["bob", "ann@example.com", "cid"])
    ledger.erase("ann@example.com", 20, "cli")
    assert contacts_of(ledger, "j") == ["bob", "", "cid"]
    assert claim_job(ledger, 30) == job
    end_job(ledger, "j")
    assert contacts_of(ledger, "j") == []


def test_many_hands_make_one_chain(tmp_path: Path) -> None:
    def work(hand: int) -> None:
        ledger = Ledger(tmp_path / "ledger.sqlite")
        for number in range(20):
            ledger.record([score(1000 * hand + number)], ["k"])
        ledger.close()

    threads = [threading.Thread(target=work, args=(hand,)) for hand in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify(Ledger(tmp_path / "ledger.sqlite").reading())
    assert isinstance(found, Verified)
    assert found.kept == 80


def test_what_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to be one")
    apsw.Connection(str(tmp_path / "other")).execute("CREATE TABLE t (a); PRAGMA application_id = 7")
    for name in ("text", "other", "no/such/folder"):
        with pytest.raises(BadInput):
            Ledger(tmp_path / name)
