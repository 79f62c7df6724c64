"""Evaluate, Learning, Settings and System, drawn without a browser."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
import yaml

from core import tasks
from core.review import Judgement, Review, State
from core.settings import get_settings
from core.types import Stage, StageTiming
from pages.workbench import learning
from pages.workbench.common import settings, store
from tests.analyses import picture
from tests.ui.test_workbench_pages import (
    _own_data,  # noqa: F401
    draw,
    keep,
    texts,
)


def evaluate_page() -> None:
    from pages.workbench.evaluate import show

    show()


def learning_page() -> None:
    from pages.workbench.learning import show

    show()


def settings_page() -> None:
    from pages.workbench.preferences import show

    show()


def system_page() -> None:
    from pages.workbench.system import show

    show()


@pytest.fixture(autouse=True)
def _no_tasks():
    learning._tasks.clear()
    yield
    learning._tasks.clear()


def judge(tmp_path, p_fake: float, number: int, word: Judgement, who: str = "ann") -> str:
    kept = keep(replace(picture(p_fake), id=f"{number:064x}"), tmp_path)
    store().save_reviews(who, [Review(kept.id, State.SUBMITTED, word, word, seen=True)])
    return kept.id


@pytest.mark.parametrize("page", [evaluate_page, learning_page, settings_page, system_page])
def test_a_page_is_drawn_where_there_is_nothing_yet(page) -> None:
    assert not draw(page).error


def test_evaluate_counts_labels_against_verdicts_with_n_and_interval(tmp_path) -> None:
    for number, (p, word) in enumerate(
        ((0.95, Judgement.FAKE), (0.97, Judgement.AUTHENTIC), (0.1, Judgement.FAKE), (0.2, Judgement.AUTHENTIC))
    ):
        judge(tmp_path, p, number, word)
    judge(tmp_path, 0.5, 9, Judgement.UNSURE)
    at = draw(evaluate_page)
    at.slider(key="policy-limits").set_value((30, 90)).run()
    assert {m.label: m.value for m in at.metric} == {
        "Reals called fake": "50%",
        "Fakes called real": "50%",
        "Fakes called fake": "50%",
        "Decided at all": "100%",
    }
    assert "n = 2" in texts(at)
    assert "Left out: 1" in texts(at)
    wrong = next(t.value for t in at.table if "Is" in t.value.columns)
    assert len(wrong) == 2
    at.slider(key="policy-limits").set_value((0, 99)).run()
    assert {m.label: m.value for m in at.metric}["Decided at all"] == "0%"


def test_an_analysis_that_was_deleted_is_not_evaluated(tmp_path) -> None:
    judge(tmp_path, 0.9, 1, Judgement.FAKE)
    store().delete(judge(tmp_path, 0.2, 2, Judgement.FAKE))
    assert "1 judged files: 1 fake, 0 real" in texts(draw(evaluate_page))


def test_learning_tells_what_the_labels_add_up_to(tmp_path) -> None:
    judge(tmp_path, 0.9, 1, Judgement.FAKE)
    at = draw(learning_page)
    assert {m.label: m.value for m in at.metric}["Labels"] == "1"
    assert "0 of 1 labels may be used for training" in texts(at)


def test_a_task_is_started_with_the_command_of_its_detector(tmp_path, monkeypatch) -> None:
    begun: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks.Tasks, "start", lambda _self, _title, arguments: begun.append(tuple(arguments)))
    at = draw(learning_page)
    detector = at.selectbox(key="tune-detector").value
    at.text_input(key="tune-data").input(str(tmp_path)).run()
    at.checkbox(key="tune-alone").check().run()
    at.button(key="tune").click().run()
    assert begun == [("finetune", "run", detector, "--data", str(tmp_path), "--sole-reviewer")]
    at.selectbox(key="task-kind").select("Check this machine").run()
    at.button(key="task-start").click().run()
    assert begun[-1] == ("doctor",)


def test_settings_are_saved_checked_and_go_back(tmp_path) -> None:
    at = draw(settings_page)
    at.number_input(key="set-sampling.frames").set_value(48)
    at.number_input(key="set-retention_days").set_value(30)
    at.button(
        key="FormSubmitter:settings-settings-save" if not _has(at, "settings-save") else "settings-save"
    ).click().run()
    assert not at.error, [e.value for e in at.error]
    assert yaml.safe_load((tmp_path / "config.yaml").read_text()) == {"retention_days": 30, "sampling": {"frames": 48}}
    assert (settings().sampling.frames, settings().retention_days) == (48, 30)
    at.button(key="settings-defaults").click().run()
    assert (settings().sampling.frames, settings().retention_days) == (32, 0)
    assert at.number_input(key="set-sampling.frames").value == 32


def _has(at, key: str) -> bool:
    return any(b.key == key for b in at.button)


def test_a_preset_that_is_gone_is_still_shown(tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("preset: mine\n", encoding="utf-8")
    get_settings.cache_clear()
    at = draw(settings_page)
    assert at.selectbox(key="set-preset").value == "mine"


def test_system_tells_where_the_time_goes(tmp_path) -> None:
    kept = keep(replace(picture(), timings=(StageTiming(Stage.READING, 0.5), StageTiming(Stage.MODELS, 1.5))), tmp_path)
    at = draw(system_page)
    times = next(t.value for t in at.table if "Whole" in t.value.columns)
    assert "2" in times["Whole"].iloc[0]
    assert list(times.index) == [kept.media.info.kind.value]


def test_labels_can_be_taken_away_as_csv(tmp_path) -> None:
    from core.store.label_export import FIELDS, as_csv

    judge(tmp_path, 0.9, 1, Judgement.FAKE)
    first, row = csv.reader(io.StringIO(as_csv(store().labels())))
    assert tuple(first) == FIELDS
    assert row[1] == "fake"


def test_media_of_one_s_own_are_refused_at_once_or_taken_in_as_a_task(tmp_path, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(tasks.Tasks, "start", lambda self, title, arguments: started.append((title, arguments)))
    at = draw(learning_page)

    def answer() -> str:
        next(b for b in at.button if b.label == "Add the folder").click().run()
        return texts(at).replace("\\", "")

    assert "The folder to add is missing" in answer()
    at.text_input(key="tune-data").input(str(tmp_path / "training"))
    at.text_input(key="own-folder").input(str(tmp_path / "gone"))
    at.text_input(key="own-source").input("own-phone")
    at.text_input(key="own-licence").input("my own")
    assert "an empty folder will do" in answer()
    (tmp_path / "training").mkdir()
    assert f"There is no folder {tmp_path / 'gone'}" in answer()
    assert started == []
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.png").write_bytes(b"x")
    at.text_input(key="own-folder").input(str(mine))
    answer()
    ((title, arguments),) = started
    assert title == "Add mine"
    assert arguments[:3] == ["data", "add", str(mine)]
    assert arguments[-2:] == ["--data", str(tmp_path / "training")]
