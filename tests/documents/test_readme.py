"""The README's commands run as they stand, in a folder of their own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[str]:
    """The lines after `$` in the README's console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_the_commands_of_the_session_run(tmp_path: Path) -> None:
    assert len(commands()) >= 7
    for command in commands():
        program, *arguments = shlex.split(command)
        assert program == "mqm"
        done = subprocess.run(
            [sys.executable, "-m", "mqm", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(README.parent)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip(), f"{command} printed nothing"


def test_every_folder_of_the_house_is_in_the_readme() -> None:
    text = README.read_text(encoding="utf-8")
    for folder in ("engagement", "features", "models", "training", "watch", "serving", "mqm", "mlruns"):
        assert f"`{folder}/`" in text
