"""The language of sentences: the service's own, or the one that `Accept-Language` asks for; numbers stay."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from starlette.testclient import TestClient
from tiny import AS_OF

from engagement.times import format_time
from serving.app import make_app
from serving.keys import create_key
from serving.languages import language_for
from serving.openapi import document
from serving.state import State

WORDS = {"question", "status_text", "reason_1", "reason_2", "reason_3", "reasons_text", "reasons"}
IDS = {"score_id", "request_id", "scored_at"}


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-de, en;q=0.5", "de"),
        ("en, de", "en"),
        ("en;q=0.5, de;q=0.9", "de"),
        ("fr, de;q=0.2", "de"),
        ("fr", "en"),
        ("*", "en"),
        ("fr, *;q=0.1", "en"),
        ("de;q=0", "en"),
        ("de;q=2", "en"),
        ("de;q=nan", "en"),
        ("de; q=0.8 , en; q=0.7", "de"),
        ("", "en"),
        (";;,,q=1", "en"),
        ("x" * 300 + ", de", "en"),
    ],
)
def test_what_a_header_asks_for(header: str, code: str) -> None:
    assert language_for(header, "en") == code


def test_the_default_is_the_services_own() -> None:
    assert [language_for(header, "de") for header in ("", "fr", "*", "en-GB", "en;q=0")] == [
        "de",
        "de",
        "de",
        "en",
        "de",
    ]


def test_asking_costs_next_to_nothing() -> None:
    header = "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"
    language_for(header, "en")
    begin = time.perf_counter()
    for _ in range(10_000):
        language_for(header, "en")
    assert (time.perf_counter() - begin) / 10_000 < 5e-6


@pytest.fixture
def ask(state: State, tmp_path: Path) -> Any:
    """Asks for a score, or a batch, with headers; answers the body and the language it says it is in."""
    key = create_key(tmp_path, ["score"], AS_OF)[1]
    client = TestClient(make_app(state))

    def do(path: str, body: dict[str, Any], **headers: str) -> tuple[Any, str]:
        sent = {"X-API-Key": key, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = client.post(path, json=body, headers=sent)
        assert answer.status_code == 200, answer.text
        return answer.json(), answer.headers["content-language"]

    return do


def test_a_score_in_german_has_the_same_numbers(ask: Any) -> None:
    body = {"conversion": "mql_to_meeting", "contact_id": "c-7", "as_of": format_time(AS_OF)}
    english, en = ask("/v1/score", body)
    german, de = ask("/v1/score", body, Accept_Language="de-CH, en;q=0.3")
    assert (en, de) == ("en", "de")
    assert english["status"] == german["status"] == "scored"
    assert german["question"] == "Wird dieser MQL innerhalb von 30 Tagen einen Termin wahrnehmen?"
    assert german["reason_1"] != english["reason_1"]
    for name in set(english) - WORDS - IDS:
        assert english[name] == german[name], name
    for one, other in zip(english["reasons"], german["reasons"], strict=True):
        assert {**one, "text": ""} == {**other, "text": ""}


def test_batches_statuses_and_the_services_own_language(ask: Any, state: State) -> None:
    batch = {"conversion": "mql_to_meeting", "contact_ids": ["c-7", "nobody"], "as_of": format_time(AS_OF)}
    told, code = ask("/v1/score/batch", batch, Accept_Language="de")
    assert code == "de"
    assert told["scores"][1]["status_text"] == "Über diesen Kontakt ist zu diesem Zeitpunkt nichts bekannt."
    none = {"conversion": "meeting_to_win", "contact_id": "c-7"}
    assert ask("/v1/score", none)[0]["status_text"] == "No model was promoted for meeting_to_win yet."
    assert ask("/v1/score", none, Accept_Language="de")[0]["status_text"].startswith(
        "Für meeting_to_win ist noch kein"
    )
    state.language = "de"
    told, code = ask("/v1/score/batch", batch)
    assert code == "de"
    assert "nichts bekannt" in told["scores"][1]["status_text"]
    assert ask("/v1/score", none, Accept_Language="en")[1] == "en"


def test_the_document_names_the_header() -> None:
    described = document()
    validate(described)
    for path in ("/v1/score", "/v1/score/batch"):
        (parameter,) = described["paths"][path]["post"]["parameters"]
        assert (parameter["name"], parameter["required"]) == ("Accept-Language", False)
