"""A whole review session in a real browser: forty mixed files, keys alone, and a server that dies in the middle."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest

from core.review import Judgement, State, order
from core.settings import build_settings
from core.store.feedback import Truth
from core.store.history import Store
from core.types import Analysis, Label
from tests.analyses import clip, landscape, picture
from tests.ui.browser import SCREENS, open_page, shoot
from tests.ui.servers import free_port
from tests.ui.test_workbench_browser import REVIEWER, fits, ready, seed, settled, start

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.timeout(1800)]

FILES = 40
KILLED_AFTER = 17


def mixed(samples) -> Iterator[tuple[Analysis, Path]]:
    """Pictures, clips and landscapes with figures from nearly 0 to nearly 1."""
    moving = samples("two_people_clip", "two.mp4", seconds=1.0)
    hills = samples("landscape", "hills.png")
    for number in range(FILES):
        if number % 8 == 3:
            base, media = clip(), moving
        elif number % 8 == 6:
            base, media = landscape(), hills
        else:
            base, media = picture(0.02 + 0.024 * number), samples("portrait", f"s{number}.png", size=96 + number)
        name = f"{number:02d} {media.name}"
        yield (
            replace(base, media=replace(base.media, name=name), created_at=f"2026-01-02T03:{number:02d}:00+00:00"),
            media,
        )


@pytest.fixture
def session(tmp_path, samples) -> tuple[Path, list[str], dict[str, Analysis]]:
    """A data folder with forty analyses, their ids in the order of the queue, and the analyses."""
    data = tmp_path / "data"
    kept = [seed(data, analysis, media, number + 1) for number, (analysis, media) in enumerate(mixed(samples))]
    with closing(Store(build_settings(data_dir=data))) as store:
        queue = [item.id for item in order(store.get(analysis.id) for analysis in kept)]
    return data, queue, {a.id: a for a in kept}


def word_on(analysis: Analysis) -> tuple[str, Judgement]:
    """Authentic where the program says real, fake where it says fake, else unsure."""
    return {Label.REAL: ("1", Judgement.AUTHENTIC), Label.FAKE: ("f", Judgement.FAKE)}.get(
        analysis.verdict.label, ("u", Judgement.UNSURE)
    )


def test_forty_files_by_keys_with_a_server_killed_in_the_middle(session) -> None:
    data, queue, analyses = session
    port = free_port()
    process = start(port, data)
    try:
        with open_page(f"http://127.0.0.1:{port}/review") as (page, watch):
            page.set_default_timeout(180_000)
            for done, item in enumerate(queue[:KILLED_AFTER], start=1):
                judge(page, item, analyses[item], done)
            ready(page, queue[KILLED_AFTER])
            page.keyboard.press("f")
            page.wait_for_selector("text=You say fake")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert_kept(data, queue, analyses, KILLED_AFTER)
            process = start(port, data)
            page.goto(f"http://127.0.0.1:{port}/review")
            ready(page, queue[KILLED_AFTER])
            assert "You say fake" in page.inner_text("[data-testid=stMain]")
            page.keyboard.press("Control+z")
            page.wait_for_selector("text=What is it?")
            for done, item in enumerate(queue[KILLED_AFTER:], start=KILLED_AFTER + 1):
                judge(page, item, analyses[item], done)
            page.wait_for_selector("text=Everything in this queue is done")
            assert_kept(data, queue, analyses, FILES)
            take_reports(page, analyses)
            assert watch.strangers == []
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def judge(page, item: str, analysis: Analysis, done: int) -> None:
    """Two keys: one judges, one submits."""
    ready(page, item)
    key, word = word_on(analysis)
    page.keyboard.press(key)
    page.wait_for_selector(f"text=You say {word.value}")
    page.keyboard.press("Enter")
    page.wait_for_selector(f"text={done} of {FILES} done")


def assert_kept(data: Path, queue: list[str], analyses: dict[str, Analysis], count: int) -> None:
    truths = {Judgement.AUTHENTIC: Truth.REAL, Judgement.FAKE: Truth.FAKE, Judgement.UNSURE: Truth.UNSURE}
    with closing(Store(build_settings(data_dir=data))) as store:
        said = {label.analysis_id: label.truth for label in store.labels()}
        reviews = store.reviews(REVIEWER)
    assert said == {item: truths[word_on(analyses[item])[1]] for item in queue[:count]}
    assert sum(review.state is State.SUBMITTED for review in reviews.values()) == count


def take_reports(page, analyses: dict[str, Analysis]) -> None:
    """The PDF and the CSV of the sitting hold every file."""
    page.get_by_text("This sitting").click()
    page.get_by_role("button", name="Report on these").click()
    with page.expect_download(timeout=300_000) as document:
        page.get_by_role("button", name="PDF").click()
    with page.expect_download() as sheet:
        page.get_by_role("button", name="CSV").click()
    page.keyboard.press("Escape")
    settled(page)
    assert fits(page)
    shoot(page, "workbench-session-done-desktop")
    names = sorted(analysis.media.name for analysis in analyses.values())
    pdf = Path(document.value.path()).read_bytes()
    (SCREENS / "workbench-session.pdf").write_bytes(pdf)
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    assert [name for name in names if name not in text] == []
    with Path(sheet.value.path()).open(encoding="utf-8", newline="") as file:
        assert sorted(row["file"] for row in csv.DictReader(file)) == names
