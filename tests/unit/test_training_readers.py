"""Readers of public collections, on tiny trees with the published layouts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from core.errors import ConfigError, NotFoundError
from core.training.data.manifest import Item
from core.training.data.readers import layout_of, read, read_table, readers, write_table
from core.training.data.readers.base import Groups
from core.training.data.readers.fakeavceleb import FakeAvCeleb


def plant(root: Path, *names: str) -> Path:
    """Files whose content is their name."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return root


def by_path(items: list[Item]) -> dict[str, Item]:
    return {item.path: item for item in items}


def facts(items: list[Item]) -> dict[str, tuple[bool, str, str, str]]:
    return {item.path: (item.fake, item.method, item.identity, item.split) for item in items}


@pytest.fixture
def ff(tmp_path: Path) -> Path:
    return plant(
        tmp_path / "ff",
        "original_sequences/youtube/c23/videos/071.mp4",
        "original_sequences/youtube/c40/videos/071.mp4",
        "original_sequences/youtube/c23/videos/054.mp4",
        "original_sequences/youtube/c23/videos/000.mp4",
        "original_sequences/actors/c23/videos/01__exit_phone_room.mp4",
        "manipulated_sequences/Deepfakes/c23/videos/071_054.mp4",
        "manipulated_sequences/NeuralTextures/c23/videos/054_071.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/071_054.mp4",
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4",
        "manipulated_sequences/Face2Face/raw/videos/notes.txt",
    )


def test_faceforensics_labels_and_methods(ff: Path) -> None:
    found = by_path(read(ff))
    assert len(found) == 8, "masks and text are no media"
    real = found["original_sequences/youtube/c23/videos/071.mp4"]
    assert (real.fake, real.method, real.source, real.modality) == (False, "pristine", "ff++", "video")
    fake = found["manipulated_sequences/NeuralTextures/c23/videos/054_071.mp4"]
    assert (fake.fake, fake.method) == (True, "NeuralTextures")
    assert fake.sha256 == hashlib.sha256(fake.path.encode()).hexdigest()
    assert fake.licence


def test_faceforensics_keeps_pairs_and_compressions_together(ff: Path) -> None:
    found = by_path(read(ff))
    pair = {i.identity for path, i in found.items() if "071" in path or "054" in path}
    assert len(pair) == 1
    assert found["original_sequences/youtube/c23/videos/000.mp4"].identity not in pair
    actors = {i.identity for path, i in found.items() if "__" in path}
    assert actors == {"ff++/actors"}


@pytest.mark.parametrize("folder", ["", "splits"])
def test_faceforensics_official_split(ff: Path, folder: str) -> None:
    (ff / folder).mkdir(exist_ok=True)
    (ff / folder / "train.json").write_text(json.dumps([["071", "054"]]))
    (ff / folder / "val.json").write_text(json.dumps([["000", "003"]]))
    splits = {path: item.split for path, item in by_path(read(ff, split="test")).items()}
    assert splits["manipulated_sequences/Deepfakes/c23/videos/071_054.mp4"] == "train"
    assert splits["original_sequences/youtube/c23/videos/054.mp4"] == "train"
    assert splits["original_sequences/youtube/c23/videos/000.mp4"] == "calib"
    assert splits["original_sequences/actors/c23/videos/01__exit_phone_room.mp4"] == "test"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("train.json", "not json", "readable JSON"),
        ("train.json", '{"071": "054"}', "list"),
        ("train.json", '["071"]', "pairs"),
        ("val.json", '[["071", "054"]]', "both"),
    ],
)
def test_faceforensics_wrong_split_files(ff: Path, name: str, text: str, said: str) -> None:
    (ff / "test.json").write_text('[["071", "054"]]')
    (ff / name).write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        read(ff, "ff++")
    assert caught.value.hint


def test_faceforensics_misplaced_clip(ff: Path) -> None:
    plant(ff, "manipulated_sequences/Deepfakes/071_054.mp4")
    with pytest.raises(ConfigError, match="Deepfakes/071_054.mp4 is not where"):
        read(ff, "ff++")


CELEB = (
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0003.mp4",
    "YouTube-real/00170.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id1_id0_0003.mp4",
)


