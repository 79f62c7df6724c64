"""Files from addresses: over the API and on the page, only where it is allowed, and never by Gradio itself."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from core.errors import BusyError
from core.media import fetch as module
from core.settings import build_settings
from pages.api import create_api
from pages.demo import api
from pages.demo.fetching import Fetches
from pages.demo.handlers import Handlers
from pages.demo.intake import place_intake
from pages.demo.service import Service
from tests import analyses, media

ME = {"X-Unmask-Visitor": "a-visitor-of-the-tests"}


class Files(BaseHTTPRequestHandler):
    """A site with one picture, a way into the private network, and a file without an end."""

    picture = b""

    def do_GET(self) -> None:
        place = {"/away": "http://169.254.169.254/latest", "/script": "file:///etc/passwd"}.get(self.path)
        self.send_response(302 if place else 200)
        if place:
            self.send_header("Location", place)
        self.end_headers()
        if not place:
            self.wfile.write(self.picture if self.path == "/cat.png" else b"x" * 300_000)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A local server that stands for the public network; every other address is as it is."""
    monkeypatch.setattr(Files, "picture", media.portrait(tmp_path / "cat.png", size=64).read_bytes())
    http = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    true = module.is_public
    monkeypatch.setattr(module, "is_public", lambda ip: ip == "127.0.0.1" or true(ip))
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.fixture
def pipeline(monkeypatch):
    def analyse(source, settings, on_progress=None, *, name=None):
        assert source.read_bytes() == Files.picture
        base = analyses.picture()
        return replace(base, media=replace(base.media, name=name))

    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=analyse))


@pytest.fixture
def service(tmp_path):
    return Service.of(
        build_settings(
            data_dir=tmp_path / "data",
            sandbox={"enabled": False},
            limits={"max_bytes": 200_000},
            fetch={"enabled": True, "schemes": ("https", "http")},
        )
    )


@pytest.fixture
def http(service, pipeline):
    with TestClient(create_api(service), headers=ME, raise_server_exceptions=False) as client:
        yield client


def test_a_picture_is_analysed_by_its_address(http, site):
    answer = http.post("/v1/analyse/image", data={"url": f"{site}/cat.png"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["media"]["name"] == "cat.png"


def test_a_job_takes_an_address_as_well(http, site, service):
    answer = http.post("/v1/jobs", data={"url": f"{site}/cat.png"})
    assert (answer.status_code, answer.json()["name"]) == (202, "cat.png")


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/away", 403, "private network"),
        ("/script", 403, "kind 'file'"),
        ("/endless", 413, "MB"),
        ("http://10.0.0.1/a.png", 403, "private network"),
        ("http://[::1]/a.png", 403, "private network"),
        ("ftp://example.org/a.png", 403, "kind 'ftp'"),
        ("no address", 415, "no address"),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing_behind(http, site, service, path, status, says):
    answer = http.post("/v1/jobs", data={"url": f"{site}{path}" if path.startswith("/") else path})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["message"]
    assert list(service.incoming.iterdir()) == []


def test_where_it_is_off_an_address_is_refused_and_nothing_is_asked(site, pipeline, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_connect", lambda *_: pytest.fail("a connection was made"))
    service = Service.of(build_settings(data_dir=tmp_path / "data"))
    with TestClient(create_api(service), headers=ME) as client:
        answer = client.post("/v1/analyse/image", data={"url": f"{site}/cat.png"})
    assert (answer.status_code, answer.json()["message"]) == (403, "Addresses are not read here.")


def test_a_file_or_an_address_is_needed_and_not_both(http, site):
    for sent in ({}, {"data": {"url": f"{site}/cat.png"}, "files": {"file": ("a.png", b"x")}}):
        answer = http.post("/v1/jobs", **sent)
        assert answer.status_code == 422
        assert "Send either 'file' or 'url'" in answer.json()["hint"]


def test_no_visitor_can_fill_the_line_with_downloads():
    fetches = Fetches()
    with fetches.slot("a"), fetches.slot("a"):
        with pytest.raises(BusyError), fetches.slot("a"):
            pass
        with fetches.slot("b"), fetches.slot("b"), pytest.raises(BusyError), fetches.slot("c"):
            pass
    with fetches.slot("a"):
        pass


@pytest.fixture
def visit():
    return SimpleNamespace(session_hash="abc", headers={}, client=SimpleNamespace(host="127.0.0.1"))


def test_the_page_takes_the_file_or_says_why_not(service, site, visit):
    do = Handlers(service, ())
    file, _ = do.fetch(f"{site}/cat.png", visit)
    assert Path(file).read_bytes() == Files.picture
    assert Path(file).name == "cat.png"
    assert Path(gr.utils.get_upload_folder()) in Path(file).parents
    _, status = do.fetch(f"{site}/away", visit)
    assert "private network" in status["value"]


@pytest.fixture
def page(request, tmp_path):
    """What the Analyse page asks for, with the endpoints of Gradio, and whether addresses are read."""
    settings = build_settings(data_dir=tmp_path, fetch={"enabled": request.param})
    with gr.Blocks(analytics_enabled=False) as page:
        place_intake(settings, ())
        api.place(Service.of(settings))
    return page, request.param


@pytest.mark.parametrize("page", [False, True], indirect=True)
def test_the_field_is_there_only_where_addresses_are_read(page):
    blocks, enabled = page
    (row,) = [c for c in blocks.get_config_file()["components"] if c["props"].get("elem_id") == "um-address"]
    assert row["props"]["visible"] is enabled


@pytest.mark.parametrize("page", [False], indirect=True)
def test_gradio_fetches_no_address_in_the_place_of_an_upload(page):
    page[0].queue()
    app = gr.mount_gradio_app(FastAPI(), page[0], path="/page")
    with TestClient(app) as client:
        sent = {"data": [{"path": "https://example.org/cat.png", "meta": {"_type": "gradio.FileData"}}, "default"]}
        ident = client.post("/page/gradio_api/call/analyse", json=sent).json()["event_id"]
        said = client.get(f"/page/gradio_api/call/analyse/{ident}").text
    assert "event: error" in said
    assert "Addresses are not read here" in said
