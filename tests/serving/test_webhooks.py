"""Webhooks: a changed grade is told once, signed, tried again, and never into our own network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tiny import AS_OF

from engagement.errors import BadInput
from engagement.ledger import Ledger
from engagement.outbox import Graded, Message, claim_messages, note_grades, settle_message
from engagement.times import DAY, MINUTE
from models.score import Score
from serving.endpoints import FILE, add_endpoint, endpoints, remove_endpoint
from serving.outgoing import Refused, allowed_address, post
from serving.recorder import Given, History
from serving.state import State
from serving.webhooks import AGAIN, Webhooks, deliver, signature_headers


class Receiver(HTTPServer):
    """A real server that keeps what it was sent, and answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class Keeper(BaseHTTPRequestHandler):
    """Keeps messages for its server."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(server.status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The receiver, listening."""
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def given(grade: str, as_of: int, history: History | None = None) -> Given:
    score = Score(
        status="scored", contact_id="c-1", conversion="mql_to_meeting", question="?", as_of=as_of,
        probability=0.3, score=50, grade=grade, log_odds=-0.8, base_log_odds=-1.0,
    )  # fmt: skip
    return Given(f"s-{as_of}", score, as_of + MINUTE, b"{}", "en", "k", history)


def by_hand(state: State) -> Webhooks:
    """The state's webhooks without their thread: what is due is delivered when the test says so."""
    hooks = next(one for one in state._companions if isinstance(one, Webhooks))
    hooks.close()
    hooks._stop.clear()
    return hooks


def test_a_changed_grade_is_told_once_and_signed(state: State, receiver: Receiver) -> None:
    home = state.keys._home
    made = add_endpoint(home, receiver.url, private=True)
    hooks = by_hand(state)
    now = AS_OF + DAY
    hooks.heard([given("B", now)])
    hooks.heard([given("B", now + 1), given("A", now + 2), given("A", now + 3)])
    hooks.heard([given("C", now + 4, history=([], [])), given("C", now - 9 * DAY)])
    hooks.deliver_due()
    hooks.deliver_due()
    assert len(receiver.got) == 1
    headers, body = receiver.got[0]
    message = json.loads(body)
    assert message["type"] == "contact.grade_changed"
    assert (message["data"]["previous_grade"], message["data"]["grade"]) == ("B", "A")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == expected


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of standardwebhooks.com's own libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature_headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_failure_is_tried_again_and_a_refusal_is_not(state: State, receiver: Receiver) -> None:
    home = state.keys._home
    add_endpoint(home, receiver.url, private=True)
    hooks = by_hand(state)
    now = AS_OF + DAY
    hooks.heard([given("B", now), given("A", now + 1)])
    moment = [now]
    state.clock = lambda: moment[0]
    receiver.status = 503
    for wait in AGAIN:
        hooks.deliver_due()
        moment[0] += wait - 1
        hooks.deliver_due()  # not yet due again
        moment[0] += 1
    assert len(receiver.got) == len(AGAIN)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    hooks.deliver_due()
    moment[0] += 100 * DAY
    hooks.deliver_due()
    assert len(receiver.got) == len(AGAIN) + 1

    hooks.heard([given("B", moment[0])])
    receiver.status = 410
    hooks.deliver_due()
    moment[0] += 100 * DAY
    hooks.deliver_due()
    assert len(receiver.got) == len(AGAIN) + 2


def test_a_redirect_is_not_followed(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = 307
    made = add_endpoint(tmp_path, receiver.url, private=True)
    assert deliver(made, Message("m", made.id, "c", 0, b"{}"), 0) == "failed"
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.9", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
     "2002:7f00:1::", "2130706433", "0x7f.1", "127.1"],
)  # fmt: skip
def test_our_own_network_is_never_reached(host: str) -> None:
    with pytest.raises((Refused, OSError)):
        allowed_address(host, 443)
    with pytest.raises((Refused, OSError)):
        post(f"https://[{host}]/" if ":" in host else f"https://{host}/", b"{}", {})


def test_a_public_address_may_be_sent_to() -> None:
    assert allowed_address("93.184.215.14", 443) == "93.184.215.14"
    with pytest.raises(Refused):
        post("http://93.184.215.14/", b"{}", {})


def test_receivers_come_and_go(tmp_path: Path) -> None:
    for url in ("http://example.com", "ftp://example.com", "https://", "https://u:p@example.com", "nonsense"):
        with pytest.raises(BadInput):
            add_endpoint(tmp_path, url)
    one, two = add_endpoint(tmp_path, "https://a.example"), add_endpoint(tmp_path, "https://b.example")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    remove_endpoint(tmp_path, one.id)
    assert endpoints(tmp_path) == [two]
    with pytest.raises(BadInput):
        remove_endpoint(tmp_path, one.id)


def test_a_message_is_claimed_by_one_and_goes_with_its_contact(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    rows = [Graded("c", "m", grade, at) for at, grade in enumerate("BABB")]
    made = note_grades(ledger, rows, 0, lambda place, before: [Message(f"m{place}", "e", "c", 0, before.encode())])
    assert made == 2
    assert [one.message_id for one in claim_messages(ledger, 0, 10)] == ["m1", "m2"]
    assert claim_messages(ledger, 9, 20) == []
    settle_message(ledger, "m1", None)
    assert [one.body for one in claim_messages(ledger, 10, 20)] == [b"A"]
    ledger.erase("c", 0, "cli")
    assert claim_messages(ledger, 10**18, 0) == []
