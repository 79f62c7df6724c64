"""The history: entries, filters, privacy, migrations, damage, and many writers at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from core.errors import InternalError, NotFoundError, StorageError
from core.review import Judgement, Review, State
from core.store import tables
from core.store.cache import ResultCache
from core.store.feedback import Truth
from core.store.history import Store, shared_store
from core.store.privacy import erase
from core.store.uploads import Uploads
from core.types import Label, MediaKind
from tests.unit.store_samples import make_analysis, renamed, settings_in, sha


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data" / "history.sqlite3", wait_s=2.0)
    yield opened
    opened.close()


def test_what_was_recorded_comes_back(store: Store) -> None:
    analysis = make_analysis()
    entry = store.record(analysis, origin="demo", visitor="v1")
    assert store.get(analysis.id) == analysis
    assert store.entries() == [entry]
    assert (entry.id, entry.name, entry.label, entry.p_fake) == (analysis.id, "clip.mp4", Label.FAKE, 0.9)
    assert (entry.kind, entry.origin, entry.visitor, entry.preset) == (MediaKind.VIDEO, "demo", "v1", "default")
    assert (entry.labels, entry.truth) == (0, None)
    assert entry.created_at.endswith("+00:00")


def test_it_survives_closing(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    first = Store(path)
    first.record(make_analysis(), origin="cli")
    first.close()
    assert Store(path).count() == 1


def test_an_analysis_without_a_figure_is_kept(store: Store) -> None:
    store.record(make_analysis(p_fake=None, label=Label.NOT_APPLICABLE), origin="api")
    assert store.entries()[0].p_fake is None


def test_newest_comes_first_and_pages_do_not_overlap(store: Store) -> None:
    for i in range(7):
        store.record(make_analysis(str(i), name=f"{i}.png"), origin="demo")
    assert [e.name for e in store.entries(limit=3)] == ["6.png", "5.png", "4.png"]
    assert [e.name for e in store.entries(limit=3, offset=6)] == ["0.png"]
    assert store.entries(limit=0) == []
    assert store.count() == 7


def test_the_same_analysis_again_is_one_entry_that_moves_up(store: Store) -> None:
    a, b = make_analysis("a"), make_analysis("b")
    store.record(a, origin="demo", visitor="v1")
    store.record(b, origin="demo", visitor="v1")
    store.record(renamed(a, "again.mp4"), origin="demo", visitor="v1")
    assert [e.name for e in store.entries()] == ["again.mp4", "clip.mp4"]
    store.record(a, origin="demo", visitor="v2")
    assert store.count() == 3


def test_a_visitor_sees_only_own_entries_and_names(store: Store) -> None:
    a = make_analysis()
    store.record(renamed(a, "secret-of-v1.mp4"), origin="demo", visitor="v1")
    store.record(renamed(a, "mine.mp4"), origin="demo", visitor="v2")
    store.record(make_analysis("x"), origin="workbench")
    store.add_label(a, Truth.REAL, reviewer="v1")
    assert [(e.name, e.labels, e.truth) for e in store.entries(visitor="v2")] == [("mine.mp4", 0, None)]
    assert [(e.labels, e.truth) for e in store.entries(visitor="v1")] == [(1, Truth.REAL)]
    assert store.get(a.id, visitor="v2").media.name == "mine.mp4"
    assert store.entries(visitor="v3") == []
    assert [e.visitor for e in store.entries(visitor="")] == [None]
    with pytest.raises(NotFoundError):
        store.get(a.id, visitor="v3")


def test_filters(store: Store) -> None:
    store.record(make_analysis("a", name="Straße 100%.MP4"), origin="demo")
    store.record(make_analysis("b", name="b_c.png", label=Label.REAL, kind=MediaKind.IMAGE), origin="cli")
    store.record(make_analysis("c", name="ÉTÉ.wav", label=Label.UNCERTAIN, kind=MediaKind.AUDIO), origin="workbench")
    store.add_label(make_analysis("b"), Truth.REAL)

    def names(**wanted: object) -> list[str]:
        found = [e.name for e in store.entries(**wanted)]  # type: ignore[arg-type]
        assert store.count(**wanted) == len(found)  # type: ignore[arg-type]
        return found

    assert names(text="strasse") == ["Straße 100%.MP4"]
    assert names(text="0%") == ["Straße 100%.MP4"]
    assert names(text="%") == ["Straße 100%.MP4"]
    assert names(text="_") == ["b_c.png"]
    assert names(text=" été ") == ["ÉTÉ.wav"]
    assert names(text=sha("medium c")[:12].upper()) == ["ÉTÉ.wav"]
    assert names(text="'; DROP TABLE entries; --") == []
    assert names(label=Label.REAL) == ["b_c.png"]
    assert names(kind="audio") == ["ÉTÉ.wav"]
    assert names(origin="demo") == ["Straße 100%.MP4"]
    assert names(labelled=True) == ["b_c.png"]
    assert names(labelled=False) == ["ÉTÉ.wav", "Straße 100%.MP4"]
    assert names(text="é", label="real") == []
    assert len(names(text="")) == len(names()) == 3


@pytest.mark.parametrize("name", ["../../x", "a\x00b", "\udcff.mp4", "🙂" * 500, "=cmd()", "a\nb"])
def test_hostile_names_are_only_text(store: Store, name: str) -> None:
    store.record(renamed(make_analysis(), name), origin="demo", visitor="\udcfe")
    assert store.entries()[0].name == name.replace("\udcff", "?")
    assert store.entries(text=name[:40])


def test_an_unknown_origin_or_a_bad_number_is_refused_and_nothing_is_kept(store: Store) -> None:
    with pytest.raises(ValueError, match="origin"):
        store.record(make_analysis(), origin="elsewhere")  # type: ignore[arg-type]
    with pytest.raises(InternalError):
        store.record(make_analysis(p_fake=float("nan")), origin="demo")
    assert store.count() == 0


def test_an_unknown_id_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="not in the history"):
        store.get("nothing")
    with pytest.raises(NotFoundError):
        store.delete("nothing")


def test_deleting_removes_everything_but_bare_counts_with_consent(store: Store) -> None:
    analysis = make_analysis()
    store.record(analysis, origin="demo", visitor="v1")
    store.add_label(analysis, Truth.REAL, reviewer="anna", comment="private", tags=["x"], consent=True)
    store.add_label(analysis, Truth.FAKE, reviewer="anna", comment="still private", consent=True)
    store.add_label(analysis, Truth.FAKE, reviewer="bert", comment="no consent")
    store.save_reviews("cleo", [Review(analysis.id, State.SUBMITTED, Judgement.FAKE, note="mine")])
    assert store.delete(analysis.id) == (analysis.media.sha256,)
    (left,) = store.labels(retracted=True)
    assert (left.truth, left.agrees, left.consent, left.p_fake) == (Truth.FAKE, True, True, 0.9)
    assert (left.analysis_id, left.media_sha256, left.reviewer, left.comment, left.tags) == (None, None, "", "", ())
    assert store.reviews("cleo") == {}
    assert store.count() == 0


def test_nothing_private_is_left_in_the_file_after_deleting(store: Store) -> None:
    analysis = renamed(make_analysis(), "very-private-name.mp4")
    store.record(analysis, origin="demo")
    store.add_label(analysis, Truth.REAL, comment="very-private-comment", consent=True)
    assert b"very-private" in _bytes(store.path)
    store.delete(analysis.id)
    assert b"very-private" not in _bytes(store.path)
    assert analysis.id.encode() not in _bytes(store.path)


def _bytes(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.glob(f"{path.name}*"))


def test_a_visitor_deletes_own_entry_only(store: Store) -> None:
    analysis = make_analysis()
    for visitor in ("v1", "v2"):
        store.record(analysis, origin="demo", visitor=visitor)
        store.add_label(analysis, Truth.REAL, reviewer=visitor)
    assert store.delete(analysis.id, visitor="v1") == ()
    assert [e.visitor for e in store.entries()] == ["v2"]
    assert [label.reviewer for label in store.labels()] == ["v2"]
    with pytest.raises(NotFoundError):
        store.delete(analysis.id, visitor="v1")
    assert store.delete(analysis.id, visitor="v2") == (analysis.media.sha256,)
    assert store.labels() == []


def test_a_medium_that_another_analysis_needs_is_not_given_up(store: Store) -> None:
    first, second = make_analysis("a"), make_analysis("a", name="other.mp4")
    store.record(first, origin="demo")
    store.record(_with_id(second, "other"), origin="demo")
    assert store.delete(first.id) == ()
    assert store.delete("other") == (first.media.sha256,)


def _with_id(analysis, new_id):
    from dataclasses import replace

    return replace(analysis, id=new_id)


def test_erase_removes_history_cache_and_upload(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data")
    medium = tmp_path / "m.png"
    medium.write_bytes(b"medium a")
    analysis = make_analysis("a")
    assert analysis.media.sha256 == sha("medium a")
    kept = Uploads(settings).keep(medium, analysis.media.sha256)
    ResultCache(settings).put(analysis.id, "text")
    shared_store(settings).record(analysis, origin="demo")
    erase(settings, analysis.id)
    assert not kept.exists()
    assert ResultCache(settings).get(analysis.id) is None
    assert shared_store(settings).count() == 0
    with pytest.raises(NotFoundError):
        erase(settings, analysis.id)


def test_the_shared_store_is_opened_once(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert shared_store(settings) is shared_store(settings)
    assert shared_store(settings) is not shared_store(settings_in(tmp_path / "other"))


def test_the_file_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deep"
    store = Store(settings_in(folder))
    store.record(make_analysis(), origin="demo")
    files = list(folder.iterdir())
    assert {p.name for p in files} >= {"history.sqlite3", "history.sqlite3-wal"}
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    Store(folder / "h.sqlite3")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_it_writes_ahead(store: Store) -> None:
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


# ---- migrations -------------------------------------------------------------------------------------------------


def test_the_steps_lead_to_the_tables_that_the_code_uses(store: Store) -> None:
    inspector = inspect(create_engine(f"sqlite:///{store.path}"))
    for table in tables.metadata.tables.values():
        there = {c["name"]: c["nullable"] for c in inspector.get_columns(table.name)}
        wanted = {c.name: c.nullable for c in table.columns if not c.primary_key}
        assert set(there) == {c.name for c in table.columns}
        assert {name: there[name] for name in wanted} == wanted


def test_an_older_file_takes_only_the_missing_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.sqlite3"
    store = Store(path)
    store.record(make_analysis(), origin="demo")
    store.close()
    monkeypatch.setattr("core.store.db.MIGRATIONS", (*tables.MIGRATIONS, ("CREATE TABLE extra (a TEXT)",)))
    newer = Store(path)
    assert newer.count() == 1
    assert inspect(create_engine(f"sqlite:///{path}")).has_table("extra")
    newer.close()
    assert Store(path).count() == 1


def test_a_failing_step_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "h.sqlite3"
    Store(path).close()
    broken = (*tables.MIGRATIONS, ("CREATE TABLE extra (a TEXT)", "CREATE TABLE nonsense ("))
    monkeypatch.setattr("core.store.db.MIGRATIONS", broken)
    with pytest.raises(StorageError):
        Store(path)
    assert not inspect(create_engine(f"sqlite:///{path}")).has_table("extra")


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StorageError, match="newer version"):
        Store(path)


# ---- faults -----------------------------------------------------------------------------------------------------


def test_a_file_that_is_no_database_is_reported_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite3"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError) as caught:
        Store(path)
    assert "move it away" in caught.value.hint
    assert path.read_bytes().startswith(b"not a database")


def test_a_folder_in_the_way_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as caught:
        Store(tmp_path / "file" / "h.sqlite3")
    assert "UNMASK_DATA_DIR" in caught.value.hint


def _full(db: sqlite3.Connection) -> None:
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_an_error_and_not_a_lost_label(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = make_analysis()
    with store._db.write() as connection:
        _full(connection.connection.driver_connection)  # type: ignore[arg-type]
    with pytest.raises(StorageError) as caught:
        for i in range(200):
            store.add_label(analysis, Truth.REAL, reviewer=f"r{i}", comment="x" * 3000)
    assert "disk space" in caught.value.hint
    saved = len(store.labels())
    assert 0 < saved < 200


def test_a_locked_file_is_an_error_after_waiting(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite3", wait_s=0.2)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.count() == 0
    with pytest.raises(StorageError) as caught:
        store.add_label(make_analysis(), Truth.REAL)
    assert "try again" in caught.value.hint
    other.execute("ROLLBACK")
    other.close()
    assert store.add_label(make_analysis(), Truth.REAL).id == 1


def test_an_error_inside_a_transaction_undoes_it(store: Store) -> None:
    ok = Review(make_analysis().id, State.DRAFT, Judgement.FAKE)
    store.record(make_analysis(), origin="demo")
    with pytest.raises(NotFoundError):
        store.save_reviews("anna", [ok, Review("gone", State.DRAFT, Judgement.FAKE)])
    assert store.reviews("anna") == {}


# ---- many at once -----------------------------------------------------------------------------------------------


def _write_some(path: Path, who: str, n: int) -> None:
    store = Store(path, wait_s=60.0)
    shared = make_analysis("shared")
    for i in range(n):
        store.record(make_analysis(f"{who}{i}"), origin="demo", visitor=who)
        store.add_label(shared, Truth.FAKE if i % 2 else Truth.REAL, reviewer=who)
        store.entries(limit=5)
    store.close()


@pytest.mark.parametrize("run", ["threads", "processes"])
def test_many_writers_lose_nothing(tmp_path: Path, run: str) -> None:
    path, n = tmp_path / "h.sqlite3", 15
    who = [f"w{i}" for i in range(4)]
    _everyone(run)(path, who, n)
    store = Store(path)
    assert store.count() == len(who) * n
    assert {w: len(store.entries(visitor=w, limit=100)) for w in who} == dict.fromkeys(who, n)
    assert len(store.labels(retracted=True)) == len(who) * n
    assert sorted(label.reviewer for label in store.labels()) == who


def _everyone(run: str) -> Callable[[Path, list[str], int], None]:
    def threads(path: Path, who: list[str], n: int) -> None:
        with ThreadPoolExecutor(len(who)) as pool:
            list(pool.map(lambda w: _write_some(path, w, n), who))

    def processes(path: Path, who: list[str], n: int) -> None:
        context = multiprocessing.get_context("spawn")
        started = [context.Process(target=_write_some, args=(path, w, n)) for w in who]
        for process in started:
            process.start()
        for process in started:
            process.join(120)
        assert [process.exitcode for process in started] == [0] * len(who)

    return threads if run == "threads" else processes


def test_one_store_serves_many_threads(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: store.record(make_analysis(str(i)), origin="demo"), range(60)))
    assert store.count() == 60
