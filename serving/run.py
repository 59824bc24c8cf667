"""Starts and stops the service as a child process: what `mqm serve` and the demo call."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

from engagement.errors import BadInput, MqmError
from serving.config import log_url

TARGET = "serving.service:Mqm"
#: Callers keep connections for a minute; a stopping worker has ten seconds to finish what it does.
TIMEOUTS = ("--timeout-keep-alive", "65", "--timeout-graceful-shutdown", "10")
#: Seconds a stopping server has to finish what it does before it is ended.
PATIENCE = 20.0


class NotStarted(MqmError):
    """The service ended, or was not there in time."""


def serve(
    home: Path,
    port: int,
    workers: int = 1,
    host: str = "127.0.0.1",
    log: str | None = None,
    on_live: Callable[[str], None] | None = None,
) -> int:
    """Runs the service until it ends or is told to (SIGTERM, SIGINT, ctrl-C); returns its exit code.

    Args:
        home: the project's folder.
        log: URL of the engagement log; by default mqm.sqlite in the home.
        on_live: called once, with the service's URL, when it answers.

    Raises:
        BadInput: the port is taken. NotStarted: it ended before it answered.
    """
    server = start(home, port, workers, host, log)
    told = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        told.set()
        server.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        url = f"http://{host}:{port}"
        wait_for(url, "/livez", server, told=told)
        if on_live and not told.is_set():
            on_live(url)
        code = server.wait()
        return 0 if told.is_set() else code
    finally:
        halt(server)
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def running(
    home: Path,
    port: int = 0,
    workers: int = 1,
    log: str | None = None,
    output: Path | None = None,
    timeout: float = 300.0,
) -> Iterator[str]:
    """The service on a port (0: a free one), ready to score; yields its URL and stops it in the end.

    Raises:
        NotStarted: it was not ready in time.
    """
    port = port or free_port()
    server = start(home, port, workers, log=log, output=output)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, "/readyz", server, timeout)
        yield url
    finally:
        halt(server)


def start(
    home: Path,
    port: int,
    workers: int = 1,
    host: str = "127.0.0.1",
    log: str | None = None,
    output: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts the service as a child in a session of its own; all it says goes to standard error, or to a file.

    Raises:
        BadInput: the port is taken.
    """
    _refuse_taken(host, port)
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "bentoml", "serve", "--quiet", TARGET, "--working-dir", str(root)]
    command += ["--host", host, "--port", str(port), *TIMEOUTS]
    environ = child_environment(os.environ, home, workers, log)
    environ |= metrics_folder(home, port)
    with ExitStack() as files:
        out = None if output is None else files.enter_context(output.open("ab"))
        return subprocess.Popen(  # noqa: S603 (our own command)
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out or 2,
            stderr=out,
            start_new_session=True,
            cwd=root,
        )


def metrics_folder(home: Path, port: int) -> dict[str, str]:
    """An empty folder for the counters of this service's workers, as a variable; none where there is no room."""
    folder = home.absolute() / f".mqm-metrics-{port}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError:
        return {}
    return {"MQM_METRICS": str(folder)}


def child_environment(environ: Mapping[str, str], home: Path, workers: int, log: str | None) -> dict[str, str]:
    """The child's environment: ours, and what the service is to know. The child works in another folder, so paths
    that are relative to ours are made absolute.

    Raises:
        BadInput: the log is not one that can be written to.
    """
    more = {name: str(Path(environ[name]).absolute()) for name in ("MQM_STORE", "MQM_CONFIG") if environ.get(name)}
    if log := log or environ.get("MQM_LOG"):
        more["MQM_LOG"] = log_url(log)
    more |= {"MQM_HOME": str(home.absolute()), "MQM_WORKERS": str(workers)}
    more["MQM_STARTED_BY"] = str(os.getpid())  # the workers leave when we do, however that comes about
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "BENTOML_QUIET": "True"}
    threads = {"OMP_NUM_THREADS": "1"}  # a worker scores one row at a time; more threads only get in each other's way
    return {**threads, **environ, **quiet, **more}


def wait_for(
    url: str,
    path: str,
    server: subprocess.Popen[bytes],
    timeout: float = 300.0,
    told: threading.Event | None = None,
) -> None:
    """Waits until an address answers 200.

    Raises:
        NotStarted: the server ended, or time ran out.
    """
    give_up = time.monotonic() + timeout
    seen = "no answer"
    while time.monotonic() < give_up:
        if told is not None and told.is_set():
            return
        if (code := server.poll()) is not None:
            raise NotStarted("the service ended by itself", f"exit code {code}", "Its log says why.")
        try:
            with urllib.request.urlopen(url + path, timeout=5) as response:  # noqa: S310 (our own http address)
                if response.status == 200:
                    return
        except urllib.error.HTTPError as error:
            seen = error.read(2000).decode("utf-8", "replace")
        except OSError:
            pass
        time.sleep(0.1)
    raise NotStarted(f"the service was not ready within {timeout:g} s", seen, "See its log, or wait longer.")


def halt(server: subprocess.Popen[bytes]) -> None:
    """Stops a server: first politely, then for good with all its workers."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            kill(server)


def kill(server: subprocess.Popen[bytes]) -> None:
    """Ends a server and its workers at once, as a power cut would; each worker is a session of its own."""
    import psutil  # late: only a power cut in a test needs it

    if server.poll() is None:
        for worker in psutil.Process(server.pid).children(recursive=True):
            worker.kill()
        server.kill()
        server.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _refuse_taken(host: str, port: int) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise BadInput("the host is not an IP address", host, "Give 127.0.0.1, or 0.0.0.0 for all.") from None
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            cure = "Choose another port with --port."
            raise BadInput(f"the port {port} cannot be used", error.strerror, cure) from None
