"""The command about the service: `mqm serve`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mqm import console


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    serve = console.command(commands, "serve", _serve, "run the scoring service", "mqm serve --port 3000")
    serve.add_argument("--port", type=console.whole_number(1, 65535), default=3000, metavar="P", help="default: 3000")
    serve.add_argument(
        "--workers", type=console.whole_number(1, 64), default=1, metavar="W", help="processes; default: 1"
    )
    serve.add_argument("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1, this machine only")
    serve.add_argument(
        "--log",
        metavar="LOG",
        help="sqlite:///path.db or postgresql://…; default: mqm.sqlite in the project's folder",
    )


def _serve(options: argparse.Namespace) -> None:
    from serving.keys import list_keys
    from serving.run import serve

    if not list_keys(console.home()):
        print("mqm: no API keys yet; make one with: mqm key create --scope score --scope events", file=sys.stderr)

    def ready(url: str) -> None:
        print(f"mqm answers at {url} (its document: {url}/openapi.json); stop it with ctrl-C", flush=True)

    code = serve(console.home(), options.port, options.workers, options.host, options.log, ready)
    if code:
        raise SystemExit(1)
