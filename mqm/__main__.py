"""`mqm` and `python -m mqm`: parses the command, runs it, and turns named errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from engagement.errors import MqmError
from features.kept import keep_memory
from mqm import (
    audit_command,
    copy_commands,
    data_commands,
    demo_command,
    explain_command,
    key_commands,
    ledger_commands,
    model_commands,
    retrain_command,
    score_commands,
    serve_commands,
    shadow_command,
    watch_commands,
    webhook_commands,
)

_DESCRIPTION = """\
mqm: who will turn an MQL into a meeting, which meeting into a win, and why.

  mqm example demo                                  write an example engagement log
  mqm train mql_to_meeting --log demo --promote     train, judge, register, promote
  mqm score mql_to_meeting --log demo --out s.csv   score everyone in the stage, with reasons
  mqm serve                                         answer over HTTP
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; building it imports nothing heavy."""
    top = argparse.ArgumentParser(
        prog="mqm", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in (
        data_commands,
        copy_commands,
        audit_command,
        model_commands,
        retrain_command,
        score_commands,
        explain_command,
        watch_commands,
        serve_commands,
        key_commands,
        ledger_commands,
        shadow_command,
        webhook_commands,
        demo_command,
    ):
        group.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Exit codes: 0 done, 1 a named error, 2 bad usage, 3 an alarm, 130 stopped by the user."""
    options = parser().parse_args(arguments)
    keep_memory()
    try:
        return int(options.run(options) or 0)
    except MqmError as error:
        print(f"mqm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mqm: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if os.environ.get("MQM_DEBUG"):
            raise
        print(f"mqm: {_in_words(error)}", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("MQM_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())[:400]
        print(f"mqm: an error nobody foresaw: {text}. Please report it; MQM_DEBUG=1 shows more.", file=sys.stderr)
        return 1


def _in_words(error: OSError) -> str:
    from engagement.errors import BadInput

    what = (error.strerror or type(error).__name__).lower()
    cure = "Check the path, the space left, and that you may write there."
    return str(BadInput(what, None if error.filename is None else str(error.filename), cure))


if __name__ == "__main__":
    sys.exit(main())
