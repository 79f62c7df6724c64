"""A report as one HTML file that needs nothing else: figures, pictures and Plotly itself are inside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image
from plotly.io import to_html
from plotly.offline import get_plotlyjs

from core import __version__, figures
from core.reports.content import Grid, Item, Picture, Plot, Section, sections, summary
from core.types import Analysis

_PICTURE_PX = 1100
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:"
_STYLE = """
:root{color-scheme:light}body{font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1f2733;
max-width:60rem;margin:0 auto;padding:1rem 1.2rem 3rem;background:#fff}
h1{font-size:1.6rem;overflow-wrap:anywhere;margin:1.5rem 0 .5rem}h2{font-size:1.15rem;margin:1.8rem 0 .4rem}
p{margin:.3rem 0}ul{padding-left:1.2rem;margin:.4rem 0}li{overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.86rem;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid #e3e7ed;
overflow-wrap:anywhere}th[scope=row]{font-weight:600;width:24%;min-width:7rem}
.wide{overflow-x:auto}.wide th,.wide td{overflow-wrap:normal;min-width:4rem}.wide td:last-child{min-width:9rem}
.pictures{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:.4rem 0;flex:1 1 18rem;max-width:30rem}
figure img{width:100%;border-radius:6px}figcaption,footer{color:#5c6675;font-size:.84rem}
article+article{border-top:3px solid #e3e7ed;margin-top:3rem}
@media print{article+article{break-before:page;border:0}}
"""


def to_html_page(items: Item | Sequence[Item]) -> str:
    """A report on one file, or on a session of several with an overview first.

    Raises:
        ValueError: there is nothing to report on.
    """
    every = [items] if isinstance(items, Item) else list(items)
    if not every:
        raise ValueError("a report needs at least one analysis")
    parts = []
    if len(every) > 1:
        first = _section(summary(every), every[0].analysis, "overview")
        parts.append(f"<article><h1>Unmask report</h1>{first}</article>")
    for number, item in enumerate(every):
        inside = "".join(_section(s, item.analysis, f"f{number}-{i}") for i, s in enumerate(sections(item)))
        parts.append(f"<article><h1>{_text(item.analysis.media.name)}</h1>{inside}</article>")
    title = _text(every[0].analysis.media.name) if len(every) == 1 else f"{len(every)} files"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Unmask report: {title}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><script>{get_plotlyjs()}</script></head><body><main>{''.join(parts)}</main>"
        f"<footer>Unmask {_text(__version__)}. An estimate by models, no proof.</footer></body></html>\n"
    )


def _text(text: str) -> str:
    """Escaped, and without characters that steer the reader (controls, changes of writing direction)."""
    return escape("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text), quote=True)


def _section(section: Section, analysis: Analysis, place: str) -> str:
    parts = [f"<h2>{_text(section.title)}</h2>", *(f"<p>{_text(line)}</p>" for line in section.text)]
    if section.plot:
        parts.append(_plot(analysis, section.plot, place))
    if section.pictures:
        parts.append(f'<div class="pictures">{"".join(map(_picture, section.pictures))}</div>')
    if section.grid:
        parts.append(_grid(section.grid))
    if section.bullets:
        parts.append(f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in section.bullets)}</ul>")
    return f"<section>{''.join(parts)}</section>"


def _plot(analysis: Analysis, name: Plot, place: str) -> str:
    draw = {
        "verdict": figures.verdict_bar,
        "consensus": figures.consensus_bars,
        "timeline": figures.timeline,
        "sync": figures.sync_curve,
    }[name]
    drawn: str = to_html(
        draw(analysis), full_html=False, include_plotlyjs=False, div_id=f"plot-{place}",
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    return drawn


def _picture(picture: Picture) -> str:
    image = Image.fromarray(picture.rgb)
    image.thumbnail((_PICTURE_PX, _PICTURE_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    source = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    caption = _text(picture.caption)
    return f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'


def _grid(grid: Grid) -> str:
    if not grid.head:
        rows = "".join(f"<tr><th scope=row>{_text(a)}</th><td>{_text(b)}</td></tr>" for a, b in grid.rows)
        return f"<table><tbody>{rows}</tbody></table>"
    head = "".join(f"<th>{_text(cell)}</th>" for cell in grid.head)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in grid.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
