"""Commands about keys: `mqm key` makes, lists and revokes API keys, and makes the pair that signs bundles."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from engagement.times import DAY, HOUR, format_time
from mqm import console, ledger_commands

if TYPE_CHECKING:
    from serving.keys import Key


def add(commands: Any) -> None:
    """Adds the commands of this group."""
    key = console.command(
        commands, "key", _list, "API keys, and the pair that signs models", "mqm key create --scope score"
    )
    acts = key.add_subparsers(dest="act", metavar="ACT", required=True)
    create = console.command(
        acts, "create", _create, "make a key; its secret is shown once", "mqm key create --scope score --scope events"
    )
    create.add_argument(
        "--scope", action="append", required=True, metavar="S", help="score, events, card, metrics, admin"
    )
    create.add_argument("--days", type=console.whole_number(1, 3650), metavar="N", help="expires after N days")
    create.add_argument(
        "--rate", type=console.whole_number(1, 1_000_000), metavar="N", help="at most N requests a second"
    )
    create.add_argument("--note", default="", metavar="TEXT", help="what it is for")
    console.json_option(create)
    console.json_option(console.command(acts, "list", _list, "list the keys", "mqm key list"))
    rotate = console.command(
        acts,
        "rotate",
        _rotate,
        "make a key's successor; both live for a while",
        "mqm key rotate 3f9a0c1d2e4b --hours 48",
    )
    rotate.add_argument("id", metavar="ID", help="the key's id, as mqm key list shows it")
    rotate.add_argument(
        "--hours", type=console.whole_number(0, 8760), default=24, metavar="N", help="the old one's; default: 24"
    )
    console.json_option(rotate)
    revoke = console.command(acts, "revoke", _revoke, "revoke a key", "mqm key revoke 3f9a0c1d2e4b")
    revoke.add_argument("id", metavar="ID", help="the key's id, as mqm key list shows it")
    console.json_option(revoke)
    console.json_option(
        console.command(acts, "pair", _pair, "make the pair that signs promoted models", "mqm key pair")
    )
    console.json_option(
        console.command(acts, "signers", _signers, "list whose models are trusted", "mqm key signers")
    )
    distrust = console.command(
        acts, "distrust", _distrust, "trust a signer no longer", "mqm key distrust 3f9a0c1d2e4b"
    )
    distrust.add_argument("id", metavar="ID", help="the signer's id, as mqm key signers shows it")
    console.json_option(distrust)


def _create(options: argparse.Namespace) -> None:
    from serving.keys import create_key

    moment = console.now()
    expires = moment + options.days * DAY if options.days else None
    key, text = create_key(console.home(), options.scope, moment, expires, options.note, options.rate)
    ledger_commands.note("key create", key.id, " ".join(key.scopes))
    _show(options, key, text)


def _rotate(options: argparse.Namespace) -> None:
    from serving.keys import rotate_key

    moment = console.now()
    key, text = rotate_key(console.home(), options.id, moment, moment + options.hours * HOUR)
    ledger_commands.note("key rotate", key.id, f"after {options.id}")
    _show(options, key, text)


def _show(options: argparse.Namespace, key: Key, text: str) -> None:
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
    ledger_commands.note("key revoke", key.id)
    if options.json:
        console.print_json({"id": key.id, "revoked_at": _time(key.revoked_at)})
    else:
        print(f"revoked {key.id}")


def _pair(options: argparse.Namespace) -> None:
    from models.signing import PRIVATE, TRUSTED, make_pair

    pair = make_pair(console.home())
    ledger_commands.note("signer pair", pair.id)
    if options.json:
        console.print_json({"id": pair.id, "public_key": pair.public_key})
        return
    print(f"signer {pair.id}: {PRIVATE} stays where models are promoted, {TRUSTED} goes where they are served")


def _signers(options: argparse.Namespace) -> None:
    from models.signing import trusted

    known = trusted(console.home()).values()
    if options.json:
        console.print_json([{"id": one.id, "public_key": one.public_key} for one in known])
    elif known:
        console.print_table(["id", "public key"], [[one.id, one.public_key] for one in known])
    else:
        print("no signers yet; the first promotion makes a pair, or: mqm key pair")


def _distrust(options: argparse.Namespace) -> None:
    from models.signing import distrust

    distrust(console.home(), options.id)
    ledger_commands.note("signer distrust", options.id)
    if options.json:
        console.print_json({"id": options.id, "trusted": False})
    else:
        print(f"trusted no longer: {options.id}; what it signed is refused from the next load on")


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(micros)
