"""Commands about the service: `mqm serve`, `mqm key`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from engagement.times import DAY, format_time
from mqm import console


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    serve = console.command(commands, "serve", _serve, "run the scoring service", "mqm serve --port 3000")
    serve.add_argument("--port", type=console.whole_number(1, 65535), default=3000, metavar="P", help="default: 3000")
    serve.add_argument(
        "--workers", type=console.whole_number(1, 64), default=1, metavar="W", help="processes; default: 1"
    )
    serve.add_argument("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1, this machine only")
    serve.add_argument("--log", metavar="LOG", help="sqlite:///path.db; default: mqm.sqlite in the project's folder")

    key = console.command(commands, "key", _list, "make, list and revoke API keys", "mqm key create --scope score")
    acts = key.add_subparsers(dest="act", metavar="create|list|revoke", required=True)
    create = console.command(
        acts, "create", _create, "make a key; its secret is shown once", "mqm key create --scope score --scope events"
    )
    create.add_argument("--scope", action="append", required=True, metavar="S", help="score, events, card or admin")
    create.add_argument("--days", type=console.whole_number(1, 3650), metavar="N", help="expires after N days")
    create.add_argument("--note", default="", metavar="TEXT", help="what it is for")
    console.json_option(create)
    console.json_option(console.command(acts, "list", _list, "list the keys", "mqm key list"))
    revoke = console.command(acts, "revoke", _revoke, "revoke a key", "mqm key revoke 3f9a0c1d2e4b")
    revoke.add_argument("id", metavar="ID", help="the key's id, as mqm key list shows it")
    console.json_option(revoke)


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


def _create(options: argparse.Namespace) -> None:
    from serving.keys import create_key

    moment = console.now()
    expires = moment + options.days * DAY if options.days else None
    key, text = create_key(console.home(), options.scope, moment, expires, options.note)
    if options.json:
        console.print_json(
            {"id": key.id, "key": text, "scopes": list(key.scopes), "expires_at": _time(key.expires_at)}
        )
        return
    print(text)
    print("shown once and never kept: store it where the caller can read it", file=sys.stderr)


def _list(options: argparse.Namespace) -> None:
    from serving.keys import list_keys

    moment = console.now()
    keys = list_keys(console.home())
    if options.json:
        console.print_json(
            [
                {
                    "id": key.id,
                    "scopes": list(key.scopes),
                    "state": key.state(moment),
                    "created_at": _time(key.created_at),
                    "expires_at": _time(key.expires_at),
                    "revoked_at": _time(key.revoked_at),
                    "note": key.note,
                }
                for key in keys
            ]
        )
        return
    if not keys:
        print("no keys yet; make one: mqm key create --scope score")
        return
    rows = [
        [key.id, ", ".join(key.scopes), key.state(moment), (_time(key.created_at) or "")[:16], key.note]
        for key in keys
    ]
    console.print_table(["id", "scopes", "state", "created", "note"], rows)


def _revoke(options: argparse.Namespace) -> None:
    from serving.keys import revoke_key

    key = revoke_key(console.home(), options.id, console.now())
    if options.json:
        console.print_json({"id": key.id, "revoked_at": _time(key.revoked_at)})
    else:
        print(f"revoked {key.id}")


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(micros)
