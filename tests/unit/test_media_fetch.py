"""Fetching by address: what may be asked for, and that nothing leads into a private network."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import AccessError, DamagedMediaError, LimitError, NotFoundError, UnsupportedMediaError, WorkbenchError
from core.media import fetch as module
from core.media.fetch import direct, fetch, is_public
from core.settings import build_settings

BODY = b"picture" * 1000


class Network(ThreadingHTTPServer):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str | None, str]] = []


class Handler(BaseHTTPRequestHandler):
    server: Network

    def do_GET(self) -> None:
        self.server.asked.append((self.headers["Host"], self.path))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/loop":
            self.send_response(302)
            self.send_header("Location", "/loop")
            self.end_headers()
        elif self.path == "/missing":
            self.send_error(404)
        elif self.path.startswith("/slow"):
            self._drip()
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY) + 1))
            self.end_headers()
            self.wfile.write(BODY)
        elif self.path == "/short-chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"ff\r\n" + BODY[:100])
        else:
            self.send_response(200)
            if self.path == "/named":
                self.send_header("Content-Disposition", 'attachment; filename="../../../etc/cat.png"')
            if self.path != "/unsized":
                self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

    def _drip(self) -> None:
        """Byte by byte, or one byte and then nothing, with or without a promise of how many there are."""
        self.send_response(200)
        if "sized" in self.path:
            self.send_header("Content-Length", "50")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in range(50):
                if not number or "silent" not in self.path:
                    self.wfile.write(b"x")
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(monkeypatch):
    """A local server that stands for the public network: its own address is told to be public."""
    http = Network()
    threading.Thread(target=http.serve_forever, daemon=True).start()
    monkeypatch.setattr(module, "is_public", lambda ip: ip == "127.0.0.1")
    yield http
    http.shutdown()
    http.server_close()


def settings(tmp_path, limits=None, **options):
    return build_settings(
        data_dir=tmp_path,
        fetch={"enabled": True, "schemes": ("https", "http"), **options},
        limits=limits or {"max_bytes": 1_000_000},
    )


def at(server, path: str, host: str = "files.example.org") -> str:
    return f"http://{host}:{server.server_port}{path}"


def resolver(**hosts: str):
    return lambda host, port: [hosts.get(host.replace(".", "_"), "127.0.0.1")]


@pytest.mark.parametrize("path", ["/cat.png", "/unsized", "/to//cat.png"])
def test_a_file_arrives_whole(server, tmp_path, path):
    found = fetch(at(server, path), tmp_path / "x", settings(tmp_path), resolve=resolver())
    assert found.path.read_bytes() == BODY
    assert server.asked[0][0] == f"files.example.org:{server.server_port}"


def test_a_name_leads_nowhere(server, tmp_path):
    assert fetch(at(server, "/named"), tmp_path / "x", settings(tmp_path), resolve=resolver()).name == "cat.png"


def test_it_is_off_unless_it_is_switched_on(tmp_path):
    with pytest.raises(AccessError, match="not read here"):
        fetch("https://example.org/a.png", tmp_path / "x", build_settings(data_dir=tmp_path))


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "ftp://a.example/x",
        "gopher://a.example/",
        "data:text/plain,x",
    ],
)
def test_other_schemes_are_refused(tmp_path, address):
    with pytest.raises(WorkbenchError):
        fetch(address, tmp_path / "x", settings(tmp_path), resolve=resolver())
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "cat.png",
        "www.example.org/cat.png",
        "//a.example/x",
        "https://",
        "https://u:p@a.example/",
        "https://a b.example/",
        "https://[::1",
        "https://a:99999/",
    ],
)
def test_what_is_no_address_is_told(tmp_path, address):
    with pytest.raises(UnsupportedMediaError):
        fetch(address, tmp_path / "x", settings(tmp_path), resolve=resolver())


@pytest.mark.parametrize(
    "ip",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1", "not an address", "2130706433",
    ],
)  # fmt: skip
def test_private_addresses_are_known(tmp_path, ip):
    assert not is_public(ip)
    with pytest.raises(AccessError, match="private network"):
        fetch("https://innocent.example/", tmp_path / "x", settings(tmp_path), resolve=lambda host, port: [ip])


@pytest.mark.parametrize("ip", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "64:ff9b::808:808"])
def test_public_addresses_are_public(ip):
    assert is_public(ip)


def test_one_private_address_among_public_ones_is_enough(tmp_path):
    with pytest.raises(AccessError):
        fetch("https://a.example/", tmp_path / "x", settings(tmp_path), resolve=lambda h, p: ["8.8.8.8", "10.0.0.1"])


def test_a_redirect_into_the_private_network_is_refused(server, tmp_path):
    ways = resolver(metadata_example="169.254.169.254")
    with pytest.raises(AccessError, match="private network"):
        fetch(at(server, "/to/http://metadata.example/"), tmp_path / "x", settings(tmp_path), resolve=ways)
    with pytest.raises(AccessError, match="kind 'file'"):
        fetch(at(server, "/to/file:///etc/passwd"), tmp_path / "x", settings(tmp_path), resolve=ways)


def test_the_host_is_looked_up_once_for_each_connection(server, tmp_path):
    """A name that answers otherwise the second time gains nothing."""
    answers = iter(["127.0.0.1", "169.254.169.254"])
    fetch(at(server, "/cat.png"), tmp_path / "x", settings(tmp_path), resolve=lambda h, p: [next(answers)])
    assert next(answers) == "169.254.169.254"


def test_only_named_hosts_where_they_are_named(server, tmp_path):
    config = settings(tmp_path, hosts=("*.example.org",))
    fetch(at(server, "/cat.png"), tmp_path / "x", config, resolve=resolver())
    for host in ("example.com", "example.org.evil.com", "notexample.org"):
        with pytest.raises(AccessError, match="not read here"):
            fetch(at(server, "/cat.png", host), tmp_path / "y", config, resolve=resolver())


@pytest.mark.parametrize("path", ["/cat.png", "/unsized"])
def test_size_is_bounded(server, tmp_path, path):
    with pytest.raises(LimitError, match="MB"):
        fetch(at(server, path), tmp_path / "x", settings(tmp_path, limits={"max_bytes": 5000}), resolve=resolver())
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("path", ["/slow", "/slow-sized", "/slow-silent", "/slow-sized-silent"])
def test_time_is_bounded(server, tmp_path, path):
    started = time.monotonic()
    with pytest.raises(LimitError, match="too long"):
        fetch(at(server, path), tmp_path / "x", settings(tmp_path, seconds=0.5), resolve=resolver())
    assert time.monotonic() - started < 4
    assert not (tmp_path / "x").exists()


def test_what_the_watchdog_broke_off_is_no_whole_file(server, tmp_path, monkeypatch):
    """The connection is shut before the time for a single step is over: the reader sees only an end."""
    monkeypatch.setattr(module, "_STEP_S", 60.0)
    connect: Callable[..., http.client.HTTPConnection] = module._connect
    monkeypatch.setattr(module, "_connect", lambda *args: connect(*args[:-1], args[-1] + 60.0))
    with pytest.raises(LimitError, match="too long"):
        fetch(at(server, "/slow-silent"), tmp_path / "x", settings(tmp_path, seconds=0.5), resolve=resolver())
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("path", ["/short", "/short-chunks"])
def test_a_part_of_a_file_is_none(server, tmp_path, path):
    with pytest.raises(DamagedMediaError) as told:
        fetch(at(server, path), tmp_path / "x", settings(tmp_path), resolve=resolver())
    assert told.value.hint
    assert not (tmp_path / "x").exists()


def test_redirects_are_bounded(server, tmp_path):
    with pytest.raises(LimitError, match="too often"):
        fetch(at(server, "/loop"), tmp_path / "x", settings(tmp_path), resolve=resolver())
    assert len(server.asked) == 6


def test_a_missing_file_and_a_missing_host_are_told(server, tmp_path):
    with pytest.raises(NotFoundError, match="404"):
        fetch(at(server, "/missing"), tmp_path / "x", settings(tmp_path), resolve=resolver())

    def nobody(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(NotFoundError, match="no host"):
        fetch("https://nowhere.example/", tmp_path / "x", settings(tmp_path), resolve=nobody)


@pytest.mark.parametrize(
    ("link", "file"),
    [
        (
            "https://drive.google.com/file/d/1AbC_defGHIjk/view?usp=sharing",
            "https://drive.google.com/uc?export=download&id=1AbC_defGHIjk",
        ),
        (
            "https://drive.google.com/open?id=1AbC_defGHIjk",
            "https://drive.google.com/uc?export=download&id=1AbC_defGHIjk",
        ),
        ("https://www.dropbox.com/s/abc/cat.mp4?dl=0", "https://www.dropbox.com/s/abc/cat.mp4?dl=1"),
        (
            "https://www.dropbox.com/scl/fi/a/cat.mp4?rlkey=k&dl=0",
            "https://www.dropbox.com/scl/fi/a/cat.mp4?rlkey=k&dl=1",
        ),
        (
            "https://example.org/drive.google.com/d/1AbC_defGHIjk",
            "https://example.org/drive.google.com/d/1AbC_defGHIjk",
        ),
    ],
)
def test_share_links_become_the_file(link, file):
    assert direct(link) == file
