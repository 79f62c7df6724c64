"""Where weights are found, which of several files of one name counts, and what a user may vouch for."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch

from core import registry
from core.errors import ConfigError, NotFoundError, StorageError, WeightsError, WeightsMissingError
from core.registry import Calibration, Metric
from core.settings import Settings, build_settings
from core.weights import files, manage, trusted
from core.weights.files import Presence, as_found, companion, find, identity, locate, verified
from tests.unit.weights_samples import digest, make_card

DATA = b"the right bytes"
CARD = make_card(DATA)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "mirror").mkdir()
    return build_settings(data_dir=tmp_path / "data", weights_dir=tmp_path / "mirror")


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


# --- search --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["net.pth", "net/net.pth", "a/b/c/net.pth", "ünïcode dir/net.pth"])
def test_the_mirror_is_searched_whole(settings: Settings, tmp_path: Path, where: str) -> None:
    path = put(tmp_path / "mirror" / where)
    assert verified(CARD, settings) == path
    assert find(CARD, settings)[0].presence is Presence.PRESENT


@pytest.mark.parametrize("where", ["net.pth", "net/net.pth"])
def test_the_download_folder_is_searched(settings: Settings, where: str) -> None:
    path = put(settings.data_dir / "weights" / where)
    assert verified(CARD, settings) == path


def test_of_several_files_of_one_name_the_one_with_the_hash_counts(settings: Settings, tmp_path: Path) -> None:
    put(tmp_path / "mirror" / "net.pth", b"wrong")
    put(tmp_path / "mirror" / "a" / "net.pth", b"wrong too")
    right = put(tmp_path / "mirror" / "b" / "net.pth")
    assert verified(CARD, settings) == locate(CARD, settings) == right


def test_another_file_of_that_name_in_a_far_folder_is_not_a_damaged_one(settings: Settings, tmp_path: Path) -> None:
    other = put(tmp_path / "mirror" / "other-net" / "net.pth", b"of another detector")
    (found,) = find(CARD, settings)
    assert (found.presence, found.path, found.others) == (Presence.MISSING, None, (other,))
    with pytest.raises(WeightsMissingError, match="other file named net.pth"):
        verified(CARD, settings)


@pytest.mark.parametrize("where", ["mirror/net.pth", "mirror/net/net.pth", "data/weights/net/net.pth"])
def test_a_wrong_file_in_its_own_place_is_damaged(settings: Settings, tmp_path: Path, where: str) -> None:
    put(tmp_path / where, b"wrong")
    assert find(CARD, settings)[0].presence is Presence.DAMAGED
    with pytest.raises(WeightsError, match=digest(b"wrong")[:12]):
        verified(CARD, settings)


def test_hidden_folders_and_links_to_folders_are_not_searched(settings: Settings, tmp_path: Path) -> None:
    put(tmp_path / "mirror" / ".hidden" / "net.pth")
    put(tmp_path / "elsewhere" / "net.pth")
    (tmp_path / "mirror" / "link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "mirror" / "circle").symlink_to(tmp_path / "mirror", target_is_directory=True)
    assert locate(CARD, settings) is None


def test_a_change_of_the_bytes_is_noticed(settings: Settings, tmp_path: Path) -> None:
    path = put(tmp_path / "mirror" / "net.pth")
    verified(CARD, settings)
    path.write_bytes(b"the wrong bytes")
    with pytest.raises(WeightsError, match="not the one its card names"):
        verified(CARD, settings)


def test_a_folder_of_that_name_is_no_file(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "net.pth").mkdir()
    with pytest.raises(WeightsMissingError):
        verified(CARD, settings)


@pytest.mark.parametrize("name", ["../net.pth", "/etc/hostname", "a/b", "", "..", "a\\b"])
def test_a_card_cannot_name_a_path(settings: Settings, name: str) -> None:
    with pytest.raises(ConfigError, match="not a plain file name"):
        verified(make_card(DATA, file=name), settings)


def test_several_files_are_all_checked(settings: Settings, tmp_path: Path) -> None:
    more = {"file": "b.pth", "sha256": digest(b"b"), "size_bytes": 1}
    card = make_card(DATA, more=(more,))
    first = put(tmp_path / "mirror" / "net.pth")
    with pytest.raises(WeightsMissingError):
        verified(card, settings)
    second = put(tmp_path / "mirror" / "b.pth", b"b")
    assert verified(card, settings) == first and companion(card, first, "b.pth") == second
    second.write_bytes(b"c")
    for ask in (lambda: verified(card, settings), lambda: companion(card, first, "b.pth")):
        with pytest.raises(WeightsError, match=r"b\.pth is not the one its card names"):
            ask()
    with pytest.raises(ConfigError, match="does not name the file c"):
        companion(card, first, "c.pth")


def test_what_a_result_depends_on_changes_with_the_file(settings: Settings, tmp_path: Path) -> None:
    seen = [identity(CARD, settings)]
    path = put(tmp_path / "mirror" / "net.pth", b"wrong")
    seen.append(identity(CARD, settings))
    path.write_bytes(DATA)
    seen.append(identity(CARD, settings))
    assert [state for ((state, _),) in seen] == ["missing", "damaged", "present"]


# --- add and vouch -------------------------------------------------------------------------------------------------


def test_a_file_with_the_hash_of_the_card_needs_no_vouching(settings: Settings, tmp_path: Path) -> None:
    source = put(tmp_path / "downloads" / "some name (1).bin")
    found = manage.add(source, CARD, settings)
    assert (found.presence, found.path) == (Presence.PRESENT, settings.data_dir / "weights" / "net" / "net.pth")
    assert source.exists() and trusted.read(settings) == {}
    assert [p.name for p in (settings.data_dir / "weights" / "net").iterdir()] == ["net.pth"]


@pytest.mark.parametrize("sha256", ["", digest(b"something else")])
def test_an_unknown_file_is_refused_unless_vouched_for(settings: Settings, tmp_path: Path, sha256: str) -> None:
    card, source = make_card(DATA, sha256=sha256), put(tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=digest(DATA)) as caught:
        manage.add(source, card, settings)
    assert "--trust" in caught.value.hint and sha256 in caught.value.message
    assert find(card, settings)[0].presence is Presence.MISSING
    found = manage.add(source, card, settings, trust=True)
    assert (found.presence, found.sha256) == (Presence.VOUCHED, digest(DATA))
    assert verified(card, settings) == found.path
    noted = json.loads((settings.data_dir / "weights" / "trusted.json").read_text())
    assert noted["net"]["net.pth"]["sha256"] == digest(DATA)


def test_a_file_without_a_known_hash_is_not_used_unless_vouched_for(settings: Settings, tmp_path: Path) -> None:
    card = make_card(DATA, sha256="")
    put(tmp_path / "mirror" / "x" / "net.pth")
    assert find(card, settings)[0].presence is Presence.UNKNOWN
    with pytest.raises(WeightsError, match="names no hash") as caught:
        verified(card, settings)
    assert not isinstance(caught.value, WeightsMissingError)
    assert "--as net --trust" in caught.value.hint
    trusted.vouch(settings, "net", "net.pth", digest(DATA), len(DATA))
    assert verified(card, settings) == tmp_path / "mirror" / "x" / "net.pth"


def test_vouching_holds_for_those_bytes_and_that_detector_alone(settings: Settings, tmp_path: Path) -> None:
    card = make_card(DATA, sha256="")
    path = put(tmp_path / "mirror" / "net.pth")
    trusted.vouch(settings, "other", "net.pth", digest(DATA), len(DATA))
    assert find(card, settings)[0].presence is Presence.UNKNOWN
    trusted.vouch(settings, "net", "net.pth", digest(DATA), len(DATA))
    path.write_bytes(b"changed since")
    assert find(card, settings)[0].presence is Presence.DAMAGED


@pytest.mark.parametrize("text", ["", "{", "[]", '{"net": 3}', '{"net": {"net.pth": {"sha256": "short"}}}', "\0"])
def test_a_list_that_cannot_be_read_vouches_for_nothing(settings: Settings, tmp_path: Path, text: str) -> None:
    card = make_card(DATA, sha256="")
    put(tmp_path / "mirror" / "net.pth")
    put(settings.data_dir / "weights" / "trusted.json", text.encode())
    assert find(card, settings)[0].presence is Presence.UNKNOWN
    trusted.vouch(settings, "net", "net.pth", digest(DATA), len(DATA))
    assert find(card, settings)[0].presence is Presence.VOUCHED


def test_a_checkpoint_that_brings_code_is_not_taken_even_if_vouched_for(settings: Settings, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    out = io.BytesIO()
    torch.save({"a": torch.zeros(2), "b": Evil()}, out)
    card = make_card(DATA, sha256="", format="pytorch")
    with pytest.raises(WeightsError, match="run code"):
        manage.add(put(tmp_path / "evil.pth", out.getvalue()), card, settings, trust=True)
    assert not (tmp_path / "ran").exists()
    assert trusted.read(settings) == {} and locate(card, settings) is None


def test_of_several_files_the_hash_or_the_name_tells_which(settings: Settings, tmp_path: Path) -> None:
    card = make_card(DATA, more=({"file": "b.pth", "sha256": digest(b"b"), "size_bytes": 1},))
    assert manage.add(put(tmp_path / "x", b"b"), card, settings).file.file == "b.pth"
    assert manage.add(put(tmp_path / "b.pth", b"own"), card, settings, trust=True).presence is Presence.VOUCHED
    with pytest.raises(ConfigError, match="several files"):
        manage.add(put(tmp_path / "y", b"z"), card, settings, trust=True)


def test_a_file_that_is_not_there_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        manage.add(tmp_path / "none.pth", CARD, settings)
    with pytest.raises(NotFoundError):
        manage.add(tmp_path, CARD, settings)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    settings = build_settings(data_dir=put(tmp_path / "file"), weights_dir=None)
    with pytest.raises(StorageError, match="cannot be written"):
        manage.add(put(tmp_path / "net.pth"), CARD, settings)


# --- what a vouched file does to the card --------------------------------------------------------------------------

FIT = Calibration(a=1.0, b=0.0, n_real=50, n_fake=50, ece=0.1, fit_sha256="0" * 64)
METRIC = Metric(name="AUC", value=0.9, low=0.8, high=1.0, n=10, dataset="d", command="c")


def test_the_card_stays_as_it_is_for_its_own_weights(settings: Settings, tmp_path: Path) -> None:
    path = put(tmp_path / "mirror" / "net.pth")
    assert as_found(CARD, settings) == (CARD, path)


@pytest.mark.parametrize(("sha256", "kept"), [("", True), (digest(b"another"), False)])
def test_other_weights_do_not_borrow_the_cards_calibration(
    settings: Settings, tmp_path: Path, sha256: str, kept: bool
) -> None:
    card = make_card(DATA, sha256=sha256).model_copy(update={"calibration": FIT, "measured": (METRIC,)})
    manage.add(put(tmp_path / "mine"), card, settings, trust=True)
    held, _ = as_found(card, settings)
    assert "vouched for by you" in held.title
    assert held.weights.sha256 == digest(DATA)
    assert (held.calibration, held.measured) == ((FIT, (METRIC,)) if kept else (None, ()))


# --- overview and verify -------------------------------------------------------------------------------------------


@pytest.fixture
def one_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "detector_ids", lambda: ["broken", "net"])

    def card(name: str) -> registry.Card:
        if name == "broken":
            raise ConfigError("The file broken.yaml is wrong.", hint="Correct it.")
        return CARD

    monkeypatch.setattr(registry, "card", card)


@pytest.mark.usefixtures("one_detector")
def test_the_overview_shows_every_detector_also_one_with_a_broken_card(settings: Settings, tmp_path: Path) -> None:
    broken, net = manage.overview(settings)
    assert broken.error is not None and broken.card is None
    assert (net.presence, net.size_bytes) == (Presence.MISSING, len(DATA))
    put(tmp_path / "mirror" / "net.pth")
    (found,) = manage.overview(settings)[1].found
    assert manage.place(found, settings) == "folder of your own"
    put(settings.data_dir / "weights" / "net.pth")


@pytest.mark.usefixtures("one_detector")
def test_verify_hashes_again(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [wrong for _, _, wrong in manage.verify([], settings)] == ["missing"]
    path = put(tmp_path / "mirror" / "net.pth")
    assert [wrong for _, _, wrong in manage.verify(["net"], settings)] == [""]
    remembered = files.file_sha256(path)
    monkeypatch.setattr(files, "file_sha256", lambda _: remembered)
    path.write_bytes(b"the wrong bytes")
    assert "damaged" in manage.verify([], settings)[0][2]


@pytest.mark.usefixtures("one_detector")
def test_the_worst_file_tells_the_state(settings: Settings, tmp_path: Path) -> None:
    card = make_card(DATA, more=({"file": "b.pth", "sha256": digest(b"b"), "size_bytes": 1},))
    put(tmp_path / "mirror" / "net.pth")
    assert manage.Entry("net", card, find(card, settings)).presence is Presence.MISSING
    put(tmp_path / "mirror" / "b.pth", b"wrong")
    assert manage.Entry("net", card, find(card, settings)).presence is Presence.DAMAGED
