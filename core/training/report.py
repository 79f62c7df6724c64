"""The report of an evaluation as one self-contained HTML page, and its table for README and cards."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from core.errors import StorageError
from core.training import plots
from core.training.results import (
    Measured,
    Pair,
    Result,
    SliceRow,
    by_method,
    by_slice,
    comparisons,
    measures,
    read_result,
)
from core.training.robustness import Curve

_STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:#1f2733;
background:#fff;max-width:1080px;margin:0 auto;padding:1.5rem}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.2rem 0 .4rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
p{margin:.3rem 0 .8rem;max-width:75ch}.note{color:#5c6675;font-size:.9rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem;margin:.4rem 0 1rem}
th,td{padding:.25rem .8rem .25rem 0;text-align:left;border-bottom:1px solid #e3e7ed;vertical-align:top}
th.n,td.n{text-align:right}td.n{white-space:nowrap}.wide{overflow-x:auto}code{font-size:.85em;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:1rem}
"""
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def run(results: Sequence[Path], out: Path, *, heading: str = "Evaluation", rounds: int = 1000) -> None:
    """Write the report on the result files of evaluations to ``out``.

    Raises:
        ConfigError: a file holds something else.
        StorageError: the report cannot be written.
    """
    write_report([read_result(path) for path in results], out, heading=heading, rounds=rounds)


def write_report(results: Sequence[Result], path: Path, *, heading: str = "Evaluation", rounds: int = 1000) -> None:
    """Write :func:`html` to ``path``; a crash leaves the old file.

    Raises:
        StorageError: the file cannot be written.
    """
    text = html(results, heading=heading, rounds=rounds)
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as exc:
        raise StorageError(f"The report {path} cannot be written.", hint="Check the folder and free space.") from exc


def html(results: Sequence[Result], *, heading: str = "Evaluation", rounds: int = 1000) -> str:
    """The page: tables, and figures that Plotly draws with the copy of its script that the page holds.

    Args:
        results: one a detector, at least one.
        rounds: of the bootstrap.

    Raises:
        ValueError: no results.
    """
    if not results:
        raise ValueError("a report needs a result")
    from plotly.offline import get_plotlyjs

    page = _Page()
    _overview(page, results, rounds)
    _curves(page, results)
    _parts(page, results)
    _robustness(page, results)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(heading)}</title><style>{_STYLE}</style><script>{get_plotlyjs()}</script></head>"
        f"<body><h1>{escape(heading)}</h1>{''.join(page.parts)}</body></html>\n"
    )


def markdown_table(results: Sequence[Result], *, rounds: int = 1000) -> str:
    """Measures as a Markdown table, a column a detector, each with its 95 % interval."""
    header, rows = _measure_table(results, rounds)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines) + "\n"


