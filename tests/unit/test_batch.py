"""Many files: a row for each whatever happens, on with what is left after a stop, the same rows by every engine."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from pyarrow import parquet

from core import cli
from core.batch import many
from core.batch.cluster import on_cluster
from core.batch.local import in_processes
from core.batch.manifest import Manifest
from core.batch.output import write, writer_for
from core.batch.rows import COLUMNS, Row, failed, lasting, row_of
from core.errors import ConfigError, LimitError, StorageError
from core.settings import Settings, build_settings
from tests import media
from tests.unit import batch_samples


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path / "data")


def files(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in names]
    for path in paths:
        path.write_bytes(b"x")
    return paths


def row(path: Path, **known: str | float) -> Row:
    return dict.fromkeys(COLUMNS) | {"path": str(path), "status": "ok", **known}


def test_a_file_that_fails_is_a_row(settings: Settings, tmp_path: Path) -> None:
    (bad,) = files(tmp_path / "in", "bad.jpg")
    made = row_of(bad, settings)
    assert tuple(made) == COLUMNS
    assert made["status"] == "error" and made["error"] == "unsupported_media" and made["hint"]
    assert made["p_fake"] is None
    assert row_of(tmp_path / "absent.jpg", settings)["status"] == "error"


def test_processes_give_a_row_each_and_only_what_kills_them_is_given_up(settings: Settings, tmp_path: Path) -> None:
    paths = files(tmp_path / "in", "a.bin", "poison.bin", "once.bin", "b.bin", "c.bin")
    rows = list(in_processes(paths, settings, 2, 1, batch_samples.quick))
    by_name = {Path(str(r["path"])).name: r for r in rows}
    assert len(rows) == len(paths) == len(by_name)
    assert {name for name, r in by_name.items() if r["status"] != "ok"} == {"poison.bin"}
    assert by_name["poison.bin"]["error"] == "internal"


def test_files_are_taken_no_faster_than_they_are_done(settings: Settings, tmp_path: Path) -> None:
    (path,) = files(tmp_path / "in", "a.bin")
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        for taken in count(1):  # noqa: B007 (read outside)
            yield path

    rows = in_processes(endless(), settings, 2, 0, batch_samples.quick)
    for _ in range(5):
        next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert taken <= 5 + 2 * 2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_gives_the_rows_of_a_serial_run_though_a_worker_is_killed(settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    folder = tmp_path / "in"
    folder.mkdir()
    paths = [media.portrait(folder / f"{name}.png", size=200, person=i % 2) for i, name in enumerate("ab")]
    paths += [media.portrait(folder / "once.png", size=220), media.noise(folder / "n.png", size=64)]
    paths += files(folder, "bad.png")
    spread = list(on_cluster(paths, settings, 2, "local", 2, batch_samples.real))
    serial = list(many.analyse_many(paths, settings.model_copy(update={"data_dir": tmp_path / "other"})))
    assert (folder / "once.seen").exists()
    assert sorted(map(lasting, spread), key=str) == sorted(map(lasting, serial), key=str)


@pytest.mark.slow
def test_a_cluster_gives_up_what_kills_its_workers(settings: Settings, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    paths = files(tmp_path / "in", "a.bin", "poison.bin", "b.bin", "c.bin")
    rows = {
        Path(str(r["path"])).stem: r["status"] for r in on_cluster(paths, settings, 1, "local", 1, batch_samples.quick)
    }
    assert rows.pop("poison") == "error"
    assert set(rows) == {"a", "b", "c"}


def test_no_cluster_is_a_message(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="ray is not installed (requirements-cluster.txt)")
    monkeypatch.setenv("RAY_TMPDIR", "/nowhere")
    with pytest.raises(ConfigError, match="no Ray cluster"):
        list(many.analyse_many([Path("a")], settings, engine="ray", address="127.0.0.1:1"))


# --- what is done ---------------------------------------------------------------------------------------------------


def test_what_is_done_is_known_after_a_stop(settings: Settings, tmp_path: Path) -> None:
    a, b, c = files(tmp_path / "in", "a", "b", "c")
    manifest = Manifest(tmp_path / "m.jsonl", settings)
    manifest.add(a, row(a, label="fake"))
    manifest.add(b, failed(b, LimitError("Too big.", hint="Cut it.")))
    with (tmp_path / "m.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"file": [1, 2], "row": {"pa')  # the power went
    manifest.close()
    again = Manifest(tmp_path / "m.jsonl", settings)
    assert again.done(a) == row(a, label="fake")
    assert again.done(b) is None and again.done(c) is None  # failures are tried again
    again.add(c, row(c))
    again.close()
    third = Manifest(tmp_path / "m.jsonl", settings)
    assert third.done(c) is not None
    a.write_bytes(b"another content")
    assert third.done(a) is None
    assert [r["path"] for r in third.rows([c, a])] == [str(c), str(a)]
    third.close()


def test_other_settings_begin_another_list(settings: Settings, tmp_path: Path) -> None:
    Manifest(tmp_path / "m.jsonl", settings).close()
    other = settings.model_copy(update={"sampling": settings.sampling.model_copy(update={"frames": 3})})
    with pytest.raises(ConfigError, match="other settings"):
        Manifest(tmp_path / "m.jsonl", other)
    Manifest(tmp_path / "m.jsonl", other, fresh=True).close()
    with pytest.raises(StorageError):
        Manifest(tmp_path / "absent" / "m.jsonl", settings)


# --- tables ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_every_format_holds_every_row(ending: str, tmp_path: Path) -> None:
    rows = [row(Path("=1+1.png"), p_fake=0.25, people=1), failed(Path("b"), LimitError("Too big.", hint="Cut it."))]
    path = tmp_path / f"t.{ending}"
    write(path, rows)
    if ending == "jsonl":
        assert [json.loads(line) for line in path.read_text().splitlines()] == rows
    elif ending == "csv":
        with path.open(newline="") as file:
            read = list(csv.DictReader(file))
        assert read[0]["path"] == "'=1+1.png" and read[1]["error"] == "limit"
    else:
        assert parquet.read_table(path).to_pylist() == rows
    write(path, [])


def test_an_unknown_ending_or_folder_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="xlsx"):
        writer_for(tmp_path / "t.xlsx")
    with pytest.raises(StorageError):
        write(tmp_path / "absent" / "t.csv", [])


def test_the_command_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "in"
    paths = files(folder, "a.png", "b.png", ".hidden")
    seen: list[str] = []

    def analysed(todo: list[Path], *_: object, **__: object) -> Iterator[Row]:
        for path in todo:
            seen.append(path.name)
            if len(seen) == 2:
                raise KeyboardInterrupt
            yield row(path, label=path.stem)

    monkeypatch.setattr(many, "analyse_many", analysed)
    command = ["batch", str(folder), "--out", str(tmp_path / "t.jsonl"), "-q"]
    assert cli.main(command) == cli.STOPPED
    assert cli.main(command) == cli.OK
    assert seen == ["a.png", "b.png", "b.png"]
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert [r["path"] for r in rows] == [str(p) for p in paths[:2]]
    assert cli.main(["batch", "--out", str(tmp_path / "t.csv")]) == cli.USAGE
    assert "nothing to analyse" in capsys.readouterr().err
