"""Starting and stopping the service: told to stop it stops, and nothing is left behind when its starter is killed."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engagement.errors import BadInput
from serving.run import free_port, serve

CODE = "import sys; from pathlib import Path; from serving.run import serve; " \
       "sys.exit(serve(Path(sys.argv[1]), int(sys.argv[2]), on_live=lambda url: print(url, flush=True)))"  # fmt: skip


def gone(port: int, within: float) -> bool:
    """Whether nobody listens on the port any more, soon."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) != 0:
                return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_the_service_ends_with_its_starter(tmp_path: Path, number: signal.Signals, code: int) -> None:
    port = free_port()
    command = [sys.executable, "-c", CODE, str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
        process.send_signal(number)
        assert process.wait(30) == code
        assert process.stdout.read() == ""
        assert gone(port, within=15)


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        with pytest.raises(BadInput, match="port"):
            serve(tmp_path, sock.getsockname()[1])
