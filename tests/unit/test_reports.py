"""JSON and CSV that can be read back and opened safely."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest

from core import schema
from core.reports import to_csv, to_csv_rows, to_json
from core.reports.tables import COLUMNS, escape
from tests import analyses


def _read(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json_is_the_analysis():
    analysis = analyses.clip()
    assert schema.load(to_json(analysis)) == schema.load(schema.dump(analysis))
    assert json.loads(to_json(analysis))["verdict"]["label"] == "fake"


@pytest.mark.parametrize("table", ["files", "scores", "frames"])
@pytest.mark.parametrize("make", [analyses.clip, analyses.picture, analyses.landscape])
def test_rows_have_the_columns_of_their_table(table, make):
    for row in to_csv_rows(make(), table):
        assert set(row) == set(COLUMNS[table])


def test_one_row_for_each_file():
    rows = _read(to_csv([analyses.clip(), analyses.landscape()]))
    assert [(r["file"], r["label"], r["p_fake"], r["person"]) for r in rows] == [
        ("clip.mp4", "fake", "0.81", "2"),
        ("portrait.png", "not_applicable", "", ""),
    ]
    assert (rows[0]["low"], rows[0]["high"], rows[0]["fake_from"]) == ("0.71", "0.89", "0.65")


def test_scores_keep_those_that_did_not_answer():
    rows = _read(to_csv(analyses.clip(), "scores"))
    assert len(rows) == 5
    assert (rows[-1]["status"], rows[-1]["p_fake"], rows[-1]["reason"]) == (
        "unavailable",
        "",
        "its weights are not on this machine",
    )


def test_frames_carry_time_box_and_enhancement():
    rows = _read(to_csv(analyses.clip(), "frames"))
    assert len(rows) == 4 * len(analyses.TIMES)
    first = rows[0]
    assert (first["detector"], first["person"], first["t_s"]) == ("net-a", "1", "0.0")
    assert (first["x0_px"], first["y1_px"], first["face_px"]) == ("100.0", "230.0", "120.0")
    assert first["enhanced"] == "low light: gamma"


def test_frames_of_a_sound_have_no_box():
    analysis = analyses.clip()
    heard = replace(analysis, timelines=(analyses.line("voice-net", None, 0.4),))
    assert {r["x0_px"] for r in _read(to_csv(heard, "frames"))} == {""}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_can_be_run_as_a_formula(start):
    analysis = analyses.clip()
    name = f'{start}HYPERLINK(1),"x"\n.mp4'
    nasty = replace(analysis, media=replace(analysis.media, name=name))
    row = _read(to_csv(nasty))[0]
    assert row["file"] == f"'{name}"


def test_numbers_stay_numbers():
    assert escape(-0.25) == -0.25
    assert escape("plain - text") == "plain - text"
    assert escape(None) is None
