"""Webhooks: other systems are told when a contact's grade changes, signed as Standard Webhooks says.

https://www.standardwebhooks.com. A message is in the ledger from the moment the change is, and is tried again for
four days; receivers tell messages apart by `webhook-id`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import logging
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engagement.errors import MqmError
from engagement.outbox import Graded, Message, claim_messages, note_grades, settle_message
from engagement.times import HOUR, MINUTE, SECOND, format_time
from serving.endpoints import Endpoint, endpoints
from serving.outgoing import Refused, post
from serving.recorder import Given

if TYPE_CHECKING:
    from serving.state import State

#: When a message is tried again, after each failure; then it is dropped.
AGAIN = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
#: A score of stored history is a contact's own when it is as of so little before it was given.
FRESH = 5 * MINUTE
PAUSE = 1.0

log = logging.getLogger("mqm.serving")


class Webhooks:
    """Notices changed grades, and delivers in a thread of its own."""

    def __init__(self, state: State, home: Path) -> None:
        self._state, self._home = state, home
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mqm-webhooks", daemon=True)
        self._thread.start()

    def heard(self, group: Sequence[Given]) -> None:
        """Notes the grades of a group, and queues messages about those that changed."""
        receivers = endpoints(self._home)
        fresh = [
            one
            for one in group
            if one.history is None and one.score.grade and one.scored_at - one.score.as_of <= FRESH
        ]
        if not receivers or not fresh:
            return
        graded = [Graded(s.contact_id, s.conversion, s.grade or "", s.as_of) for s in (one.score for one in fresh)]

        def messages(place: int, before: str) -> list[Message]:
            body = body_of(fresh[place], before)
            whose = graded[place].contact_id
            return [Message(f"msg_{secrets.token_hex(12)}", one.id, whose, 0, body) for one in receivers]

        note_grades(self._state.recorder.ledger, graded, self._state.clock(), messages)

    def close(self) -> None:
        """Ends the thread; what is not delivered stays in the ledger."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self.deliver_due()
            except Exception as error:
                log.error("webhooks interrupted", extra={"error": type(error).__name__})

    def deliver_due(self) -> None:
        """Delivers what is due."""
        ledger, now = self._state.recorder.ledger, self._state.clock()
        due = claim_messages(ledger, now, now + 5 * MINUTE)
        known = {one.id: one for one in endpoints(self._home)} if due else {}
        for message in due:
            if self._stop.is_set():
                return
            receiver = known.get(message.endpoint)
            result = "dropped" if receiver is None else deliver(receiver, message, self._state.clock())
            self._state.metrics.webhooks.labels(result).inc()
            last = message.attempts >= len(AGAIN)
            again = self._state.clock() + AGAIN[message.attempts] if result == "failed" and not last else None
            settle_message(ledger, message.message_id, again)
            fields = {"endpoint": message.endpoint, "message": message.message_id, "attempt": message.attempts + 1}
            log.info(f"webhook {result}", extra=fields)


def deliver(receiver: Endpoint, message: Message, now: int) -> str:
    """Sends a message: "delivered", "failed" (try again), or "refused" (never again)."""
    headers = signature_headers(receiver.key, message.message_id, now // SECOND, message.body)
    try:
        status = post(receiver.url, message.body, headers, receiver.private)
    except Refused:
        return "refused"
    except (OSError, http.client.HTTPException, MqmError, ValueError):
        return "failed"
    if 200 <= status < 300:
        return "delivered"
    return "refused" if status == 410 else "failed"


def signature_headers(key: bytes, message_id: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers by which a receiver knows that a message is ours, whole and fresh."""
    signed = f"{message_id}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{signature}"}


def body_of(given: Given, before: str) -> bytes:
    """The message about a score whose grade was another before."""
    score = given.score
    data = {
        "contact_id": score.contact_id,
        "conversion": score.conversion,
        "grade": score.grade,
        "previous_grade": before,
        "probability": score.probability,
        "score": score.score,
        "score_id": given.score_id,
        "as_of": format_time(score.as_of),
        "reasons_text": "; ".join(reason.text for reason in score.reasons[:3]) or None,
        "model_version": score.model_version,
        "model_digest": score.model_digest,
    }
    return msgspec.json.encode(
        {"type": "contact.grade_changed", "timestamp": format_time(given.scored_at), "data": data}
    )
