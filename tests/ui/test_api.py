"""The REST API without a socket: types, statuses, visitors, jobs, and that bad input is never the server's fault."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

from core import schema
from core.errors import CancelledError, DamagedMediaError, LimitError
from core.settings import build_settings
from core.tasks import Task, Tasks, TaskState
from core.types import Progress, Stage
from pages.api import create_api
from pages.api.docs import page
from pages.demo.guarding import Guarding
from pages.demo.service import Service
from tests import analyses, media

ME = {"X-Unmask-Visitor": "a-visitor-of-the-tests"}
YOU = {"X-Unmask-Visitor": "another-one-of-the-tests"}


@pytest.fixture
def config(tmp_path):
    return build_settings(
        data_dir=tmp_path / "data", sandbox={"enabled": False}, server={"admin_token": "open-sesame", "queue": 5}
    )


@pytest.fixture
def pipeline(monkeypatch):
    """Stands in for the pipeline; the name of the file chooses how it ends."""

    def analyse(source, settings, on_progress=None, *, name=None):
        assert source.exists()
        for step in range(200 if "slow" in name else 1):
            on_progress(Progress(Stage.MODELS, 0.5, f"step {step}"))
            time.sleep(0.02)
        if "bad" in name:
            raise DamagedMediaError("It cannot be decoded.", hint="Export it again.")
        if "odd" in name:
            raise RuntimeError("secret detail")
        base = analyses.clip()
        return replace(base, media=replace(base.media, name=name))

    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=analyse))


@pytest.fixture
def service(config):
    return Service.of(config)


@pytest.fixture
def http(service, pipeline):
    with TestClient(create_api(service), headers=ME, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def picture(tmp_path):
    return media.portrait(tmp_path / "portrait.png", size=64).read_bytes()


def wait(http, job):
    deadline = time.monotonic() + 30
    while job["state"] in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.02)
        job = http.get(f"/v1/jobs/{job['id']}").json()
    return job


def told(answer, status):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "hint"}
    assert body["message"] and body["hint"]
    assert "secret" not in answer.text and "Traceback" not in answer.text
    return body


def test_a_small_file_is_answered_at_once_with_an_analysis(http, picture):
    answer = http.post("/v1/analyse/image", files={"file": ("пример.png", picture)})
    assert answer.status_code == 200
    assert schema.load(answer.text).media.name == "пример.png"
    assert answer.headers["X-Unmask-Visitor"] == ME["X-Unmask-Visitor"]


def test_what_is_of_another_kind_is_told_where_to_go(http, picture):
    body = told(http.post("/v1/analyse/audio", files={"file": ("a.wav", picture)}), 415)
    assert "/api/v1/analyse/image" in body["hint"]


def test_what_takes_longer_becomes_a_job(http, picture):
    answer = http.post("/v1/analyse/image?wait=0.1", files={"file": ("slow.png", picture)})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json()['id']}"


def test_a_job_goes_from_queue_to_result(http, picture, service):
    job = http.post("/v1/jobs", files={"file": ("slow.png", picture)}).json()
    assert http.get(f"/v1/jobs/{job['id']}/result").status_code == 202
    seen = http.get(f"/v1/jobs/{job['id']}").json()
    assert 0 <= seen["percent"] <= 100
    over = wait(http, seen)
    assert (over["state"], over["percent"]) == ("done", 100.0)
    assert schema.load(http.get(f"/v1/jobs/{job['id']}/result").text).media.name == "slow.png"
    assert list(service.incoming.iterdir()) == [], "the upload stays behind"


def test_a_job_can_be_cancelled(http, picture, service):
    job = http.post("/v1/jobs", files={"file": ("slow.png", picture)}).json()
    assert http.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert told(http.get(f"/v1/jobs/{job['id']}/result"), 409)["code"] == CancelledError.code


def test_a_failing_file_is_told_by_its_job(http, picture):
    job = wait(http, http.post("/v1/jobs", files={"file": ("bad.png", picture)}).json())
    assert job["state"] == "failed"
    assert job["error"]["code"] == "damaged_media"
    told(http.get(f"/v1/jobs/{job['id']}/result"), 422)


def test_a_fault_of_the_program_gives_no_detail(http, picture):
    job = wait(http, http.post("/v1/jobs", files={"file": ("odd.png", picture)}).json())
    assert "secret" not in json.dumps(job)


def test_nobody_sees_the_job_of_another(http, picture):
    job = http.post("/v1/jobs", files={"file": ("slow.png", picture)}).json()
    for way in ("", "/result"):
        told(http.get(f"/v1/jobs/{job['id']}{way}", headers=YOU), 404)
    told(http.delete(f"/v1/jobs/{job['id']}", headers=YOU), 404)


def test_a_bad_file_does_not_stop_a_batch(http, tmp_path):
    files = [
        ("files", (name, media.portrait(tmp_path / name, size=64 + n).read_bytes()))
        for n, name in enumerate(("one.png", "bad.png", "two.png"))
    ]
    batch = http.post("/v1/batch", files=files).json()
    deadline = time.monotonic() + 30
    while batch["finished"] < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
        batch = http.get(f"/v1/batch/{batch['id']}").json()
    assert (batch["total"], batch["finished"], batch["failed"]) == (3, 3, 1)
    told(http.get(f"/v1/batch/{batch['id']}", headers=YOU), 404)


def test_a_batch_that_does_not_fit_says_so_for_each_file(http, tmp_path):
    files = [
        ("files", (f"slow-{n}.png", media.portrait(tmp_path / f"{n}.png", size=64 + n).read_bytes())) for n in range(9)
    ]
    batch = http.post("/v1/batch", files=files).json()
    refused = [item for item in batch["items"] if item["error"]]
    assert refused and all(item["error"]["code"] == "busy" for item in refused)
    http.delete(f"/v1/batch/{batch['id']}")


def test_too_many_files_are_refused(http, picture):
    told(http.post("/v1/batch", files=[("files", (f"{n}.png", picture)) for n in range(21)]), 413)


def test_history_is_the_visitors_own(http, picture):
    sent = http.post("/v1/analyse/image", files={"file": ("mine.png", picture)}).json()
    mine = http.get("/v1/history").json()
    assert [item["analysis_id"] for item in mine["items"]] == [sent["id"]]
    assert http.get("/v1/history", headers=YOU).json() == {"total": 0, "items": []}
    told(http.get(f"/v1/history/{sent['id']}", headers=YOU), 404)
    told(http.delete(f"/v1/history/{sent['id']}", headers=YOU), 404)
    assert http.get(f"/v1/history/{sent['id']}").json()["media"]["name"] == "mine.png"
    again = http.get(f"/v1/history/{sent['id']}/verdict?fake=1&real=0.99").json()
    assert again["p_fake"] == sent["verdict"]["p_fake"]
    told(http.get(f"/v1/history/{sent['id']}/verdict?fake=0.2&real=0.9"), 422)
    assert http.delete(f"/v1/history/{sent['id']}").status_code == 204
    told(http.get(f"/v1/history/{sent['id']}"), 404)


def test_feedback_is_counted(http, picture):
    sent = http.post("/v1/analyse/image", files={"file": ("mine.png", picture)}).json()
    word = {"analysis_id": sent["id"], "truth": "real", "comment": "=1+1"}
    answer = http.post("/v1/feedback", json=word)
    assert answer.status_code == 201
    assert answer.json()["saved"] is True
    assert http.get("/v1/learning").json()["real"] == 1
    told(http.post("/v1/feedback", json=word, headers=YOU), 404)
    told(http.post("/v1/feedback", json={**word, "truth": "maybe"}), 422)
    told(http.post("/v1/feedback", json={**word, "comment": "x" * 5000}), 422)


@pytest.fixture
def started(monkeypatch):
    """Stands in for the start of long commands."""
    commands: list[list[str]] = []

    def start(self, title, arguments, environment=None):
        if commands:
            raise LimitError("Another task is running.", hint="Wait for it.")
        commands.append(list(arguments))
        return "20260101-000000-abcdef"

    task = Task("20260101-000000-abcdef", "x", (), TaskState.RUNNING, "2026-01-01T00:00:00", ("epoch 1",))
    monkeypatch.setattr(Tasks, "start", start)
    monkeypatch.setattr(Tasks, "get", lambda self, ident: task)
    return commands


TUNE = {"detector": "face-lite"}
SESAME = {"Authorization": "Bearer open-sesame"}


@pytest.mark.parametrize(
    "sent", [None, "Bearer", "Bearer wrong", "Basic b3Blbi1zZXNhbWU=", "Bearer open-sesame-and-more"]
)
def test_fine_tuning_needs_the_token(http, started, sent):
    headers = {"Authorization": sent} if sent else {}
    told(http.post("/v1/finetune", json=TUNE, headers=headers), 403)
    told(http.get("/v1/finetune/20260101-000000-abcdef", headers=headers), 403)
    assert started == []


def test_with_the_token_one_fine_tuning_starts(http, started):
    answer = http.post("/v1/finetune", json=TUNE, headers=SESAME)
    assert answer.status_code == 202
    assert started == [["finetune", "run", "face-lite"]]
    assert http.get(f"/v1/finetune/{answer.json()['id']}", headers=SESAME).json()["last"] == "epoch 1"
    told(http.post("/v1/finetune", json=TUNE, headers=SESAME), 429)


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("--store", 422), ("../x", 422), ("", 422)])
def test_only_a_known_detector_is_taught(http, started, name, status):
    told(http.post("/v1/finetune", json={"detector": name}, headers=SESAME), status)
    assert started == []


def test_without_a_token_of_its_own_the_server_starts_nothing(tmp_path, started):
    service = Service.of(build_settings(data_dir=tmp_path, sandbox={"enabled": False}))
    with TestClient(create_api(service)) as http:
        told(http.post("/v1/finetune", json=TUNE, headers={"Authorization": "Bearer "}), 403)
    assert started == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404), ("PUT", "/v1/models", 405), ("GET", "/v1/jobs/none", 404),
        ("POST", "/v1/jobs", 422), ("GET", "/v1/history?limit=-1", 422), ("GET", "/v1/history?offset=1e99", 422),
        ("GET", "/v1/history/..%2f..%2fetc", 404), ("POST", "/v1/feedback", 422), ("GET", "/v1/batch/x", 404),
    ],
)  # fmt: skip
def test_bad_requests_are_told(http, method, path, status):
    told(http.request(method, path), status)


def test_an_unknown_preset_is_told_before_anything_is_kept(http, picture, service):
    told(http.post("/v1/jobs", files={"file": ("a.png", picture)}, data={"preset": "../../etc"}), 404)
    assert not service.incoming.exists() or list(service.incoming.iterdir()) == []


@pytest.mark.parametrize("name", ["short", "x" * 65, "with space in it here", "ünïcödé-ünïcödé-ünïcödé"])
def test_a_visitor_needs_a_proper_secret(http, name):
    told(http.get("/v1/history", headers={"X-Unmask-Visitor": name.encode()}), 422)


def test_who_has_no_name_is_given_one(service, pipeline):
    with TestClient(create_api(service)) as http:
        names = {http.get("/v1/history").headers["X-Unmask-Visitor"] for _ in range(3)}
    assert len(names) == 3
    assert all(len(name) >= 32 for name in names)


def test_a_file_over_the_limit_is_refused_and_not_kept(tmp_path, pipeline):
    service = Service.of(build_settings(data_dir=tmp_path, sandbox={"enabled": False}, limits={"max_bytes": 1000}))
    with TestClient(create_api(service), headers=ME) as http:
        told(http.post("/v1/jobs", files={"file": ("a.png", b"x" * 5000)}), 413)
    assert list(service.incoming.iterdir()) == []


def test_a_client_over_its_share_is_told_when_to_come_back(tmp_path, pipeline, picture):
    server = {"analyses_per_minute": 1}
    service = Service.of(build_settings(data_dir=tmp_path, sandbox={"enabled": False}, server=server))
    with TestClient(create_api(service), headers=ME) as http:
        http.post("/v1/jobs", files={"file": ("a.png", picture)})
        answer = http.post("/v1/jobs", files={"file": ("b.png", picture)})
    assert told(answer, 429)["code"] == "busy"
    assert int(answer.headers["Retry-After"]) > 0


def test_health_and_models(http):
    assert http.get("/v1/health/live").json()["status"] == "ok"
    assert http.get("/v1/health/ready").status_code == 200
    models = http.get("/v1/models").json()
    assert "default" in [preset["id"] for preset in models["presets"]]
    assert models["detectors"]


def test_the_description_and_its_page_ask_no_other_host(http):
    openapi = http.get("/openapi.json").json()
    assert openapi["openapi"].startswith("3.")
    assert {"/v1/jobs", "/v1/analyse/image", "/v1/batch", "/v1/feedback", "/v1/learning"} <= set(openapi["paths"])
    html = http.get("/docs").text
    assert "src=" not in html and "http://" not in html and "https://" not in html
    assert page(openapi) == html
    for path in openapi["paths"]:
        assert f"/api{path}" in html


def guarded(config, **headers):
    async def app(scope, receive, send):
        size = 0
        while True:
            message = await receive()
            size += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})

    return TestClient(Guarding(app, Service.of(config)), headers=headers)


def test_pages_of_other_sites_may_not_send(config):
    told(guarded(config, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}).post("/x"), 403)
    assert guarded(config, **{"Sec-Fetch-Site": "same-origin"}).post("/x").status_code == 200
    assert guarded(config, **{"Sec-Fetch-Site": "cross-site"}).get("/x").status_code == 200
    friend = config.model_copy(update={"server": config.server.model_copy(update={"origins": ("https://f.example",)})})
    assert (
        guarded(friend, **{"Sec-Fetch-Site": "cross-site", "Origin": "https://f.example"}).post("/x").status_code == 200
    )


def test_a_request_that_is_too_large_is_cut_off(tmp_path):
    config = build_settings(data_dir=tmp_path, limits={"max_bytes": 1000})
    http = guarded(config)
    told(http.post("/x", headers={"Content-Length": "99999999999"}), 413)

    def endless():
        for _ in range(40):
            yield b"x" * 100_000

    assert int(http.post("/x", content=endless()).text) <= 1_200_000


def test_headers_keep_other_hosts_and_uploads_out(config):
    http = guarded(config)
    policy = http.get("/").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "object-src 'none'" in policy
    assert http.get("/gradio_api/file=/x.html").headers["Content-Security-Policy"].startswith("sandbox")
    assert http.get("/").headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.slow
def test_no_input_makes_it_fail(service, pipeline, started):
    """What the description allows is answered with less than 500, whatever the values."""
    schemathesis = pytest.importorskip("schemathesis", reason="the package schemathesis is not installed")
    whole = FastAPI()
    whole.mount("/api", create_api(service))
    for operation in schemathesis.openapi.from_asgi("/api/openapi.json", whole).get_all_operations():
        _ask(operation.ok())


def _ask(operation) -> None:
    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy())
    def ask(case) -> None:
        answer = case.call()
        assert answer.status_code < 500, f"{case.method} {case.path}: {answer.status_code} {answer.text}"
        if answer.status_code >= 400:
            assert set(answer.json()) == {"code", "message", "hint"}

    ask()
