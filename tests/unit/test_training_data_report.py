"""The data report: counts, duplicates and what leaks between splits."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.cli import main
from core.errors import ConfigError
from core.training import calibrate
from core.training.data import report as data_report
from core.training.data.readers import Item, write_table
from core.training.data.readers.base import sha256_of
from core.training.data.signatures import NEAR_BITS, near_pairs, pictures_of, signature
from core.types import RGB
from tests.media import write_clip


def scene(seed: int, side: int = 96) -> RGB:
    """A picture of a few soft blobs, different for each seed."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def save(path: Path, rgb: RGB, quality: int = 95) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return path


def listed(root: Path, path: Path, **changes: object) -> Item:
    facts: dict[str, object] = {
        "path": path.relative_to(root).as_posix(),
        "sha256": sha256_of(path),
        "modality": "video" if path.suffix == ".mp4" else "image",
        "fake": False,
        "method": "pristine",
        "source": "made",
        "identity": f"made/{path.stem}",
        "split": "train",
        "licence": "CC0",
    }
    return Item(**(facts | changes))  # type: ignore[arg-type]


# --- signatures --------------------------------------------------------------------------------------------------


def bits(a: RGB, b: RGB) -> tuple[int, int]:
    first, second = signature(a), signature(b)
    assert first is not None
    assert second is not None
    return (first[0] ^ second[0]).bit_count(), (first[1] ^ second[1]).bit_count()


@pytest.mark.parametrize("seed", range(5))
def test_signature_outlives_what_happens_to_copies(seed: int) -> None:
    original = scene(seed, 128)
    _, jpeg = cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 30])
    copies = [
        np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8),
        np.asarray(cv2.resize(original, (48, 48), interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.GaussianBlur(original, (0, 0), 1.5), np.uint8),
        (original * 0.8).astype(np.uint8),
    ]
    for copy in copies:
        assert all(b <= limit for b, limit in zip(bits(original, copy), NEAR_BITS, strict=True))


def test_different_pictures_differ() -> None:
    worst = min(max(bits(scene(a), scene(b))) for a in range(30) for b in range(a))
    assert worst > max(NEAR_BITS)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_pictures_have_no_signature(value: int) -> None:
    assert signature(np.full((64, 64, 3), value, np.uint8)) is None


def test_near_pairs_against_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.data.signatures._BLOCK", 7)
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**63, (40, 2), dtype=np.uint64)
    flips = np.uint64(1) << rng.integers(0, 64, (40, 2), dtype=np.uint64)
    hashes = np.concatenate([base, base[:15] ^ flips[:15]])
    owners = [*range(40), *range(40, 52), 0, 1, 2]
    found = {(n.first, n.second): (n.difference_bits, n.dct_bits) for n in near_pairs(owners, hashes, (2, 2))}
    expected = {(i, 40 + i): (1, 1) for i in range(12)}
    expected |= {tuple(sorted((i, owners[40 + i]))): (1, 1) for i in (12, 13, 14)}
    assert found == expected
    assert near_pairs([], np.zeros((0, 2), np.uint64)) == []


def test_a_file_is_not_its_own_duplicate() -> None:
    hashes = np.zeros((3, 2), np.uint64)
    assert [(n.first, n.second) for n in near_pairs([4, 4, 9], hashes)] == [(4, 9)]


