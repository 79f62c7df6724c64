"""Files of buckets: what may be asked for, and that limits hold as for other addresses."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.memory import MemoryFileSystem

from core.errors import (
    AccessError,
    ConfigError,
    DamagedMediaError,
    LimitError,
    NotFoundError,
    UnsupportedMediaError,
    WorkbenchError,
)
from core.media.fetch import fetch
from core.settings import build_settings

BODY = b"picture" * 100_000
MOST = 1_000_000

needs_s3fs = pytest.mark.skipif(
    importlib.util.find_spec("s3fs") is None, reason="s3fs is not installed (requirements-s3.txt)"
)


class Memory(MemoryFileSystem):
    """A store in memory, of this test alone."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.store: dict = {}
        self.pseudo_dirs = [""]


@pytest.fixture
def store(monkeypatch):
    """Stands where s3fs would; holds one file."""
    memory, made = Memory(), []

    def new(**options):
        made.append(options)
        return AsyncFileSystemWrapper(memory, asynchronous=False)

    memory.pipe_file("/media/clips/a.mp4", BODY)
    monkeypatch.setitem(sys.modules, "s3fs", SimpleNamespace(S3FileSystem=new))
    return SimpleNamespace(files=memory, made=made)


def settings(tmp_path, limits=None, **options):
    return build_settings(
        data_dir=tmp_path,
        fetch={"enabled": True, "s3_buckets": ("media",), **options},
        limits=limits or {"max_bytes": MOST},
    )


def test_an_object_arrives_whole(store, tmp_path):
    found = fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert found.path.read_bytes() == BODY
    assert found.name == "a.mp4"


@pytest.mark.parametrize("key", ["ü/Katze 🐈.mp4", "a?b=c&d#e.mp4", "a%2e%2e.mp4", "..a/b...mp4", "*.mp4", "[a].mp4"])
def test_a_key_is_taken_as_it_stands(store, tmp_path, key):
    store.files.pipe_file(f"/media/{key}", b"this one")
    found = fetch(f"  S3://media/{key}\n", tmp_path / "x", settings(tmp_path))
    assert found.path.read_bytes() == b"this one"


def test_the_store_is_the_operators(store, tmp_path):
    config = settings(tmp_path, s3_endpoint="http://store.internal:9000")
    fetch("s3://media/clips/a.mp4", tmp_path / "x", config)
    assert store.made[0]["endpoint_url"] == "http://store.internal:9000"
    assert store.made[0]["anon"] is True
    for address in ("s3://evil.example:9000/media/clips/a.mp4", "s3://u:p@media/clips/a.mp4"):
        with pytest.raises(AccessError):
            fetch(address, tmp_path / "y", config)
    assert len(store.made) == 1


def test_it_is_off_unless_buckets_are_named(store, tmp_path):
    with pytest.raises(AccessError, match="not read here"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", build_settings(data_dir=tmp_path))
    with pytest.raises(AccessError, match="kind 's3'"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path, s3_buckets=()))


@pytest.mark.parametrize("bucket", ["other", "MEDIA", "media2", "", "*", "media\n", ".."])
def test_other_buckets_are_refused(store, tmp_path, bucket):
    store.files.pipe_file("/other/clips/a.mp4", BODY)
    with pytest.raises(AccessError, match="this bucket"):
        fetch(f"s3://{bucket}/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert store.made == []


@pytest.mark.parametrize(
    "key",
    [
        "", "clips/", "../other/a.mp4", "clips/../../other/a.mp4", "clips/./a.mp4", "..", r"clips\..\a.mp4",
        "clips/a\n.mp4", "clips/\x00a.mp4", "clips/\ud800.mp4", "clips/a.mp4?versionId=1", "a" * 1025, "ü" * 600,
    ],
)  # fmt: skip
def test_hostile_keys_are_refused(store, tmp_path, key):
    with pytest.raises(UnsupportedMediaError):
        fetch(f"s3://media/{key}", tmp_path / "x", settings(tmp_path))
    assert store.made == []
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("key", ["clips/b.mp4", "clips", "clips/a.mp4/b"])
def test_what_is_not_there_is_told(store, tmp_path, key):
    with pytest.raises(NotFoundError):
        fetch(f"s3://media/{key}", tmp_path / "x", settings(tmp_path))
    assert not (tmp_path / "x").exists()


def test_a_large_file_is_refused_before_it_is_read(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store.files, "get_file", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(LimitError, match="MB"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path, limits={"max_bytes": 5000}))


def test_a_file_that_grew_is_refused_while_it_is_read(store, tmp_path, monkeypatch):
    monkeypatch.setattr(store.files, "info", lambda path, **_: {"name": path, "size": 10, "type": "file"})
    with pytest.raises(LimitError, match="MB"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path, limits={"max_bytes": 5000}))
    assert not (tmp_path / "x").exists()


