"""Labels against verdicts: who is right, under which policy, with which interval."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from core import judging
from core.figures import confusion_table, judged_reliability, judged_roc
from core.judging import Case, Policy, rate
from core.store.feedback import Label as HumanLabel
from core.store.feedback import Truth
from core.types import Analysis, Label, Thresholds
from tests.unit.store_samples import make_analysis

LIMITS = Policy(Thresholds(fake=0.7, real=0.3))
SCORE = st.one_of(st.none(), st.floats(0.0, 1.0))


def case(fake: bool, p: float | None, number: int = 0, source: str = "default", **members: float) -> Case:
    return Case(f"id{number}", f"{number}.png", fake, p, members, source)


def label(analysis_id: str | None, truth: Truth, reviewer: str = "ann", **changes: object) -> HumanLabel:
    made = HumanLabel(1, analysis_id, "0" * 64, reviewer, truth, None, "", (), False, 0.5, Label.UNCERTAIN, "2026")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("truths", "says"),
    [
        ([], None),
        ([Truth.UNSURE], None),
        ([Truth.FAKE], True),
        ([Truth.REAL, Truth.UNSURE], False),
        ([Truth.FAKE, Truth.REAL], None),
        ([Truth.FAKE, Truth.REAL, Truth.REAL], False),
    ],
)
def test_the_truth_is_what_most_say(truths: list[Truth], says: bool | None) -> None:
    assert judging.truth_of(label("a", truth) for truth in truths) is says


def test_a_label_that_was_taken_back_does_not_count() -> None:
    assert judging.truth_of([label("a", Truth.FAKE, retracted=True), label("a", Truth.REAL)]) is False


def test_cases_are_the_files_that_people_call_fake_or_real() -> None:
    analyses = {name: make_analysis(name) for name in "ab"}
    by_id: dict[str, Analysis] = {a.id: a for a in analyses.values()}
    given_labels = [
        label(analyses["a"].id, Truth.FAKE),
        label(analyses["b"].id, Truth.UNSURE),
        label(None, Truth.FAKE),
    ]
    (found,) = judging.cases(given_labels, by_id.__getitem__)
    assert (found.analysis_id, found.fake, found.p_fake) == (analyses["a"].id, True, 0.9)
    assert found.members == {"net": 0.9}


def test_counts_and_rates_under_a_policy() -> None:
    known = [case(True, 0.9), case(True, 0.5), case(True, 0.1), case(False, 0.8), case(False, None)]
    found = judging.confusion(known, LIMITS)
    assert (found.n, found.errors) == (5, 2)
    assert found.found.value == found.misses.value == pytest.approx(1 / 3)
    assert (found.false_alarms.value, found.false_alarms.n) == (0.5, 2)
    assert found.decided.value == pytest.approx(3 / 5)
    assert found.count(False, Label.NOT_APPLICABLE) == 1


def test_new_weights_are_a_mean_of_the_members_that_answered() -> None:
    one = case(True, 0.9, a=0.2, b=0.8)
    assert Policy(LIMITS.thresholds, {"a": 1.0, "b": 3.0}).p_fake(one) == pytest.approx(0.65)
    assert Policy(LIMITS.thresholds, {"a": 0.0}).p_fake(one) is None
    assert Policy(LIMITS.thresholds, {"a": 0.0}).label(one) is Label.NOT_APPLICABLE
    assert LIMITS.p_fake(one) == 0.9


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_its_share_and_stays_in_range(hits: int, more: int) -> None:
    found = rate(hits, hits + more)
    if found.value is None:
        assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
    else:
        assert 0.0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1.0


def test_wilsons_interval_of_a_known_case() -> None:
    """5 of 10: 0.2366 to 0.7634."""
    found = rate(5, 10)
    assert found.low == pytest.approx(0.2366, abs=1e-4)
    assert found.high == pytest.approx(0.7634, abs=1e-4)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), SCORE), min_size=1, max_size=30))
def test_the_area_under_the_roc_is_that_of_scikit_learn(pairs: list[tuple[bool, float | None]]) -> None:
    known = [case(fake, p) for fake, p in pairs]
    scored = [(fake, p) for fake, p in pairs if p is not None]
    _, _, area = judging.roc(known, LIMITS)
    if len({fake for fake, _ in scored}) < 2:
        assert area is None
    else:
        assert area == pytest.approx(roc_auc_score(*zip(*scored, strict=True)))


def test_calibration_bins_hold_every_case_once() -> None:
    known = [case(i % 2 == 0, i / 10) for i in range(11)]
    bins = judging.reliability(known, LIMITS)
    assert sum(b.n for b in bins) == 11
    assert bins[-1].n == 3
    assert all(0.0 <= b.was <= 1.0 for b in bins)


def test_the_most_confident_mistake_comes_first() -> None:
    known = [case(True, 0.2, 1), case(False, 0.99, 2), case(True, 0.9, 3)]
    assert [c.analysis_id for c in judging.mistakes(known, LIMITS)] == ["id2", "id1"]


def test_cases_by_source_are_in_order_of_name() -> None:
    groups = judging.by_source([case(True, 0.5, 1, "z"), case(True, 0.5, 2, "a"), case(True, 0.5, 3, "z")])
    assert {name: len(group) for name, group in groups.items()} == {"a": 1, "z": 2}
    assert list(groups) == ["a", "z"]


def test_figures_show_the_counts_and_the_point_of_the_policy() -> None:
    known = [case(True, 0.9), case(True, 0.4), case(False, 0.1), case(False, 0.8)]
    table = confusion_table(judging.confusion(known, LIMITS))
    assert table.data[0].text[0][0] == 1
    curve = judged_roc(known, LIMITS)
    assert (curve.data[2].x[0], curve.data[2].y[0]) == (0.5, 0.5)
    assert len(judged_reliability(known, LIMITS).data[1].x) == 3
    assert "both kinds" in judged_roc(known[:2], LIMITS).layout.annotations[0].text
