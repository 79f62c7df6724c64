"""Analyses as CSV tables that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from core.types import Analysis, FaceTrack

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = dict[str, Cell]
Table: TypeAlias = Literal["files", "scores", "frames"]

COLUMNS: dict[Table, tuple[str, ...]] = {
    "files": (
        "file", "sha256", "kind", "preset", "label", "p_fake", "low", "high", "calibrated", "agreement", "person",
        "fake_from", "real_up_to", "people", "duration_s", "width_px", "height_px", "warnings", "created_at",
        "analysis",
    ),
    "scores": (
        "file", "sha256", "detector", "title", "modality", "person", "status", "p_fake", "raw", "n", "calibration",
        "weights_sha256", "reason",
    ),
    "frames": (
        "file", "sha256", "detector", "person", "t_s", "p_fake", "x0_px", "y0_px", "x1_px", "y1_px", "face_px",
        "enhanced",
    ),
}  # fmt: skip

_RISKY = ("=", "+", "-", "@", "\t", "\r")


def to_csv(analyses: Analysis | Sequence[Analysis], table: Table = "files") -> str:
    """A table as CSV text with a header line (RFC 4180).

    Args:
        analyses: one result or several.
        table: ``files`` one row a file; ``scores`` one row a model and person; ``frames`` one row a model, person
            and scored frame.
    """
    many = [analyses] if isinstance(analyses, Analysis) else analyses
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS[table])
    for analysis in many:
        for row in to_csv_rows(analysis, table):
            writer.writerow([escape(row[name]) for name in COLUMNS[table]])
    return out.getvalue()


def to_csv_rows(analysis: Analysis, table: Table = "files") -> list[Row]:
    """The rows of :func:`to_csv`, values not yet escaped."""
    make = {"files": _file_rows, "scores": _score_rows, "frames": _frame_rows}[table]
    return [{"file": analysis.media.name, "sha256": analysis.media.sha256, **row} for row in make(analysis)]


def escape(cell: Cell) -> Cell:
    """Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(_RISKY):
        return f"'{cell}"
    return cell


def _file_rows(analysis: Analysis) -> Iterable[Row]:
    verdict, info = analysis.verdict, analysis.media.info
    low, high = verdict.interval or (None, None)
    yield {
        "kind": info.kind.value,
        "preset": analysis.preset,
        "label": verdict.label.value,
        "p_fake": _short(verdict.p_fake),
        "low": _short(low),
        "high": _short(high),
        "calibrated": "yes" if verdict.calibrated else "no",
        "agreement": _short(verdict.agreement),
        "person": verdict.track_id,
        "fake_from": verdict.thresholds.fake,
        "real_up_to": verdict.thresholds.real,
        "people": len(analysis.tracks),
        "duration_s": _short(info.duration_s),
        "width_px": info.width,
        "height_px": info.height,
        "warnings": " | ".join(analysis.warnings),
        "created_at": analysis.created_at,
        "analysis": analysis.id,
    }


def _score_rows(analysis: Analysis) -> Iterable[Row]:
    for score in analysis.scores:
        yield {
            "detector": score.detector,
            "title": score.title,
            "modality": score.modality.value,
            "person": score.track_id,
            "status": score.status.value,
            "p_fake": _short(score.p_fake),
            "raw": _short(score.raw),
            "n": score.n,
            "calibration": score.calibration,
            "weights_sha256": score.weights_sha256,
            "reason": score.reason,
        }


def _frame_rows(analysis: Analysis) -> Iterable[Row]:
    places = {(track.id, t): (track, i) for track in analysis.tracks for i, t in enumerate(track.t_s)}
    for line in analysis.timelines:
        for t, p in zip(line.t_s, line.p_fake, strict=True):
            place = places.get((line.track_id, t)) if line.track_id is not None else None
            yield {
                "detector": line.detector,
                "person": line.track_id,
                "t_s": round(t, 6),
                "p_fake": _short(p),
                **_face_cells(analysis, place),
            }


def _face_cells(analysis: Analysis, place: tuple[FaceTrack, int] | None) -> Row:
    if place is None:
        return dict.fromkeys(("x0_px", "y0_px", "x1_px", "y1_px", "face_px", "enhanced"))
    track, i = place
    x0, y0, x1, y1 = (round(v, 1) for v in track.faces[i].box)
    enhanced = analysis.frames[track.frame[i]].enhanced
    face_px = round(track.quality[i].size_px, 1)
    return {"x0_px": x0, "y0_px": y0, "x1_px": x1, "y1_px": y1, "face_px": face_px, "enhanced": enhanced}


def _short(value: float | None) -> float | None:
    """Four decimals say all that these numbers know."""
    return None if value is None else round(value, 4)
