"""Whatever a power cut leaves of the write-ahead log, what is read is a prefix of what was committed, whole."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from engagement.errors import EmptyLog
from engagement.events import Event
from engagement.sqlite import SqliteLog

ROUNDS = 40


def run(scale: Scale, folder: Path) -> Outcome:
    """A log of forty commits that are in its WAL alone; copies whose WAL is cut off or overwritten at random."""
    trials = scale.of(300, 5_000)
    path = folder / "log.db"
    log = SqliteLog(path, create=True)
    commits = [[_event(number, n) for n in range(1 + number % 5)] for number in range(ROUNDS)]
    for commit in commits:
        log.append(commit)
    known = {frozenset(e for commit in commits[:n] for e in commit) for n in range(ROUNDS + 1)}
    main, wal = path.read_bytes(), path.with_name("log.db-wal").read_bytes()
    log.close()
    shutil.rmtree(folder / "torn", ignore_errors=True)
    draw = random.Random(2)
    wrong = whole = 0
    for trial in range(trials):
        found = _read(folder / "torn", main, _torn(wal, draw, trial))
        wrong += found not in known
        whole += len(found) == len(frozenset(e for commit in commits for e in commit))
    return Outcome(wrong == 0, f"{trials:,} torn WALs of {len(wal):,} bytes, {wrong} wrong, {whole} still whole")


def _event(commit: int, number: int) -> Event:
    return Event(f"e-{commit}-{number}", f"c-{commit % 7}", "a", "mql", commit, commit, float(number), "x" * 200)


def _torn(wal: bytes, draw: random.Random, trial: int) -> bytes:
    """Cut off, with a stretch of zeros or of noise, or with one bit turned over."""
    at = draw.randrange(len(wal))
    length = min(draw.choice([1, 512, 4096]), len(wal) - at)
    if trial % 4 == 0:
        return wal[:at]
    if trial % 4 == 1:
        return wal[:at] + bytes(length) + wal[at + length :]
    if trial % 4 == 2:
        return wal[:at] + draw.randbytes(length) + wal[at + length :]
    return wal[:at] + bytes([wal[at] ^ (1 << draw.randrange(8))]) + wal[at + 1 :]


def _read(folder: Path, main: bytes, wal: bytes) -> frozenset[Event]:
    """What a log with that WAL holds, read twice: as it is found, and after a further commit."""
    folder.mkdir(exist_ok=True)
    path = folder / "log.db"
    for name, content in (("log.db", main), ("log.db-wal", wal)):
        (folder / name).write_bytes(content)
    (folder / "log.db-shm").unlink(missing_ok=True)
    log = SqliteLog(path, create=True)  # the service's way: a cut may fall before the tables were made
    try:
        log.append([Event("last", "c-last", None, "mql", 0, 0)])
        log.events()
        assert log.event("last") is not None
        contacts = [f"c-{n}" for n in range(7)]
        return frozenset(log.histories(contacts)[0])
    except EmptyLog:
        return frozenset()
    finally:
        log.close()