def test_a_file_is_refused_whose_size_nobody_tells(store, tmp_path, monkeypatch):
    """The store sends blocks and says neither before nor while it does how many there are."""

    def endless(path, target, callback, **_):
        with open(target, "wb") as out:  # noqa: PTH123
            while True:
                callback.relative_update(out.write(b"x" * 1000))

    monkeypatch.setattr(store.files, "info", lambda path, **_: {"name": path, "size": None, "type": "file"})
    monkeypatch.setattr(store.files, "get_file", endless)
    with pytest.raises(LimitError, match="MB"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("step", ["info", "get_file"])
def test_time_is_bounded(store, tmp_path, monkeypatch, step):
    monkeypatch.setattr(store.files, step, lambda *_, **__: time.sleep(3))
    started = time.monotonic()
    with pytest.raises(LimitError, match="too long"):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path, seconds=0.3))
    assert time.monotonic() - started < 2.5
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (PermissionError("Access Denied"), NotFoundError),
        (OSError("boom"), DamagedMediaError),
        (RuntimeError("of some library below"), DamagedMediaError),
        (TimeoutError(), DamagedMediaError),
    ],
)
def test_faults_of_a_store_are_told(store, tmp_path, monkeypatch, fault, told):
    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(store.files, "get_file", fail)
    with pytest.raises(told) as raised:
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert raised.value.hint
    assert not (tmp_path / "x").exists()


def test_a_part_of_a_file_is_none(store, tmp_path, monkeypatch):
    def short(path, target, callback, **_):
        callback.set_size(len(BODY))
        with open(target, "wb") as out:  # noqa: PTH123
            callback.relative_update(out.write(BODY[:-1]))

    monkeypatch.setattr(store.files, "get_file", short)
    with pytest.raises(DamagedMediaError):
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert not (tmp_path / "x").exists()


def test_without_s3fs_it_is_told_what_to_install(tmp_path, monkeypatch):
    load = builtins.__import__

    def missing(name, *args, **options):
        if name == "s3fs":
            raise ModuleNotFoundError(name)
        return load(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ConfigError, match="s3fs") as told:
        fetch("s3://media/clips/a.mp4", tmp_path / "x", settings(tmp_path))
    assert "requirements-s3.txt" in told.value.hint


def test_credentials_are_those_of_the_environment(store, tmp_path, monkeypatch):
    config = settings(tmp_path, s3_anonymous=False)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(ConfigError) as told:
        fetch("s3://media/clips/a.mp4", tmp_path / "x", config)
    assert "AWS_ACCESS_KEY_ID" in told.value.hint and "secret" not in str(told.value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "name")
    fetch("s3://media/clips/a.mp4", tmp_path / "x", config)
    assert store.made[0]["anon"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"s3_buckets": ("a/b",)},
        {"s3_buckets": ("*",)},
        {"s3_buckets": ("..",)},
        {"s3_endpoint": "store.internal"},
        {"s3_endpoint": "file:///etc"},
        {"s3_endpoint": "https://name:word@store.internal"},
        {"schemes": ("s3",)},
    ],
)
def test_wrong_settings_are_told(tmp_path, wrong):
    with pytest.raises(ConfigError):
        settings(tmp_path, **wrong)


class Bucket(ThreadingHTTPServer):
    """As much of S3 as reading needs."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.signed: list[str | None] = []
        self.objects = {"/media/clips/a b+ü.mp4": BODY}


class Answers(BaseHTTPRequestHandler):
    server: Bucket

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        self.server.signed.append(self.headers["Authorization"])
        path = unquote(self.path.partition("?")[0])
        body = self.server.objects.get(path)
        if path.startswith("/media/slow"):
            time.sleep(3)
        if path.startswith("/media/closed"):
            body, status = b"<Error><Code>AccessDenied</Code></Error>", 403
        elif body is None:
            body, status = b"<Error><Code>NoSuchKey</Code></Error>", 404
        else:
            status = 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def bucket(monkeypatch):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    server = Bucket()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def over_the_wire(tmp_path, bucket, **options):
    return settings(tmp_path, s3_endpoint=f"http://127.0.0.1:{bucket.server_port}", **options)


@needs_s3fs
@pytest.mark.parametrize("anonymous", [True, False])
def test_a_real_store_is_read(bucket, tmp_path, monkeypatch, anonymous):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "name-of-the-operator")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    found = fetch("s3://media/clips/a b+ü.mp4", tmp_path / "x", over_the_wire(tmp_path, bucket, s3_anonymous=anonymous))
    assert found.path.read_bytes() == BODY
    assert found.name == "a b+ü.mp4"
    assert [bool(s and "name-of-the-operator" in s) for s in bucket.signed] == [not anonymous] * 2


@needs_s3fs
@pytest.mark.parametrize(
    ("key", "limits", "seconds", "told"),
    [
        ("clips/none.mp4", MOST, 30.0, NotFoundError),
        ("closed/a.mp4", MOST, 30.0, NotFoundError),
        ("clips/a b+ü.mp4", 5000, 30.0, LimitError),
        ("slow/a.mp4", MOST, 0.5, LimitError),
    ],
)
def test_a_real_stores_refusals_are_told(bucket, tmp_path, key, limits, seconds, told):
    config = over_the_wire(tmp_path, bucket, seconds=seconds)
    config = config.model_copy(update={"limits": config.limits.model_copy(update={"max_bytes": limits})})
    with pytest.raises(told):
        fetch(f"s3://media/{key}", tmp_path / "x", config)
    assert not (tmp_path / "x").exists()


@needs_s3fs
def test_a_store_that_is_not_there_is_told(bucket, tmp_path):
    config = over_the_wire(tmp_path, bucket, seconds=1.0)
    bucket.shutdown()
    bucket.server_close()
    with pytest.raises(WorkbenchError) as told:
        fetch("s3://media/clips/a.mp4", tmp_path / "x", config)
    assert isinstance(told.value, DamagedMediaError | LimitError)
