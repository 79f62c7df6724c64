"""The report of an evaluation: measures, figures, page."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, StorageError
from core.training import metrics, plots, report
from core.training.intervals import wilson
from core.training.results import Result, by_method, by_slice, comparisons, from_facts, measures, read_result
from core.training.robustness import all_series, curves

# --- results -----------------------------------------------------------------------------------------------------


def make_result(seed: int = 0, n: int = 120, *, title: str = "First", **changes: object) -> Result:
    rng = np.random.default_rng(seed)
    fake = np.arange(n) % 3 > 0
    p = 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * fake + 0.7))
    facts: dict[str, object] = {
        "detector": title.lower(),
        "title": title,
        "files": tuple(f"{i:064x}" for i in range(n)),
        "fake": fake,
        "p": p,
        "methods": tuple(("pristine", "swap", "render")[i % 3] for i in range(n)),
        "slices": {"source": tuple("lab" if i < n // 2 else "web" for i in range(n))},
        "weights_sha256": "ab" * 32,
        "command": "python -m core.cli evaluate x.yaml",
    }
    return Result(**(facts | changes))  # type: ignore[arg-type]


def test_measures_agree_with_their_definitions() -> None:
    one = make_result()
    found = {m.name: m for m in measures(one, rounds=40)}
    called = one.p >= 0.5
    hits, alarms = int((called & one.fake).sum()), int((called & ~one.fake).sum())
    assert found["AUC"].value == pytest.approx(metrics.auc(one.fake, one.p))
    assert found["precision"].value == pytest.approx(hits / (hits + alarms))
    assert found["recall"].value == pytest.approx(hits / one.fake.sum())
    assert found["F1"].value == pytest.approx(2 * hits / (hits + alarms + one.fake.sum()))
    assert found["false alarms"].n == int((~one.fake).sum())
    assert (found["AUC"].how, found["recall"].how, found["Brier"].how) == ("DeLong", "Wilson", "bootstrap")
    for m in found.values():
        assert m.low <= m.value <= m.high, m


def test_grouped_items_get_bootstrap_intervals_that_are_wider() -> None:
    one = make_result(n=60)
    tripled = make_result(
        n=180,
        fake=np.tile(one.fake, 3),
        p=np.tile(one.p, 3),
        methods=one.methods * 3,
        slices={},
        groups=tuple(str(i) for i in range(60)) * 3,
    )
    grouped = {m.name: m for m in measures(tripled, rounds=150)}
    assert all(m.how == "bootstrap" for m in grouped.values())
    loose = make_result(n=180, fake=tripled.fake, p=tripled.p, methods=tripled.methods, slices={})
    naive = {m.name: m for m in measures(loose, rounds=150)}
    assert grouped["AUC"].high - grouped["AUC"].low > 1.3 * (naive["AUC"].high - naive["AUC"].low)


def test_no_alarm_among_few_persons_is_no_promise() -> None:
    one = make_result(n=90, groups=tuple(str(i // 9) for i in range(90)))
    quiet = one.at(1.5)
    (alarms,) = measures(quiet, rounds=20, only={"false alarms"})
    assert (alarms.value, alarms.low, alarms.n) == (0.0, 0.0, 30)
    assert alarms.high == pytest.approx(wilson(0, 10)[1]), "ten persons, not thirty pictures"
    (found,) = measures(one, rounds=20, only={"recall"})
    assert found.n == 60 and found.low < found.value < found.high


def test_a_perfect_order_of_few_persons_is_no_proof() -> None:
    fake = np.arange(40) % 2 == 1
    one = make_result(n=40, fake=fake, p=0.2 + 0.6 * fake, slices={}, groups=tuple(str(i // 8) for i in range(40)))
    (auc,) = measures(one, rounds=20, only={"AUC"})
    assert (auc.value, auc.high) == (1.0, 1.0)
    assert auc.low == pytest.approx(0.025 ** (1 / 5)), "five persons of the rarer class"
    (none,) = measures(one.where(fake).at(0.9), rounds=20, only={"recall"})
    assert none.low == 0.0 < none.high


def test_parts_of_grouped_items_are_bootstrapped() -> None:
    one = make_result(n=180, groups=tuple(str(i // 6) for i in range(180)))
    row = by_slice(one, "source")[0]
    loose = by_slice(make_result(n=180), "source")[0]
    assert (row.auc, row.real, row.fake) == pytest.approx((loose.auc, loose.real, loose.fake))
    assert (row.auc_low, row.auc_high) != (loose.auc_low, loose.auc_high)


def test_one_class_has_rates_but_no_auc() -> None:
    one = make_result()
    reals = one.where(~one.fake)
    names = {m.name for m in measures(reals, rounds=20)}
    assert "AUC" not in names
    assert "recall" not in names
    assert "TPR at 1 % FPR" not in names
    assert {"false alarms", "Brier"} <= names


def test_by_method_takes_reals_of_the_same_modality() -> None:
    one = make_result(slices={"modality": tuple("image" if i % 2 else "video" for i in range(120))})
    mixed = make_result(
        methods=tuple(
            "stills" if f and i % 2 else m for i, (m, f) in enumerate(zip(one.methods, one.fake, strict=True))
        ),
        slices=one.slices,
    )
    stills = {row.name: row for row in by_method(mixed)}["stills"]
    assert stills.real == 20, "a method that made pictures only is held against real pictures only"


def test_by_slice() -> None:
    one = make_result()
    lab, web = by_slice(one, "source")
    assert (lab.name, web.name) == ("lab", "web")
    assert lab.real + lab.fake == 60
    assert lab.auc == pytest.approx(metrics.auc(one.fake[:60], one.p[:60]))
    assert lab.false_alarms == pytest.approx(float(np.mean(one.p[:60][~one.fake[:60]] >= 0.5)))


def test_comparisons_use_common_files_only() -> None:
    a = make_result(1)
    b = make_result(2, title="Second", files=tuple(f"{i + 30:064x}" for i in range(120)))
    (pair,) = comparisons([a, b])
    assert pair.n == 90
    assert pair.comparison.first == pytest.approx(metrics.auc(a.fake[30:], a.p[30:]))
    assert comparisons([a, make_result(files=tuple(f"x{i}" for i in range(120)))]) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"p": np.full(120, np.nan)},
        {"p": np.full(120, 1.2)},
        {"methods": ("a",)},
        {"groups": ("a", "b")},
        {"threshold": 0.0},
        {"slices": {"source": ("a",)}},
    ],
)
def test_wrong_results_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        make_result(**changes)


def facts_of(one: Result) -> dict[str, object]:
    rows = [
        {"sha256": f, "fake": bool(k), "method": m, "p_fake": float(p), "source": s, "faces": 1}
        for f, k, m, p, s in zip(one.files, one.fake, one.methods, one.p, one.slices["source"], strict=True)
    ]
    rows.append({"sha256": "f" * 64, "fake": True, "method": "swap", "p_fake": None, "source": "web", "faces": 0})
    return {"detector": one.detector, "weights_sha256": one.weights_sha256, "threshold_1pct": 0.7, "files": rows}


def test_result_from_the_evaluation_file(tmp_path: Path) -> None:
    one = make_result()
    path = tmp_path / "first.json"
    path.write_text(json.dumps(facts_of(one)))
    back = read_result(path)
    np.testing.assert_array_equal(back.fake, one.fake)
    np.testing.assert_allclose(back.p, one.p)
    assert (back.threshold, back.unanswered, set(back.slices)) == (0.7, 1, {"source"})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"detector": "a", "files": []}', '{"detector": "a", "files": [{}]}'])
def test_files_that_are_no_result(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_result(path)
    assert caught.value.hint


# --- the page ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page() -> str:
    found = curves(
        [np.full((32, 32, 3), 60 + 40 * i, np.uint8) for i in range(4)],
        np.array([False, True, False, True]),
        lambda x: x.mean(axis=(1, 2, 3)) / 255,
        series={name: all_series()[name] for name in ("jpeg", "darker")},
    )
    return report.html(
        [make_result(curves=found), make_result(1, title="Second </script><b>&")], heading="Tést <i>", rounds=50
    )


def test_page_is_self_contained(page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert page.count("plotly.js v") == 1, "the script stands in the page once"
    outside = page[: page.index("<script>")] + page[page.index("</script>") :]
    assert not re.search(r"(?:src|href)\s*=|https?://", outside)
    assert "default-src 'none'" in page


def test_page_has_every_section_and_figure(page: str) -> None:
    for text in ("Measures", "Differences of AUC", "By method", "By source", "Robustness", "Rise of the reals"):
        assert text in page
    assert len(set(re.findall(r'id="(figure-\d+)"', page))) == 10
    assert page.count("Plotly.newPlot(") - page.split("</script>")[0].count("Plotly.newPlot(") == 10


def test_page_escapes_names(page: str) -> None:
    assert "<title>Tést &lt;i&gt;</title>" in page
    assert "Second </script>" not in page
    assert "<b>&</b>" not in page
    assert page.count("<script") == page.count("</script>")


def test_equal_results_give_equal_pages() -> None:
    pages = [report.html([make_result()], rounds=20) for _ in range(2)]
    assert pages[0] == pages[1]


def test_page_of_reals_only() -> None:
    one = make_result()
    text = report.html([one.where(~one.fake)], rounds=20)
    assert "false alarms" in text
    assert "Receiver operating" not in text
    assert "By method" not in text


def test_run_writes_the_page(tmp_path: Path) -> None:
    source, out = tmp_path / "first.json", tmp_path / "deep" / "report.html"
    source.write_text(json.dumps(facts_of(make_result(n=30))))
    report.run([source], out, rounds=50)
    assert "error-coverage area" in out.read_text(encoding="utf-8")
    with pytest.raises(StorageError):
        report.run([source], source / "report.html")


def test_no_results() -> None:
    with pytest.raises(ValueError):
        report.html([])


def test_markdown_table() -> None:
    table = report.markdown_table([make_result(), make_result(1, title="A|B")], rounds=30).splitlines()
    assert table[0] == r"| measure | First | A\|B |"
    assert table[1] == "| --- | --- | --- |"
    value = metrics.auc(make_result().fake, make_result().p)
    assert table[2].startswith(f"| AUC | {value:.3f} [")
    assert table[2].count("n = 120") == 2


# --- figures -----------------------------------------------------------------------------------------------------


def test_roc_and_precision_recall_draw_the_measured_points() -> None:
    one = make_result()
    fpr, tpr, _ = metrics.roc(one.fake, one.p)
    drawn = plots.roc([one]).data[1]
    np.testing.assert_allclose(drawn.x, fpr)
    np.testing.assert_allclose(drawn.y, tpr)
    pr = plots.precision_recall([one]).data[0]
    order = np.argsort(-one.p)
    expected = np.cumsum(one.fake[order]) / np.arange(1, len(order) + 1)
    np.testing.assert_allclose(pr.y, expected)
    assert f"{metrics.auc(one.fake, one.p):.3f}" in drawn.name


def test_reliability_bins() -> None:
    one = make_result(n=4, p=np.array([0.12, 0.18, 0.95, 1.0]), fake=np.array([False, True, True, True]))
    drawn = plots.reliability([one]).data[1]
    np.testing.assert_allclose(drawn.x, [0.15, 0.975])
    np.testing.assert_allclose(drawn.y, [0.5, 1.0])
    assert list(drawn.text) == ["2 files", "2 files"]


def test_bars_leave_out_parts_without_auc() -> None:
    one = make_result()
    rows = by_slice(make_result(slices={"kind": tuple("forged" if f else "true" for f in one.fake)}), "kind")
    assert all(math.isnan(row.auc) for row in rows)
    assert list(plots.auc_bars([(one, rows)], "kind").data[0].x) == []


def test_bars_of_two_detectors_do_not_cover_each_other() -> None:
    results = [make_result(), make_result(1, title="Second")]
    first, second = plots.auc_bars([(one, by_method(one)) for one in results], "").data
    assert not set(first.y) & set(second.y)
    np.testing.assert_allclose(np.array(second.y) - np.array(first.y), 0.25)
    row = by_method(results[0])[0]
    assert (first.error_x.array[0], first.error_x.arrayminus[0]) == pytest.approx(
        (row.auc_high - row.auc, row.auc - row.auc_low)
    )


def test_robustness_draws_the_levels_in_order() -> None:
    series = {"jpeg": all_series()["jpeg"]}
    reals = [np.full((16, 16, 3), 90, np.uint8)] * 2
    (curve,) = curves(reals, np.zeros(2, bool), lambda x: x.mean(axis=(1, 2, 3)) / 255, series=series)
    (drawn,) = plots.robustness([(make_result(), curve)]).data
    assert list(drawn.x) == ["none", "90", "70", "50", "40", "30"], "no line for what has no fakes"
    assert drawn.y[0] == pytest.approx(90 / 255)


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    one = make_result(n=9000)
    drawn = plots.roc([one]).data[1]
    assert len(drawn.x) <= 600
    assert (drawn.x[0], drawn.y[0], drawn.x[-1], drawn.y[-1]) == (0.0, 0.0, 1.0, 1.0)


def test_from_facts_reads_curves() -> None:
    facts = facts_of(make_result())
    facts["robustness"] = [
        {
            "name": "jpeg",
            "unit": "quality",
            "real": 1,
            "fake": 0,
            "points": [
                {"level": None, "p_real": 0.1, "p_fake": None, "auc": None, "rise_real": 0.0, "rise_half": None}
            ],
        }
    ]
    (curve,) = from_facts(facts).curves
    assert curve.points[0].level is None
    assert math.isnan(curve.points[0].auc)
