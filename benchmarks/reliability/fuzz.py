"""Schemathesis with its checks against the OpenAPI document: no 5xx, no answer that the document does not allow."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.reliability.frame import Outcome, Scale
from benchmarks.serving.project import write_project
from serving.run import running

#: Not promised: a body that breaks the schema may still be understood where the schema says less than the words do,
#: and what was made by one call need not be found by the next that Schemathesis makes up.
_LEFT_OUT = "unsupported_method,use_after_free,ensure_resource_availability,positive_data_acceptance"


#: Events are checked one by one: a body with a bad one is understood, and says which.
_SETTINGS = """
[[operations]]
include-path-regex = "^/v1/(batch|events)$"
checks.negative_data_rejection.enabled = false
"""


def run(scale: Scale, folder: Path) -> Outcome:
    """Generated requests at every operation, with a key that opens all."""
    cases = scale.of(60, 1_500)  # of each operation: more than 20,000 in all
    project = write_project(folder, 50, 10)
    project.champion("1", trees=5)
    (folder / "schemathesis.toml").write_text(_SETTINGS)
    with running(folder, output=folder / "serve.log") as url:
        command = [
            str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/openapi.json", "--url", url,
            "--header", f"Authorization: Bearer {project.key}", "--max-examples", str(cases), "--phases", "fuzzing",
            "--exclude-checks", _LEFT_OUT, "--seed", "1", "--no-color", "--continue-on-failure",
            "--exclude-path", "/readyz",
            # With one, Hypothesis spends its time on a front of the slowest cases: thirty times as long for as many.
            "--generation-database", "none",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    (folder / "report.txt").write_text(done.stdout)
    made = re.search(r"([\d,]+) generated", done.stdout)
    failures = re.findall(r"^_+ (.*?) _+$|^- (.*)$", done.stdout, re.MULTILINE)
    kinds = sorted({" ".join(filter(None, one)) for one in failures})
    told = f"{made[1] if made else '?'} cases, exit code {done.returncode} {'; '.join(kinds)[:400]}"
    return Outcome(done.returncode == 0, told)