class _Page:
    """Collects the body; figures get numbered ids, so equal results give equal pages."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._figures = 0

    def title(self, text: str, note: str = "", level: int = 2) -> None:
        self.parts.append(f"<h{level}>{escape(text)}</h{level}>")
        if note:
            self.parts.append(f'<p class="note">{escape(note)}</p>')

    def table(self, table: Table) -> None:
        header, rows = table
        cells = [self._row(header, "th"), *(self._row(row, "td") for row in rows)]
        self.parts.append(f'<div class="wide"><table>{"".join(cells)}</table></div>')

    @staticmethod
    def _row(cells: Sequence[str], tag: str) -> str:
        first, *rest = cells
        return f"<tr><{tag}>{escape(first)}</{tag}>{''.join(f'<{tag} class=n>{escape(c)}</{tag}>' for c in rest)}</tr>"

    def figures(self, *titled: tuple[str, go.Figure]) -> None:
        made = []
        for title, fig in titled:
            self._figures += 1
            drawn = fig.to_html(
                full_html=False,
                include_plotlyjs=False,
                div_id=f"figure-{self._figures}",
                config={"displayModeBar": False, "displaylogo": False},
            )
            made.append(f"<section><h3>{escape(title)}</h3>{drawn}</section>")
        self.parts.append(f'<div class="pair">{"".join(made)}</div>')


# --- sections ----------------------------------------------------------------------------------------------------


def _overview(page: _Page, results: Sequence[Result], rounds: int) -> None:
    page.title("Detectors")
    rows = []
    for one in results:
        counts = (str(int((~one.fake).sum())), str(int(one.fake.sum())), str(one.unanswered), f"{one.threshold:.3f}")
        rows.append((f"{one.title} ({one.detector})", *counts, one.weights_sha256[:16] or "–"))
    page.table((("detector", "real", "fake", "not answered", "threshold", "weights sha256"), rows))
    for command in dict.fromkeys(one.command for one in results if one.command):
        page.parts.append(f"<p class=note>Made by <code>{escape(command)}</code></p>")
    page.title(
        "Measures",
        "One item is one file. In brackets the 95 % interval: DeLong for the AUC, Wilson for rates at the threshold, "
        "bootstrap for the rest; bootstrap over groups for all where files belong together.",
    )
    page.table(_measure_table(results, rounds))
    pairs = comparisons(results)
    if pairs:
        page.title("Differences of AUC", "DeLong's paired test on the files that both answered.", level=3)
        page.table((("detectors", "n", "difference", "p"), [_pair_row(pair) for pair in pairs]))


def _pair_row(pair: Pair) -> Sequence[str]:
    found = pair.comparison
    return (
        f"{pair.first} − {pair.second}",
        str(pair.n),
        _span(found.difference, found.low, found.high, "+.3f"),
        f"{found.p_value:.3g}",
    )


def _measure_table(results: Sequence[Result], rounds: int) -> tuple[list[str], list[list[str]]]:
    columns = [{one.name: one for one in measures(result, rounds=rounds)} for result in results]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [[name, *(_measured(column.get(name)) for column in columns)] for name in names]
    return ["measure", *(result.title for result in results)], rows


def _measured(one: Measured | None) -> str:
    return "–" if one is None else f"{_span(one.value, one.low, one.high)}, n = {one.n}"


def _span(value: float, low: float, high: float, form: str = ".3f") -> str:
    if not math.isfinite(value):
        return "–"
    known = math.isfinite(low) and math.isfinite(high)
    return f"{value:{form}} [{low:{form}}, {high:{form}}]" if known else f"{value:{form}}"


def _curves(page: _Page, results: Sequence[Result]) -> None:
    page.title("Curves")
    if any(one.fake.any() and not one.fake.all() for one in results):
        page.figures(
            ("Receiver operating characteristic", plots.roc(results)),
            ("Precision and recall", plots.precision_recall(results)),
        )
    page.figures(
        ("Reliability", plots.reliability(results)),
        ("Error against coverage", plots.error_against_coverage(results)),
    )
    page.figures(*((f"Scores: {one.title}", plots.histogram(one)) for one in results))


def _parts(page: _Page, results: Sequence[Result]) -> None:
    rows = [(one, by_method(one)) for one in results]
    if any(parts for _, parts in rows):
        page.title("By method", "Fakes of each method against all reals of the same kind.")
        _slice_section(page, rows, "method")
    for kind in dict.fromkeys(name for one in results for name in one.slices):
        page.title(f"By {kind}", "Files of one class only have no AUC; the rates at the threshold still tell.")
        _slice_section(page, [(one, by_slice(one, kind)) for one in results if kind in one.slices], kind)


def _slice_section(page: _Page, rows: Sequence[tuple[Result, Sequence[SliceRow]]], kind: str) -> None:
    if any(math.isfinite(part.auc) for _, parts in rows for part in parts):
        page.figures((f"AUC by {kind}", plots.auc_bars(rows, "")))
    for one, parts in rows:
        if parts:
            page.title(one.title, level=3)
            page.table(((kind, "real", "fake", "AUC", "recall", "false alarms"), [_slice_cells(p) for p in parts]))


def _slice_cells(part: SliceRow) -> Sequence[str]:
    return (
        part.name,
        str(part.real),
        str(part.fake),
        _span(part.auc, part.auc_low, part.auc_high),
        _span(part.recall, part.recall_low, part.recall_high),
        _span(part.false_alarms, part.false_alarms_low, part.false_alarms_high),
    )


def _robustness(page: _Page, results: Sequence[Result]) -> None:
    names = list(dict.fromkeys(curve.name for one in results for curve in one.curves))
    if not names:
        return
    page.title("Robustness", "Solid: mean P(fake) of reals; dashed: of fakes; dotted: AUC. Rise: of the reals' mean.")
    drawn = []
    for name in names:
        curves = [(one, curve) for one in results for curve in one.curves if curve.name == name]
        drawn.append((name, plots.robustness(curves)))
    page.figures(*drawn)
    for one in results:
        if one.curves:
            page.title(f"Rise of the reals' mean P(fake): {one.title}", level=3)
            page.table((("nuisance", "level", "rise", "AUC"), [row for c in one.curves for row in _rise_rows(c)]))


def _rise_rows(curve: Curve) -> list[Sequence[str]]:
    return [
        (
            f"{curve.name} ({curve.unit})",
            f"{p.level:g}",
            _span(p.rise_real, p.rise_real - p.rise_half, p.rise_real + p.rise_half, "+.3f"),
            "–" if math.isnan(p.auc) else f"{p.auc:.3f}",
        )
        for p in curve.points
        if p.level is not None
    ]
