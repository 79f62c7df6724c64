"""The demo as a real process, asked through its API as other programs ask it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from core import schema
from core.store.history import FILE, Store
from tests import media


@pytest.fixture(scope="module")
def client(demo_server, tmp_path_factory) -> Client:
    return Client(demo_server.url, verbose=False, download_files=tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def examples(demo_server) -> Path:
    """The files that the demo has made for itself when it started."""
    (folder,) = (demo_server.data_dir / "examples").iterdir()
    return folder


def analyse(client: Client, path: Path) -> dict:
    return client.predict(handle_file(str(path)), "default", api_name="/analyse")


@pytest.fixture(scope="module")
def real_portrait(client, examples) -> dict:
    return analyse(client, examples / "portrait.png")


def test_the_page_is_served_and_asks_no_other_host(demo_server):
    with urllib.request.urlopen(demo_server.url) as answer:
        html = answer.read().decode()
    assert "Unmask" in html
    for host in ("fonts.googleapis.com", "cdnjs", "cdn.plot.ly"):
        assert f"https://{host}" not in html.split("<body")[0] or "preconnect" in html


def test_plotly_comes_from_this_server(demo_server):
    with urllib.request.urlopen(f"{demo_server.url}/vendor/plotly.min.js") as answer:
        assert answer.status == 200
        assert b"plotly.js v" in answer.read(400)


def test_the_answer_is_an_analysis_of_the_schema(real_portrait):
    analysis = schema.load(json.dumps(real_portrait))
    assert analysis.media.name == "portrait.png"
    assert analysis.media.info.width == 512
    assert len(analysis.tracks) == 1
    assert {score.detector for score in analysis.scores}


def test_the_real_portrait_is_not_called_fake(real_portrait):
    assert real_portrait["verdict"]["label"] != "fake"


def test_its_blended_fake_scores_higher(client, examples, real_portrait):
    if real_portrait["verdict"]["p_fake"] is None:
        pytest.skip("no detector answered: its weights are not in weights/")
    fake = analyse(client, examples / "portrait-self-blended.png")
    assert fake["verdict"]["p_fake"] > real_portrait["verdict"]["p_fake"]


@pytest.mark.parametrize("name", ["hills.jpg", "noise.png", "blank.png"])
def test_where_there_is_nothing_to_judge_nothing_is_judged(client, examples, tmp_path, name):
    path = examples / name if name == "hills.jpg" else tmp_path / name
    if name == "noise.png":
        media.noise(path)
    elif name == "blank.png":
        media.blank(path)
    verdict = analyse(client, path)["verdict"]
    assert verdict["label"] == "not_applicable"
    assert verdict["p_fake"] is None
    assert verdict["reasons"]


def test_a_clip_has_lanes_times_and_a_sync_curve(client, examples):
    analysis = analyse(client, examples / "talking-portrait.mp4")
    assert analysis["media"]["info"]["has_audio"] is True
    times = [frame["t_s"] for frame in analysis["frames"]]
    assert times == sorted(times)
    assert len(times) > 8
    assert len(analysis["tracks"]) == 1
    assert analysis["sync"]


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("empty.png", media.empty),
        ("wrong.png", lambda path: media.bytes_of(path, b"This is a text, not a picture.\n" * 20)),
        ("cut.mp4", lambda path: media.truncated(path, media.talking_clip(path.with_name("whole.mp4")), 0.02)),
        ("document.pdf", media.foreign),
    ],
)
def test_a_bad_file_is_answered_with_message_and_hint(client, demo_server, tmp_path, name, write):
    path = write(tmp_path / name)
    with pytest.raises(AppError) as caught:
        analyse(client, path)
    said = str(caught.value)
    assert said.count(".") >= 2, f"a message and a hint are expected: {said}"
    assert "Error" not in said.split()[0]
    assert str(tmp_path) not in said
    assert demo_server.faults() == []


def test_a_name_in_any_script_survives(client, tmp_path):
    path = media.portrait(tmp_path / "пример 写真.png", size=256)
    assert analyse(client, path)["media"]["name"] == "пример 写真.png"


def test_relabel_reads_the_same_scores_anew(client, real_portrait):
    p_fake = real_portrait["verdict"]["p_fake"]
    if p_fake is None:
        pytest.skip("no detector answered: its weights are not in weights/")
    low = max(0.0, p_fake - 0.01)
    verdict = client.predict(real_portrait["id"], low, min(0.0, low), api_name="/relabel")
    assert verdict["label"] == "fake"
    assert verdict["p_fake"] == p_fake


@pytest.mark.parametrize(("fake", "real"), [(0.2, 0.8), (7, 0.1), (0.5, -1)])
def test_thresholds_that_do_not_fit_are_told(client, real_portrait, fake, real):
    with pytest.raises(AppError, match="0 <= real <= fake <= 1"):
        client.predict(real_portrait["id"], fake, real, api_name="/relabel")


def test_feedback_reaches_the_store(client, demo_server, real_portrait):
    saved = client.predict(real_portrait["id"], "real", "=NASA's own", api_name="/feedback")
    assert saved["saved"] is True
    store = Store(demo_server.data_dir / FILE)
    try:
        assert [(row.truth.value, row.comment) for row in store.labels(analysis_id=real_portrait["id"])] == [
            ("real", "=NASA's own")
        ]
    finally:
        store.close()


@pytest.mark.parametrize("arguments", [("nothing-like-it", "real", ""), ("", "fake", "")])
def test_feedback_on_an_unknown_analysis_is_told(client, arguments):
    with pytest.raises(AppError, match="not in the history"):
        client.predict(*arguments, api_name="/feedback")


def test_feedback_needs_one_of_three_answers(client, real_portrait):
    with pytest.raises(AppError, match="Say real, fake or unsure"):
        client.predict(real_portrait["id"], "maybe", "", api_name="/feedback")


def test_only_the_named_endpoints_are_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/analyse", "/relabel", "/feedback"}


def test_agents_find_the_tools_with_their_descriptions(demo_server):
    with urllib.request.urlopen(f"{demo_server.url}/gradio_api/mcp/schema") as answer:
        tools = {tool["name"].removeprefix("app_"): tool for tool in json.load(answer)}
    assert {"analyse", "relabel", "feedback"} <= set(tools)
    assert "deepfake" in tools["analyse"]["description"]
    assert "file" in tools["analyse"]["inputSchema"]["properties"]
    assert "analysis_id" in tools["relabel"]["inputSchema"]["properties"]


def test_files_of_this_machine_cannot_be_asked_for(client, demo_server, tmp_path):
    """A path that was not uploaded is refused, whatever it is called."""
    secret = tmp_path / "secret.png"
    media.blank(secret)
    body = json.dumps({"data": [{"path": str(secret), "meta": {"_type": "gradio.FileData"}}, "default"]}).encode()
    request = urllib.request.Request(
        f"{demo_server.url}/gradio_api/call/analyse", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        ident = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{demo_server.url}/gradio_api/call/analyse/{ident}") as answer:
        assert "event: error" in answer.read().decode()