def test_celebdf(tmp_path: Path) -> None:
    root = plant(tmp_path, *CELEB)
    (root / "List_of_testing_videos.txt").write_text("1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id1_id0_0003.mp4\n\n")
    assert facts(read(root)) == {
        "Celeb-real/id0_0000.mp4": (False, "pristine", "celeb-df/id0", "train"),
        "Celeb-real/id1_0003.mp4": (False, "pristine", "celeb-df/id1", "train"),
        "Celeb-synthesis/id0_id1_0000.mp4": (True, "Celeb-synthesis", "celeb-df/id0", "train"),
        "Celeb-synthesis/id1_id0_0003.mp4": (True, "Celeb-synthesis", "celeb-df/id1", "test"),
        "YouTube-real/00170.mp4": (False, "pristine", "celeb-df/youtube-00170", "test"),
    }


def test_celebdf_without_list_takes_the_given_split(tmp_path: Path) -> None:
    assert {item.split for item in read(plant(tmp_path, *CELEB), split="calib")} == {"calib"}


@pytest.mark.parametrize(
    "line", ["0 YouTube-real/00170.mp4", "1 Celeb-synthesis/id0_id1_0000.mp4", "1 Other/1.mp4", "1"]
)
def test_celebdf_list_that_contradicts_its_folders(tmp_path: Path, line: str) -> None:
    root = plant(tmp_path, *CELEB)
    (root / "List_of_testing_videos.txt").write_text(line)
    with pytest.raises(ConfigError):
        read(root, "celeb-df")


def test_celebdf_foreign_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Ünïcode <b>"):
        read(plant(tmp_path, *CELEB, "Celeb-real/Ünïcode <b>.mp4"), "celeb-df")


def test_dfdc(tmp_path: Path) -> None:
    part = "dfdc_train_part_00"
    root = plant(tmp_path, f"{part}/aaa.mp4", f"{part}/bbb.mp4", f"{part}/unlisted.mp4")
    (root / part / "metadata.json").write_text(
        json.dumps(
            {
                "aaa.mp4": {"label": "FAKE", "split": "train", "original": "bbb.mp4"},
                "bbb.mp4": {"label": "REAL", "split": "train", "original": None},
                "not_downloaded.mp4": {"label": "REAL", "split": "train"},
            }
        )
    )
    assert layout_of(root) == "dfdc"
    assert facts(read(root)) == {
        f"{part}/aaa.mp4": (True, "DFDC", "dfdc/bbb", "train"),
        f"{part}/bbb.mp4": (False, "pristine", "dfdc/bbb", "train"),
    }


def test_dfdc_test_labels_and_hostile_names(tmp_path: Path) -> None:
    root = plant(tmp_path / "set", "aaa.mp4")
    plant(tmp_path, "outside.mp4")
    (root / "metadata.json").write_text(json.dumps({"aaa.mp4": {"is_fake": 1}, "../outside.mp4": {"is_fake": 0}}))
    assert facts(read(root)) == {"aaa.mp4": (True, "DFDC", "dfdc/aaa", "test")}


@pytest.mark.parametrize("entry", [{"label": "MAYBE"}, {}, "FAKE", {"is_fake": 2}])
def test_dfdc_without_label(tmp_path: Path, entry: object) -> None:
    root = plant(tmp_path, "aaa.mp4")
    (root / "metadata.json").write_text(json.dumps({"aaa.mp4": entry}))
    with pytest.raises(ConfigError, match=r"no label for aaa\.mp4"):
        read(root, "dfdc")


def test_folders(tmp_path: Path) -> None:
    root = plant(
        tmp_path / "wild",
        "real/a.jpg",
        "real/b.mp4",
        "fake/loose.png",
        "fake/StyleGAN/x.PNG",
        "fake/StyleGAN/y.png",
        "fake/swap/12/0001.png",
        "fake/swap/12/0002.png",
        "fake/.hidden.png",
    )
    assert facts(read(root)) == {
        "real/a.jpg": (False, "pristine", "wild/real/a", "test"),
        "real/b.mp4": (False, "pristine", "wild/real/b", "test"),
        "fake/loose.png": (True, "unknown", "wild/fake/loose", "test"),
        "fake/StyleGAN/x.PNG": (True, "StyleGAN", "wild/fake/StyleGAN/x", "test"),
        "fake/StyleGAN/y.png": (True, "StyleGAN", "wild/fake/StyleGAN/y", "test"),
        "fake/swap/12/0001.png": (True, "swap", "wild/fake/swap/12", "test"),
        "fake/swap/12/0002.png": (True, "swap", "wild/fake/swap/12", "test"),
    }


