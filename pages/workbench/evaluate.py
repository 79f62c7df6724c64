"""Evaluate: people's labels against the program's verdicts, and what another policy would have said."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

import streamlit as st

from core import judging, wording
from core.errors import NotFoundError
from core.figures import confusion_table, judged_reliability, judged_roc
from core.judging import Case, Policy, Rate
from core.registry import ensemble
from core.reports.tables import escape as safe_cell
from core.types import Analysis, Thresholds
from pages.workbench.common import settings, store, theme, view
from pages.workbench.tables import figures, table

_QUIET = {"displayModeBar": False}


@view
def show() -> None:
    st.title("Evaluate")
    known, judged = _cases()
    if not known:
        st.info("Nobody has judged a file yet. Label results on the pages Analyse and Review.", icon=":material/inbox:")
        return
    fakes = sum(case.fake for case in known)
    st.caption(
        f"{len(known)} judged files: {fakes} fake, {len(known) - fakes} real. These are the files that people chose to "
        "judge, so the figures hold for them and not for files in general."
        + (f" Left out: {judged - len(known)} on which people are unsure or split." if judged > len(known) else "")
    )
    policy = _policy(known)
    _figures(known, policy)
    _sources(known, policy)
    _wrong(known, policy)
    st.download_button("Download as CSV", _csv(known, policy), "judged.csv", "text/csv", key="judged-csv")


def _cases() -> tuple[list[Case], int]:
    """The files that people call fake or real, and how many they judged at all."""
    book = store()
    labels = [label for label in book.labels() if label.analysis_id is not None]
    found: dict[str, Analysis] = {}
    for analysis_id in dict.fromkeys(label.analysis_id or "" for label in labels):
        with suppress(NotFoundError):
            found[analysis_id] = book.get(analysis_id)
    return judging.cases([one for one in labels if one.analysis_id in found], found.__getitem__), len(found)


def _policy(known: list[Case]) -> Policy:
    st.markdown("### What if the policy were another?")
    preset = ensemble(settings().preset).limits
    real, fake = st.slider(
        "Real up to, fake from",
        0,
        100,
        (round(100 * preset.real), round(100 * preset.fake)),
        format="%d%%",
        key="policy-limits",
        help="The same two marks for all files. No model runs again.",
    )
    limits = Thresholds(fake=fake / 100, real=real / 100)
    names = sorted({name for case in known for name in case.members})
    if not st.toggle("Weigh the members anew", key="policy-weigh", disabled=len(names) < 2):
        return Policy(limits)
    columns = st.columns(min(4, len(names)))
    weights = {
        name: columns[i % len(columns)].number_input(name, 0.0, 10.0, 1.0, 0.25, key=f"policy-{name}")
        for i, name in enumerate(names)
    }
    return Policy(limits, weights)


def _figures(known: list[Case], policy: Policy) -> None:
    found = judging.confusion(known, policy)
    rates = {
        "Reals called fake": found.false_alarms,
        "Fakes called real": found.misses,
        "Fakes called fake": found.found,
        "Decided at all": found.decided,
    }
    figures(
        {name: _percent(value) for name, value in rates.items()},
        {name: _interval(value) for name, value in rates.items()},
    )
    st.plotly_chart(
        confusion_table(found, theme=theme()), theme=None, config=_QUIET, key="confusion", alt="Confusion matrix"
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("### ROC")
        st.plotly_chart(judged_roc(known, policy, theme=theme()), theme=None, config=_QUIET, key="roc", alt="ROC curve")
    with right:
        st.markdown("### Calibration")
        st.plotly_chart(
            judged_reliability(known, policy, theme=theme()), theme=None, config=_QUIET, key="bins", alt="Calibration"
        )


def _sources(known: list[Case], policy: Policy) -> None:
    st.markdown("### By preset")
    rows = []
    for name, group in judging.by_source(known).items():
        found = judging.confusion(group, policy)
        rows.append(
            {
                "Preset": name,
                "Files": str(found.n),
                "Errors": str(found.errors),
                "Reals called fake": f"{_percent(found.false_alarms)} ({_interval(found.false_alarms)})",
                "Fakes called fake": f"{_percent(found.found)} ({_interval(found.found)})",
            }
        )
    table(rows, "", "by-source")


def _wrong(known: list[Case], policy: Policy) -> None:
    st.markdown("### Where the program was wrong")
    rows = [
        {
            "File": case.name,
            "Is": "fake" if case.fake else "real",
            "P(fake)": wording.percent(policy.p_fake(case) or 0.0),
            "Verdict": wording.VERDICT_TITLES[policy.label(case)],
        }
        for case in judging.mistakes(known, policy)
    ]
    table(rows, "Nowhere under this policy.", "mistakes")


def _percent(value: Rate) -> str:
    return "–" if value.value is None else wording.percent(value.value)


def _interval(value: Rate) -> str:
    return f"95 % interval {value.low:.0%} to {value.high:.0%}, n = {value.n}" if value.n else "n = 0"


def _csv(known: list[Case], policy: Policy) -> str:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("file", "analysis", "truth", "p_fake", "verdict", "preset"))
    for case in known:
        p = policy.p_fake(case)
        cells = (case.name, case.analysis_id, "fake" if case.fake else "real", p, policy.label(case).value, case.source)
        rows.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue()