def test_first_and_middle_frame_of_a_clip(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", [scene(1)] * 10 + [scene(2)] * 10, 10.0)
    first, middle = pictures_of(clip, "video")
    assert all(b <= 8 for b in bits(first, scene(1)))
    assert all(b <= 8 for b in bits(middle, scene(2)))


@pytest.mark.parametrize("content", [b"", b"not a clip", b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 40])
@pytest.mark.parametrize("kind", ["image", "video"])
def test_unreadable_files(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.mp4|empty"):
        list(pictures_of(path, kind))


# --- data report -------------------------------------------------------------------------------------------------


@pytest.fixture
def clean(tmp_path: Path) -> tuple[Path, list[Item]]:
    items = [listed(tmp_path, save(tmp_path / f"real/{i}.jpg", scene(i))) for i in range(4)]
    for i, method in enumerate(("a", "a", "b", "b")):
        path = save(tmp_path / f"fake/{i}.jpg", scene(10 + i))
        items.append(listed(tmp_path, path, fake=True, method=method, split="test", identity=f"made/f{i}"))
    return tmp_path, items


def test_clean_collection(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    write_table(items, root / "manifest.csv")
    found = data_report.run(root / "manifest.csv", root)
    assert found.ok, found.errors
    assert found.files == 8
    assert {(c.split, c.label, c.method): c.n for c in found.counts} == {
        ("train", "real", "pristine"): 4,
        ("test", "fake", "a"): 2,
        ("test", "fake", "b"): 2,
    }
    assert found.licences == {"CC0": 8}
    assert {(b.split, b.real, b.fake, b.methods) for b in found.balance} == {("train", 4, 0, 0.0), ("test", 0, 4, 2.0)}
    assert "No errors." in data_report.to_text(found)


def test_same_file_in_two_splits(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    copy = root / "copy.jpg"
    copy.write_bytes((root / items[0].path).read_bytes())
    found = data_report.examine(root, [*items, listed(root, copy, split="calib")])
    assert [one.paths for one in found.exact] == [("copy.jpg", "real/0.jpg")]
    assert found.near == (), "a same file is not listed twice"
    assert found.errors == ("1 files stand in more than one split",)


def test_same_look_in_two_splits(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    copy = save(root / "kopie – ü.jpg", scene(0, 64), quality=40)
    found = data_report.examine(root, [*items, listed(root, copy, split="test")])
    assert [set(one.paths) for one in found.near] == [{"real/0.jpg", "kopie – ü.jpg"}]
    assert not found.ok
    assert "ERROR: 1 pairs in different splits look the same." in data_report.to_text(found)
    within = data_report.examine(root, [*items, listed(root, copy, split="train")])
    assert len(within.near) == 1
    assert within.ok, "copies within a split are shown, not refused"


def test_picture_taken_from_a_clip(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    clip = write_clip(root / "clip.mp4", [scene(50)] * 6 + [scene(3)] * 6, 10.0)
    found = data_report.examine(root, [*items, listed(root, clip, split="test")])
    assert [set(one.paths) for one in found.near] == [{"real/3.jpg", "clip.mp4"}]


def test_one_file_with_both_labels(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    copy = root / "copy.jpg"
    copy.write_bytes((root / items[0].path).read_bytes())
    found = data_report.examine(root, [*items, listed(root, copy, fake=True, method="a")])
    assert found.errors == ("1 files are labelled both real and fake",)


def test_missing_altered_and_unreadable_files(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    (root / items[0].path).unlink()
    save(root / items[1].path, scene(77))
    broken = root / "broken.jpg"
    broken.write_bytes(b"")
    found = data_report.examine(root, [*items, listed(root, broken)])
    assert (found.missing, found.altered, found.unreadable) == (("real/0.jpg",), ("real/1.jpg",), ("broken.jpg",))
    assert len(found.errors) == 3


def test_shared_identity_is_a_warning(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    extra = listed(root, save(root / "x.jpg", scene(90)), identity="made/1", split="test")
    found = data_report.examine(root, [*items, extra])
    assert [(one.identity, one.files) for one in found.shared_identities] == [("made/1", {"test": 1, "train": 1})]
    assert found.ok


def test_sounds_are_counted_and_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"fLaC")
    found = data_report.examine(tmp_path, [listed(tmp_path, path, modality="audio", method="bonafide")])
    assert found.ok
    assert found.counts[0].modality == "audio"


def test_data_report_as_json(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    facts = json.loads(data_report.to_json(data_report.examine(root, items)))
    assert facts["ok"] is True
    assert facts["errors"] == []
    assert len(facts["counts"]) == 3


def test_long_lists_are_cut_in_text(clean: tuple[Path, list[Item]]) -> None:
    root, items = clean
    ghosts = [Item(f"ghost/{i}.jpg", str(i), "image", False, "pristine", "s", str(i), "train") for i in range(30)]
    text = data_report.to_text(data_report.examine(root, [*items, *ghosts]))
    assert "… and 10 more" in text
    assert text.count("ghost/") == 20


def test_data_report_without_folder_or_items(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        data_report.run(tmp_path / "manifest.csv", tmp_path / "none")
    with pytest.raises(ConfigError):
        data_report.run(tmp_path / "manifest.csv", tmp_path)
    assert data_report.examine(tmp_path, []).files == 0


def test_the_command_ends_with_one_for_a_copy_in_another_split(
    clean: tuple[Path, list[Item]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, items = clean
    write_table(items, root / "manifest.csv")
    assert main(["data", "report", "--data", str(root), "--json", str(root / "report.json")]) == 0
    assert "No errors." in capsys.readouterr().out
    assert json.loads((root / "report.json").read_text())["ok"] is True
    copy = save(root / "copy.jpg", pictures_of_first(root, items), quality=60)
    added = listed(root, copy, split="test")
    write_table([*items, added], root / "manifest.csv")
    assert main(["data", "report", "--data", str(root)]) == 1
    assert "1 pairs in different splits look the same" in capsys.readouterr().out
    monkeypatch.setattr(calibrate, "left_out", lambda: {added.sha256})
    assert main(["data", "report", "--data", str(root)]) == 0, "a file that no command uses does no harm"
    assert "left out (people of another split): 1\n  copy.jpg" in capsys.readouterr().out
    assert main(["data", "report", "--data", str(root), "--json", str(root / "none" / "r.json")]) == 1


def pictures_of_first(root: Path, items: list[Item]) -> RGB:
    still = next(one for one in items if one.modality == "image" and one.split == "train")
    return next(pictures_of(root / still.path, "image"))
