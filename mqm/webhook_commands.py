"""Commands about webhooks: `mqm webhook` says who is told when a contact's grade changes."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from mqm import console, ledger_commands


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    webhook = console.command(
        commands, "webhook", _list, "who is told when a grade changes", "mqm webhook add https://crm.example.com/mqm"
    )
    acts = webhook.add_subparsers(dest="act", metavar="add|list|remove", required=True)
    new = console.command(
        acts, "add", _add, "tell an address; the secret signs it", "mqm webhook add https://crm.example.com/mqm"
    )
    new.add_argument("url", metavar="URL", help="https://…")
    new.add_argument("--private", action="store_true", help="allow http, and addresses of your own network")
    console.json_option(new)
    console.json_option(console.command(acts, "list", _list, "list who is told", "mqm webhook list"))
    remove = console.command(acts, "remove", _remove, "tell an address no more", "mqm webhook remove 3f9a0c1d2e4b")
    remove.add_argument("id", metavar="ID", help="as mqm webhook list shows it")
    console.json_option(remove)


def _add(options: argparse.Namespace) -> None:
    from serving.endpoints import add_endpoint

    made = add_endpoint(console.home(), options.url, options.private)
    ledger_commands.note("webhook add", made.id)
    if options.json:
        console.print_json({"id": made.id, "url": made.url, "secret": made.secret})
        return
    print(made.secret)
    print(f"webhook {made.id}: the receiver checks messages with this secret", file=sys.stderr)


def _list(options: argparse.Namespace) -> None:
    from serving.endpoints import endpoints

    known = endpoints(console.home())
    if options.json:
        console.print_json([{"id": one.id, "url": one.url, "private": one.private} for one in known])
    elif known:
        console.print_table(["id", "url"], [[one.id, one.url] for one in known])
    else:
        print("nobody is told yet; add somebody: mqm webhook add URL")


def _remove(options: argparse.Namespace) -> None:
    from serving.endpoints import remove_endpoint

    remove_endpoint(console.home(), options.id)
    ledger_commands.note("webhook remove", options.id)
    if options.json:
        console.print_json({"id": options.id, "removed": True})
    else:
        print(f"removed {options.id}")