def test_wilddeepfake(tmp_path: Path) -> None:
    root = plant(
        tmp_path / "wdf",
        "fake_train/2/fake/23/101.png",
        "fake_train/2/fake/23/102.png",
        "real_train/7/real/4/1.png",
        "fake_test/5/fake/1/3.png",
        "real_test/5/real/1/3.png",
    )
    found = by_path(read(root))
    assert {path.split("_")[1][:5]: item.split for path, item in found.items()} == {"train": "train", "test/": "test"}
    assert {item.method for item in found.values() if item.fake} == {"unknown"}
    assert len({item.identity for item in found.values()}) == 4, "frames of a video are one identity"


def test_folders_inside_split_folders(tmp_path: Path) -> None:
    root = plant(tmp_path, "train/real/a.jpg", "train/fake/m/b.jpg", "val/real/c.jpg", "val/fake/m/d.jpg")
    assert {path: item.split for path, item in by_path(read(root)).items()} == {
        "train/real/a.jpg": "train",
        "train/fake/m/b.jpg": "train",
        "val/real/c.jpg": "calib",
        "val/fake/m/d.jpg": "calib",
    }


@pytest.mark.parametrize("names", [("real/a.jpg",), ("real/a.txt", "fake/b.txt"), ("real/a.jpg", "fake/b.txt")])
def test_folders_with_one_label_only(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        read(plant(tmp_path, *names), "folders")


@pytest.fixture(params=["", "LA/"])
def asvspoof(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    base = request.param
    root = plant(
        tmp_path,
        f"{base}ASVspoof2019_LA_train/flac/LA_T_1138215.flac",
        f"{base}ASVspoof2019_LA_dev/flac/LA_D_1047731.flac",
        f"{base}ASVspoof2019_LA_eval/flac/LA_E_2834763.flac",
    )
    lists = root / base / "ASVspoof2019_LA_cm_protocols"
    lists.mkdir()
    (lists / "ASVspoof2019.LA.cm.train.trn.txt").write_text(
        "LA_0079 LA_T_1138215 - - bonafide\nLA_0079 LA_T_0000000 - A01 spoof\n"
    )
    (lists / "ASVspoof2019.LA.cm.dev.trl.txt").write_text("LA_0069 LA_D_1047731 - A04 spoof\n")
    (lists / "ASVspoof2019.LA.cm.eval.trl.txt").write_text("LA_0039 LA_E_2834763 - A11 spoof\n")
    return root


def test_asvspoof(asvspoof: Path) -> None:
    found = {Path(item.path).stem: item for item in read(asvspoof)}
    assert set(found) == {"LA_T_1138215", "LA_D_1047731", "LA_E_2834763"}
    real = found["LA_T_1138215"]
    assert (real.modality, real.fake, real.method, real.split) == ("audio", False, "bonafide", "train")
    assert real.identity == "asvspoof2019-la/LA_0079"
    assert [(found[k].method, found[k].split) for k in ("LA_D_1047731", "LA_E_2834763")] == [
        ("A04", "calib"),
        ("A11", "test"),
    ]


@pytest.mark.parametrize(
    "line", ["LA_0069 LA_D_1047731", "LA_0069 LA_D_1047731 - A04 bonafide", "LA_1 LA_D_1 - - fake"]
)
def test_asvspoof_wrong_line(asvspoof: Path, line: str) -> None:
    next(asvspoof.rglob("*dev.trl.txt")).write_text(line)
    with pytest.raises(ConfigError):
        read(asvspoof)


def test_asvspoof_without_sounds(asvspoof: Path) -> None:
    for path in asvspoof.rglob("*.flac"):
        path.unlink()
    with pytest.raises(ConfigError, match="no media"):
        read(asvspoof)


FAKEAV = (
    "RealVideo-RealAudio/African/men/id00076/00109.mp4",
    "FakeVideo-RealAudio/African/men/id00076/00109_1_id00166_wavtolip.mp4",
    "RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4",
    "FakeVideo-FakeAudio/African/men/id00076/00109_2_id00166_wavtolip.mp4",
)
FAKEAV_CSV = """source,target1,target2,method,category,type,race,gender,path,
id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076
id00076,id00166,1,wav2lip,C,FakeVideo-RealAudio,African,men,00109_1_id00166_wavtolip.mp4,FakeAVCeleb/FakeVideo-RealAudio/African/men/id00076
id00076,-,-,rtvc,B,RealVideo-FakeAudio,African,men,00109_fake.mp4
id00076,id00166,2,faceswap-wav2lip,D,FakeVideo-FakeAudio,African,men,00109_2_id00166_wavtolip.mp4,FakeAVCeleb/FakeVideo-FakeAudio/African/men/id00076
"""


def test_fakeavceleb(tmp_path: Path) -> None:
    root = plant(tmp_path, *FAKEAV)
    (root / "meta_data.csv").write_text(FAKEAV_CSV)
    found = by_path(read(root))
    assert [found[name].method for name in FAKEAV] == ["pristine", "wav2lip", "rtvc", "faceswap-wav2lip"]
    assert [found[name].fake for name in FAKEAV] == [False, True, True, True]
    assert {item.identity for item in found.values()} == {"fakeavceleb/id00076"}


@pytest.mark.parametrize(
    ("judged", "fake"),
    [
        ("clip", [False, True, True, True]),
        ("picture", [False, True, False, True]),
        ("sound", [False, False, True, True]),
    ],
)
def test_fakeavceleb_label_depends_on_what_is_judged(tmp_path: Path, judged: str, fake: list[bool]) -> None:
    found = by_path(FakeAvCeleb(judged).read(plant(tmp_path, *FAKEAV)))  # type: ignore[arg-type]
    assert [found[name].fake for name in FAKEAV] == fake
    assert all(item.method == (item.path.split("/")[0] if item.fake else "pristine") for item in found.values())


@pytest.mark.parametrize("text", ["", "a,b,c\n", FAKEAV_CSV.splitlines()[0] + "\nid1,-,-,real\n"])
def test_fakeavceleb_wrong_listing(tmp_path: Path, text: str) -> None:
    root = plant(tmp_path, *FAKEAV)
    (root / "meta_data.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"meta_data\.csv"):
        read(root)


def test_fakeavceleb_misplaced(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not where"):
        read(plant(tmp_path, "FakeVideo-FakeAudio/a.mp4"))


def test_manifest_round_trip(tmp_path: Path, ff: Path) -> None:
    items = read(ff)
    write_table(items, ff / "manifest.csv")
    assert layout_of(ff) == "manifest"
    assert read(ff) == items


HEADER = "path,sha256,modality,label,method,source,split"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,label\na,real\n", "no column"),
        ("", "no column"),
        (f"{HEADER}\na.jpg,0,image,maybe,m,s,test\n", "line 2: label"),
        (f"{HEADER}\na.jpg,0,image,real,m,s,dev\n", "line 2: split"),
        (f"{HEADER}\na.jpg,0,smell,real,m,s,test\n", "line 2: modality"),
        (f"{HEADER}\n../a.jpg,0,image,real,m,s,test\n", "leaves the folder"),
        (f"{HEADER}\n/a.jpg,0,image,real,m,s,test\n", "leaves the folder"),
        (f"{HEADER}\na.jpg\n", "line 2"),
        (f"{HEADER}\n" + "a.jpg,0,image,real,m,s,test\n" * 2, "twice"),
    ],
)
def test_wrong_manifest(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_table(path)


def test_manifest_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(ConfigError):
        read_table(path)
    with pytest.raises(ConfigError):
        read_table(tmp_path / "none.csv")


def test_unknown_layouts_and_folders(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="none of the known layouts") as caught:
        read(tmp_path)
    assert all(name in caught.value.hint for name in readers())
    with pytest.raises(NotFoundError, match="no layout 'kaggle'"):
        read(tmp_path, "kaggle")
    with pytest.raises(ConfigError, match="no folder"):
        read(tmp_path / "none")


@pytest.mark.parametrize("name", sorted(readers()))
def test_every_reader_refuses_an_empty_folder_with_a_hint(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, name)
    assert caught.value.hint


def test_groups_join_transitively() -> None:
    groups = Groups()
    for pair in (("c", "d"), ("a", "b"), ("b", "c")):
        groups.join(*pair)
    assert {groups.root(name) for name in "abcd"} == {"a"}
    assert groups.root("e") == "e"
