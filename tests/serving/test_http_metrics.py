"""What Prometheus is told, and the document as a page."""

from __future__ import annotations

import re
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tiny import AS_OF, Project

from engagement.times import format_time
from serving.metrics import Metrics, stability


def samples(http: httpx.Client, project: Project) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = http.get("/metrics", headers=project.headers("metrics"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_scores_and_models_are_counted(http: httpx.Client, project: Project) -> None:
    question = {"conversion": "mql_to_meeting", "contact_id": "c-30", "as_of": format_time(AS_OF)}
    place = ("mqm_request_seconds_count", (("method", "POST"), ("route", "/v1/score"), ("status", "200")))

    def given() -> float:
        found = samples(http, project).items()
        return sum(v for (name, labels), v in found if name == "mqm_scores_total" and ("status", "scored") in labels)

    before, scored = samples(http, project).get(place, 0.0), given()
    for _ in range(7):
        assert http.post("/v1/score", json=question, headers=project.headers("score")).status_code == 200
    give_up = time.monotonic() + 10
    while given() < scored + 7 and time.monotonic() < give_up:
        time.sleep(0.05)
    after = samples(http, project)
    assert after[place] == before + 7
    assert given() == scored + 7
    names = {name for name, _ in after}
    assert {"mqm_model_info", "mqm_ready", "mqm_wal_bytes", "mqm_ledger_waiting", "mqm_score_drift_psi"} <= names
    assert after["mqm_ready", ()] == 1
    model = next(dict(labels) for name, labels in after if name == "mqm_model_info")
    assert (model["conversion"], model["version"]) == ("mql_to_meeting", "1")


def test_no_metric_holds_anything_of_a_request(http: httpx.Client, project: Project) -> None:
    http.get("/secret-ravenna@example.com", headers={"X-API-Key": "secret-ravenna"})
    http.request("SECRETRAVENNA", "/v1/score")
    http.get("/v1/contacts/secret-ravenna/scores", headers=project.headers("score"))
    text = http.get("/metrics", headers=project.headers("metrics")).text
    assert "ravenna" not in text.lower()


def test_one_process_alone_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    metrics = Metrics(lambda: [("mqm_ready", "Ready.", [({}, 1.0)])])
    metrics.request("/v1/score", "POST", 200, 0.003)
    metrics.request(None, "BREW", 404, 0.003)
    page = metrics.page().decode()
    assert 'mqm_request_seconds_count{method="POST",route="/v1/score",status="200"} 1.0' in page
    assert 'method="other",route="none",status="404"' in page
    assert "mqm_ready 1.0" in page


def test_stability_is_small_for_even_and_large_for_uneven_scores() -> None:
    assert stability(list(range(1, 100)) * 5) < 0.001
    assert stability([95] * 500) > 1.0


def test_the_page_of_the_document_stands_alone(http: httpx.Client) -> None:
    answer = http.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in answer.text
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", answer.text)
    for path in http.get("/openapi.json").json()["paths"]:
        assert f" {path}</code>" in answer.text
