"""Downloads against a server on this machine: resumed, checked, in place only when whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import StorageError, WeightsError
from core.settings import ROOT, Settings, build_settings
from core.weights import fetch, manage, trusted
from core.weights.files import Presence, files_of, target
from tests.unit.weights_samples import digest, make_card, payload
from tests.unit.weights_server import FileServer, serving_files

DATA = payload()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.01)
    with serving_files({"/net.pth": DATA}) as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path / "data", weights_dir=None, offline=False)


def card_at(server: FileServer, **weights):
    return make_card(DATA, **{"url": f"{server.url}/net.pth", **weights})


def only_file(settings: Settings) -> Path:
    """The one file in the download folder: no part, no lock and nothing else is left behind."""
    files = [p for p in (settings.data_dir / "weights").rglob("*") if p.is_file()]
    assert len(files) == 1, files
    return files[0]


def nothing(settings: Settings) -> bool:
    return not [p for p in (settings.data_dir / "weights").rglob("*") if p.is_file()]


# --- what goes well ------------------------------------------------------------------------------------------------


def test_a_file_is_downloaded_checked_and_found(server: FileServer, settings: Settings) -> None:
    told: list[tuple[str, int, int | None]] = []
    (found,) = manage.pull(card_at(server), settings, on_progress=lambda *step: told.append(step))
    assert (found.presence, found.sha256) == (Presence.PRESENT, digest(DATA))
    assert only_file(settings).read_bytes() == DATA
    assert only_file(settings) == settings.data_dir / "weights" / "net" / "net.pth"
    steps = [here for _, here, _ in told]
    assert steps == sorted(steps) and told[-1] == ("net.pth", len(DATA), len(DATA))


def test_what_is_here_is_not_downloaded_again(server: FileServer, settings: Settings) -> None:
    card = card_at(server)
    manage.pull(card, settings)
    manage.pull(card, settings)
    assert len(server.asked) == 1


def test_an_interrupted_transfer_resumes_by_itself(server: FileServer, settings: Settings) -> None:
    server.cut_after = [100_000, 50_000]
    manage.pull(card_at(server), settings)
    assert [asked for _, asked in server.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert only_file(settings).read_bytes() == DATA


def test_a_transfer_that_was_given_up_resumes_the_next_time(server: FileServer, settings: Settings) -> None:
    card = card_at(server)
    server.cut_after = [60_000, 0, 0, 0]
    with pytest.raises(WeightsError, match="broke off") as caught:
        manage.pull(card, settings)
    assert "goes on" in caught.value.hint
    assert only_file(settings).name == "net.pth.part"
    manage.pull(card, settings)
    assert server.asked[-1] == ("/net.pth", "bytes=60000-")
    assert only_file(settings).read_bytes() == DATA


def test_a_server_without_ranges_starts_over(server: FileServer, settings: Settings) -> None:
    server.ranges = False
    server.cut_after = [100_000]
    manage.pull(card_at(server), settings)
    assert server.asked == [("/net.pth", None), ("/net.pth", "bytes=100000-")]
    assert only_file(settings).read_bytes() == DATA


def test_a_server_that_names_no_length_is_believed_by_the_hash(server: FileServer, settings: Settings) -> None:
    server.silent_about_length = True
    server.cut_after = [1000]
    manage.pull(card_at(server), settings)
    assert only_file(settings).read_bytes() == DATA


def test_a_busy_server_is_asked_again(server: FileServer, settings: Settings) -> None:
    server.status = [503, 429]
    manage.pull(card_at(server), settings)
    assert only_file(settings).read_bytes() == DATA


def test_a_redirect_is_followed(server: FileServer, settings: Settings) -> None:
    server.redirect = {"/moved": "/net.pth"}
    manage.pull(card_at(server, url=f"{server.url}/moved"), settings)
    assert only_file(settings).read_bytes() == DATA


def test_the_next_address_is_tried(server: FileServer, settings: Settings) -> None:
    manage.pull(card_at(server, url=f"{server.url}/gone", urls=(f"{server.url}/net.pth",)), settings)
    assert [path for path, _ in server.asked] == ["/gone", "/net.pth"]


def test_a_part_longer_than_the_file_is_thrown_away(server: FileServer, settings: Settings) -> None:
    card = card_at(server)
    folder = settings.data_dir / "weights" / "net"
    folder.mkdir(parents=True)
    (folder / "net.pth.part").write_bytes(DATA + b"more")
    manage.pull(card, settings)
    assert only_file(settings).read_bytes() == DATA


def test_all_files_of_a_detector_are_downloaded(server: FileServer, settings: Settings) -> None:
    second = payload(500, seed=8)
    server.files["/b.pth"] = second
    more = {"file": "b.pth", "sha256": digest(second), "size_bytes": 500, "url": f"{server.url}/b.pth"}
    found = manage.pull(card_at(server, more=(more,)), settings)
    assert [(f.file.file, f.presence) for f in found] == [("net.pth", "present"), ("b.pth", "present")]


def test_a_damaged_file_is_replaced(server: FileServer, settings: Settings) -> None:
    card = card_at(server)
    folder = settings.data_dir / "weights" / "net"
    folder.mkdir(parents=True)
    (folder / "net.pth").write_bytes(b"damaged")
    manage.pull(card, settings)
    assert only_file(settings).read_bytes() == DATA


# --- what is refused -----------------------------------------------------------------------------------------------


def test_a_flipped_byte_is_refused_and_removed(server: FileServer, settings: Settings) -> None:
    flipped = bytearray(DATA)
    flipped[12_345] ^= 1
    server.files["/net.pth"] = bytes(flipped)
    with pytest.raises(WeightsError) as caught:
        manage.pull(card_at(server), settings)
    assert digest(DATA) in caught.value.message and digest(bytes(flipped)) in caught.value.message
    assert nothing(settings)


def test_a_flipped_byte_in_what_was_resumed_is_refused_and_removed(server: FileServer, settings: Settings) -> None:
    card, folder = card_at(server), settings.data_dir / "weights" / "net"
    folder.mkdir(parents=True)
    (folder / "net.pth.part").write_bytes(b"\0" * 1000)
    with pytest.raises(WeightsError, match="another file and was removed"):
        manage.pull(card, settings)
    assert nothing(settings)
    manage.pull(card, settings)
    assert only_file(settings).read_bytes() == DATA


@pytest.mark.parametrize("change", [DATA[:-1], DATA + b"x"])
def test_a_file_of_another_size_is_refused_before_it_comes(server: FileServer, settings: Settings, change) -> None:
    server.files["/net.pth"] = change
    with pytest.raises(WeightsError, match=r"300,000\. Nothing was downloaded"):
        manage.pull(card_at(server), settings)
    assert nothing(settings)


def test_a_server_that_sends_without_end_is_stopped(server: FileServer, settings: Settings) -> None:
    server.silent_about_length = True
    server.files["/net.pth"] = DATA * 3
    with pytest.raises(WeightsError, match="sends more than"):
        manage.pull(card_at(server), settings)
    assert (settings.data_dir / "weights" / "net" / "net.pth.part").stat().st_size == 0


def test_a_wrong_part_is_not_put_together(server: FileServer, settings: Settings) -> None:
    server.cut_after = [1000]
    server.wrong_range = True
    with pytest.raises(WeightsError, match="another part than was asked for"):
        manage.pull(card_at(server), settings)


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_refusal_is_told_with_the_host(server: FileServer, settings: Settings, status: int) -> None:
    server.status = [status]
    with pytest.raises(WeightsError, match=rf"127\.0\.0\.1 answered {status}") as caught:
        manage.pull(card_at(server), settings)
    assert "weights add" in caught.value.hint
    assert nothing(settings)


def test_nobody_at_the_address_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_PAUSE_S", 0.01)
    with pytest.raises(WeightsError, match=r"from 127\.0\.0\.1 broke off"):
        manage.pull(make_card(DATA, url="http://127.0.0.1:9/net.pth"), settings)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/net.pth",
        "ftp://example.org/net.pth",
        "file:///etc/hostname",
        "http://localhost.example.org/net.pth",
        "http://localhost@example.org/net.pth",
        "https",
        "https://",
        "https://example.org/a b",
        "https://exämple.org/a",
        "https://example.org/a\r\nHost: other",
        "http://[bad/net.pth",
    ],
)
def test_only_https_is_asked(settings: Settings, url: str) -> None:
    with pytest.raises(WeightsError, match="over https only"):
        manage.pull(make_card(DATA, url=url), settings)


@pytest.mark.parametrize("where", ["http://example.org/net.pth", "file:///etc/hostname", "ftp://example.org/a"])
def test_a_redirect_away_from_https_is_not_followed(server: FileServer, settings: Settings, where: str) -> None:
    server.redirect = {"/net.pth": where}
    with pytest.raises(WeightsError, match="over https only|is not allowed"):
        manage.pull(card_at(server), settings)


def test_a_server_elsewhere_may_not_send_to_this_machine() -> None:
    with pytest.raises(WeightsError, match="address of this machine"):
        fetch.check_not_local("http://localhost:1/x")
    fetch.check_not_local("https://example.org/x")


def test_a_redirect_in_a_circle_ends(server: FileServer, settings: Settings) -> None:
    server.redirect = {"/net.pth": "/net.pth"}
    with pytest.raises(WeightsError):
        manage.pull(card_at(server), settings)


def test_offline_nothing_is_asked(server: FileServer, settings: Settings) -> None:
    with pytest.raises(WeightsError, match="offline") as caught:
        manage.pull(card_at(server), settings.model_copy(update={"offline": True}))
    assert "UNMASK_OFFLINE" in caught.value.hint
    assert server.asked == []


def test_the_environment_sets_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASK_OFFLINE", "1")
    assert build_settings().offline


def test_a_licence_against_commercial_use_must_be_accepted(server: FileServer, settings: Settings) -> None:
    card = card_at(server, non_commercial=True, licence="CC BY-NC 4.0")
    with pytest.raises(WeightsError, match=r"CC BY-NC 4\.0") as caught:
        manage.pull(card, settings)
    assert "--accept-licence" in caught.value.hint
    assert server.asked == []
    manage.pull(card, settings, accept_licence=True)
    assert only_file(settings).read_bytes() == DATA


def test_without_an_address_it_says_what_to_do_instead(settings: Settings) -> None:
    with pytest.raises(WeightsError, match="no address") as caught:
        manage.pull(make_card(DATA, how_to_get="train it"), settings)
    assert "train it" in caught.value.hint


def test_a_full_disk_is_told_before_the_transfer(
    server: FileServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(ROOT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(StorageError, match="are free"):
        manage.pull(card_at(server), settings)
    assert nothing(settings)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user to whom a folder can be closed")
def test_a_folder_that_may_not_be_written_is_told(server: FileServer, settings: Settings) -> None:
    folder = settings.data_dir / "weights" / "net"
    folder.mkdir(parents=True, mode=0o500)
    with pytest.raises(StorageError):
        manage.pull(card_at(server), settings)


# --- files whose hash nobody has published -------------------------------------------------------------------------


def test_an_unknown_hash_is_refused_unless_vouched_for(server: FileServer, settings: Settings) -> None:
    card = card_at(server, sha256="", size_bytes=290_000)
    with pytest.raises(WeightsError, match="Nobody has published a hash") as caught:
        manage.pull(card, settings)
    assert "--trust" in caught.value.hint and server.asked == []
    (found,) = manage.pull(card, settings, trust=True)
    assert (found.presence, found.sha256) == (Presence.VOUCHED, digest(DATA))
    assert trusted.read(settings) == {("net", "net.pth"): digest(DATA)}


def test_what_was_vouched_for_once_must_come_again(server: FileServer, settings: Settings) -> None:
    card = card_at(server, sha256="")
    manage.pull(card, settings, trust=True)
    target(card, files_of(card)[0], settings).unlink()
    server.files["/net.pth"] = payload(seed=9)
    with pytest.raises(WeightsError, match="another file and was removed"):
        manage.pull(card, settings)


def test_trust_does_not_override_a_hash_on_the_card(server: FileServer, settings: Settings) -> None:
    server.files["/net.pth"] = payload(seed=9)
    with pytest.raises(WeightsError, match="another file and was removed"):
        manage.pull(card_at(server), settings, trust=True)
