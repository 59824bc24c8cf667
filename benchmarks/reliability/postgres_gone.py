"""PostgreSQL killed under load and started again: 503 meanwhile, nothing acknowledged lost, and on it goes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.reliability.frame import Outcome, Scale, Server, Skipped
from benchmarks.reliability.load import event, load
from engagement.postgres import PostgresLog
from serving.run import free_port


def run(scale: Scale, folder: Path) -> Outcome:
    """A server of its own; four clients write while it is killed, and started again a second later."""
    folder.chmod(0o755)
    cluster = Cluster(folder / "cluster")
    told: set[str] = set()
    statuses: dict[int, int] = {}
    slowest = 0.0
    cluster.start()
    try:
        with Server(folder / "home", log=cluster.url) as server:
            for round_ in range(scale.of(3, 20)):
                taken = asyncio.run(_round(server, cluster, round_, told, statuses))
                slowest = max(slowest, taken)
        log = PostgresLog(cluster.url, create=False)
        lost = len(told - set(log.events()["event_id"].to_pylist()))
        log.close()
    finally:
        cluster.stop()
    fine = lost == 0 and set(statuses) == {200, 503}
    return Outcome(fine, f"{statuses}; {len(told):,} acknowledged, {lost} lost; back within {slowest:.1f} s")


async def _round(server: Server, cluster: Cluster, round_: int, told: set[str], statuses: dict[int, int]) -> float:
    """Load with a crash in the middle; returns how long it took from the restart to the first 200."""
    stop, back = asyncio.Event(), [0.0, 0.0]

    def following(client: int, turn: int) -> list[dict[str, Any]] | None:
        return None if stop.is_set() else [event(f"g-{round_}-{client}-{turn}", f"c-{turn % 20}")]

    def stored(events: list[dict[str, Any]], answer: Any) -> None:
        told.add(events[0]["event_id"])
        if back[0] and not back[1]:
            back[1] = time.monotonic()

    async def crash() -> None:
        await asyncio.sleep(1)
        cluster.kill()
        await asyncio.sleep(1.5)
        await asyncio.to_thread(cluster.start)
        back[0] = time.monotonic()
        for _ in range(200):
            await asyncio.sleep(0.1)
            if back[1]:
                break
        stop.set()

    taken, _ = await asyncio.gather(load(server.port, server.key, 4, following, stored), crash())
    for status in taken.refused:
        statuses[status] = statuses.get(status, 0) + 1
    statuses[200] = statuses.get(200, 0) + len(taken.seconds)
    return back[1] - back[0]


class Cluster:
    """A PostgreSQL server in a folder of its own, on a free port; root lends it to the user postgres."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
        program = shutil.which("postgres")
        self._bin = found[-1] if found else Path(program).parent if program else None
        if self._bin is None:
            raise Skipped("PostgreSQL's programs are not installed (Debian's package postgresql)")
        self._folder, self._port = folder, free_port()
        self._user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
        folder.mkdir()
        if self._user:
            shutil.chown(folder, "postgres")
        self._run("initdb", "-D", str(folder), "-U", "mqm", "-A", "trust", "--no-sync", "-E", "UTF8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL."""
        return f"postgresql://mqm@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = ["-D", str(self._folder), "-p", str(self._port), "-k", str(self._folder)]
        assert self._bin is not None
        with (self._folder.parent / "postgres.log").open("ab") as log:
            command = [str(self._bin / "postgres"), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._user)
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        give_up = time.monotonic() + 30
        while subprocess.run(ready, cwd="/").returncode != 0:
            if time.monotonic() > give_up:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.1)

    def kill(self) -> None:
        """Ends it at once with all its processes, as a crash would."""
        import psutil

        assert self._process is not None
        whole = psutil.Process(self._process.pid)
        for process in [whole, *whole.children(recursive=True)]:
            process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()

    def _run(self, program: str, *arguments: str) -> None:
        assert self._bin is not None
        subprocess.run([str(self._bin / program), *arguments], check=True, capture_output=True, cwd="/", **self._user)
