"""The result cache: keys, bounds, damage, and no unpickling."""

from __future__ import annotations

import pickle
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diskcache
import pytest

from core.store.cache import ResultCache, cache_key
from tests.unit.store_samples import settings_in


def _cache(folder: Path, **cache: Any) -> ResultCache:
    return ResultCache(settings_in(folder, cache=cache))


def test_a_text_comes_back(tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    text = '{"name": "ü🙂"}' * 20_000
    cache.put("k", text)
    assert cache.get("k") == text
    assert _cache(tmp_path).get("k") == text
    assert cache.get("other") is None


def test_an_entry_can_be_replaced_and_forgotten(tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    cache.put("k", "1")
    cache.put("k", "2")
    assert cache.get("k") == "2"
    cache.forget("k")
    assert cache.get("k") is None
    cache.put("k", "3")
    cache.clear()
    assert cache.get("k") is None


def test_the_folder_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    _cache(tmp_path).put("k", "1")
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_switched_off_it_keeps_nothing(tmp_path: Path) -> None:
    cache = _cache(tmp_path, enabled=False)
    cache.put("k", "1")
    assert cache.get("k") is None
    assert not (tmp_path / "cache").exists()


def test_its_size_is_bounded(tmp_path: Path) -> None:
    cache = _cache(tmp_path, max_bytes=2_000_000)
    for i in range(60):
        cache.put(str(i), _noise(i, 100_000))
    assert cache.size_bytes() < 3_000_000
    assert cache.get("59") == _noise(59, 100_000)
    assert cache.get("0") is None


def _noise(seed: int, length: int) -> str:
    import random

    return random.Random(seed).randbytes(length // 2).hex()


def _spoil_files(folder: Path) -> None:
    files = list(folder.rglob("*.val"))
    assert files
    for path in files:
        path.write_bytes(b"spoilt")


def _truncate_database(folder: Path) -> None:
    path = folder / "cache.db"
    path.write_bytes(path.read_bytes()[:5000] + b"\xff" * 5000)


def _replace_database(folder: Path) -> None:
    (folder / "cache.db").write_bytes(b"this is not a database" * 100)


@pytest.mark.parametrize("damage", [_spoil_files, _truncate_database, _replace_database])
def test_damage_is_a_miss_with_a_warning_and_heals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    cache = _cache(tmp_path)
    cache.put("k", _noise(1, 200_000))
    damage(tmp_path / "cache")
    for leftover in ("cache.db-wal", "cache.db-shm"):
        (tmp_path / "cache" / leftover).unlink(missing_ok=True)
    assert cache.get("k") is None
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    cache.put("k", "new")
    assert cache.get("k") == "new"


def test_a_folder_that_cannot_be_made_is_a_miss_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("in the way")
    cache = _cache(tmp_path)
    cache.put("k", "1")
    assert cache.get("k") is None
    assert cache.size_bytes() == 0
    assert {r.levelname for r in caplog.records} == {"WARNING"}


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_pickled_row_is_never_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache, trace = _cache(tmp_path), tmp_path / "exploded"
    cache.put("k", "harmless")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as db:
        db.execute("UPDATE Cache SET mode = 4, value = ?, filename = NULL", (pickle.dumps(_Bomb(trace)),))
    db.close()
    assert cache.get("k") is None
    assert not trace.exists()
    assert "pickled" in caplog.text


def test_the_bomb_would_have_gone_off_in_the_plain_disk(tmp_path: Path) -> None:
    """Proof that the test above can fail."""
    trace = tmp_path / "exploded"
    with diskcache.Cache(str(tmp_path / "c")) as plain:
        plain.set("k", _Bomb(trace))
        plain.get("k")
    assert trace.exists()


def test_a_pickled_key_is_never_opened(tmp_path: Path) -> None:
    cache, trace = _cache(tmp_path), tmp_path / "exploded"
    cache.put("k", "harmless")
    with sqlite3.connect(tmp_path / "cache" / "cache.db") as db:
        db.execute("UPDATE Cache SET raw = 0, key = ?", (pickle.dumps(_Bomb(trace)),))
    db.close()
    with cache._open() as opened, pytest.raises(ValueError, match="pickled"):
        list(opened)
    assert not trace.exists()


def test_the_key_depends_on_facts_not_on_their_order() -> None:
    assert cache_key({"a": 1, "b": [1, 2]}) == cache_key({"b": [1, 2], "a": 1})
    assert len(cache_key({})) == 64
    assert len({cache_key(f) for f in ({"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, {"a": [1]}, {"a": None}, {})}) == 7


def test_facts_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError):
        cache_key({"a": object()})
    with pytest.raises(ValueError, match="[Nn]a[Nn]|JSON"):
        cache_key({"a": float("nan")})
