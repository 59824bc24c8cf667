"""A command run in this process, in an empty folder, with the lab's models and no settings of the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done
from lab import Lab

from mqm.__main__ import main


@pytest.fixture
def command_line(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lab: Lab, tmp_path: Path
) -> Callable[..., Done]:
    """Runs a command, whatever becomes of it."""
    for name in [name for name in os.environ if name.startswith("MQM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MQM_STORE", str(lab.store))
    monkeypatch.chdir(tmp_path)

    def do(*arguments: object) -> Done:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        return Done(code, *capfd.readouterr())

    return do
