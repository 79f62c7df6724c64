"""The further pages of the demo without a server: batch, compare, camera, history."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core import figures
from core.errors import DamagedMediaError
from core.settings import build_settings
from core.store.history import shared_store
from core.types import Progress, Stage
from pages.demo.batch import MAX_FILES, BatchHandlers
from pages.demo.compare import CompareHandlers
from pages.demo.service import Service
from pages.demo.visitor import visitor
from pages.demo.visits import VisitHandlers
from pages.demo.webcam import Live, WebcamHandlers
from tests import analyses

TAB = "0123456789abcdef" * 2
OTHER = "fedcba9876543210" * 2
NASTY = "=<img src=x onerror=alert(1)>.png"


@pytest.fixture
def pipeline(monkeypatch):
    def analyse(source, settings, on_progress=None, *, name=None):
        on_progress(Progress(Stage.MODELS, 0.5))
        time.sleep(0.05)
        if "bad" in name:
            raise DamagedMediaError("It cannot be decoded.", hint="Export it again.")
        base = analyses.picture() if "real" in name or name == "camera" else analyses.clip()
        return replace(base, id=name.encode().hex()[:40], media=replace(base.media, name=name))

    monkeypatch.setitem(sys.modules, "core.pipeline", SimpleNamespace(analyse=analyse))


@pytest.fixture
def service(tmp_path, pipeline):
    return Service.of(build_settings(data_dir=tmp_path / "data", sandbox={"enabled": False}))


@pytest.fixture
def visit():
    return SimpleNamespace(session_hash="abc", headers={}, client=SimpleNamespace(host="127.0.0.1"))


def files(tmp_path, *names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_text(path.name)
    return [str(path) for path in paths]


def test_a_failing_file_never_stops_a_batch(service, visit, tmp_path):
    do = BatchHandlers(service)
    steps = list(do.run(files(tmp_path, "real.png", "bad.png", NASTY), "default", visit, TAB))
    table, counts, probabilities, _job, outcomes, run, stop, save = steps[-1]
    assert "3 of 3 files" in table
    assert "It cannot be decoded. Export it again." in table
    assert "<img" not in table
    assert [type(outcome).__name__ for _, outcome in outcomes] == ["Analysis", "DamagedMediaError", "Analysis"]
    assert json.loads(counts)["alt"] == "2 of 3 files were analysed."
    assert json.loads(probabilities)["figure"]["data"]
    assert (run["visible"], stop["visible"], save["visible"]) == (True, False, True)
    rows = list(csv.DictReader(io.StringIO(json.loads(do.save(outcomes))["text"].lstrip("\ufeff"))))
    assert [row["label"] for row in rows] == ["real", "failed", "fake"]
    assert rows[2]["file"].startswith("'="), "a spreadsheet would run it"
    owner = visitor(visit, TAB)
    assert len(shared_store(service.settings).entries(visitor=owner)) == 2


def test_a_batch_shows_rows_while_they_wait_and_run(service, visit, tmp_path):
    tables = [step[0] for step in BatchHandlers(service).run(files(tmp_path, "a.png", "b.png"), "default", visit, TAB)]
    assert "0 of 2 files" in tables[0] and tables[0].count("Waiting") == 2
    assert any("Running the models" in table for table in tables)


@pytest.mark.parametrize("count", [0, MAX_FILES + 1])
def test_a_batch_has_a_size(service, visit, tmp_path, count):
    (step,) = BatchHandlers(service).run(files(tmp_path, *(f"{n}.png" for n in range(count))), "default", visit)
    assert "Nothing was analysed" in step[0]


def test_two_files_stand_side_by_side(service, visit, tmp_path):
    first, second = files(tmp_path, "real.png", "fake.mp4")
    *before, (left, right, panel, both, _, run, _) = CompareHandlers(service).run(first, second, "default", visit, TAB)
    assert "real.png" in left and "fake.mp4" in right
    assert "real.png" in json.loads(both)["alt"]
    assert run["visible"] is True
    # The figure of two files before is gone as soon as others are chosen.
    assert [step[2]["visible"] for step in before] == [False] * len(before)
    assert panel["visible"] is True


def test_one_bad_file_leaves_the_other_side(service, visit, tmp_path):
    first, second = files(tmp_path, "bad.png", "real.png")
    *_, (left, right, panel, *_) = CompareHandlers(service).run(first, second, "default", visit)
    assert "It cannot be decoded." in left
    assert "real.png" in right
    assert panel["visible"] is False


def test_two_files_are_needed(service, visit, tmp_path):
    (step,) = CompareHandlers(service).run(files(tmp_path, "a.png")[0], None, "default", visit)
    assert "Two files are needed." in step[0]


def test_history_belongs_to_the_tab(service, visit, tmp_path):
    list(BatchHandlers(service).run(files(tmp_path, NASTY), "default", visit, TAB))
    do = VisitHandlers(service)
    mine = do.listing(visit, TAB)
    assert "data-act" in mine and "<img" not in mine
    assert "Nothing yet" in do.listing(visit, OTHER)
    assert "Nothing yet" in do.listing(visit)
    (entry,) = shared_store(service.settings).entries()

    def press(act):
        return SimpleNamespace(_data={"act": act, "id": entry.id})

    assert "not in the history" in do.picked(press("open"), visit, OTHER)[1]
    assert "not in the history" in do.picked(press("delete"), visit, OTHER)[1]
    assert "Looks fake" in do.picked(press("open"), visit, TAB)[1]
    assert "Nothing yet" in do.picked(press("delete"), visit, TAB)[0]


@pytest.mark.parametrize("tab", ["", None, "short", "Z" * 32, TAB + "0", "'; drop table entries"])
def test_only_a_proper_word_names_a_visitor(visit, tab):
    assert visitor(visit, tab) == "demo-abc"
    assert visitor(visit, TAB) != visitor(visit, OTHER)
    assert TAB not in visitor(visit, TAB)


def test_the_camera_gives_a_smoothed_verdict_and_keeps_nothing(service, visit):
    do = WebcamHandlers(service)
    told, live = do.look(np.zeros((48, 64, 3), np.uint8), None, visit)
    told, live = do.look(np.zeros((48, 64, 3), np.uint8), live, visit)
    assert "P(fake) 12%" in told
    assert "pictures a second" in told
    assert len(live.times_s) == 2
    assert list(service.incoming.iterdir()) == []
    assert shared_store(service.settings).count() == 0


def test_one_picture_does_not_turn_the_camera_s_verdict():
    live = Live().fed(0.1, 0.0)
    for second in range(1, 10):
        live = live.fed(0.1, second * 0.5)
    jumped = live.fed(0.95, 5.0)
    assert jumped.p_fake is not None and 0.1 < jumped.p_fake < 0.3
    later = jumped
    for second in range(1, 40):
        later = later.fed(0.95, 5 + second * 0.5)
    assert later.p_fake is not None and later.p_fake > 0.9


def test_the_rate_is_that_of_the_last_seconds():
    live = Live()
    for n in range(50):
        live = live.fed(None, n * 0.25)
    assert live.rate_hz == pytest.approx(4.0)
    assert live.p_fake is None
    assert Live().rate_hz == 0.0
    assert Live().fed(None, 0.0).fed(None, 10.0).rate_hz == pytest.approx(0.1), "slow is not none"


def test_figures_of_several_files_stand_for_every_file():
    found = [analyses.clip(), analyses.picture(), analyses.landscape()]
    counts = figures.verdict_counts(found, 2).data[0]
    assert dict(zip(counts.y, counts.x, strict=True)) == {
        "Looks fake": 1,
        "Looks real": 1,
        "Uncertain": 0,
        "Could not be judged": 1,
        "Not analysed": 2,
    }
    points = figures.probabilities(found).data[-1]
    assert list(points.x) == sorted((a.verdict.p_fake for a in found if a.verdict.p_fake is not None), reverse=True)
    assert figures.verdict_counts([]).layout.annotations
    assert figures.probabilities([analyses.landscape()]).layout.annotations
    both = figures.side_by_side(found[0], found[1])
    assert [trace.x[0] for trace in both.data] == [found[0].verdict.p_fake, found[1].verdict.p_fake]
