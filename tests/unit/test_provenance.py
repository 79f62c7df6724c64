"""Where a file says it comes from: signed, told by its metadata, or seen before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from core import schema
from core.facts import Provenance
from core.media.guard import identify
from core.provenance.credentials import parse, read_credentials
from core.provenance.fingerprint import fingerprints, perceptual_hash
from core.provenance.look_up import look_up, private_facts
from core.provenance.metadata import read_metadata
from core.settings import Limits
from core.store.history import Store
from core.types import Frame, MediaFacts, MediaInfo, MediaKind
from tests import analyses
from tests.media import head, meadow, portrait, write_clip
from tests.unit.c2pa_samples import signed

LIMITS = Limits()


def bits(a: str | None, b: str | None) -> int:
    assert a is not None and b is not None
    return (int(a, 16) ^ int(b, 16)).bit_count()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portrait(tmp_path_factory.mktemp("c2pa") / "plain.jpg", size=128)


@pytest.fixture(scope="module")
def with_credentials(plain: Path) -> Path:
    return signed(plain.with_name("signed.jpg"), plain)


def changed(path: Path, out: Path, at: int, content: bytes) -> Path:
    raw = bytearray(path.read_bytes())
    raw[at : at + len(content)] = content
    out.write_bytes(raw)
    return out


def test_a_signed_picture_tells_who_signed_it(with_credentials: Path) -> None:
    found = read_credentials(identify(with_credentials, LIMITS))
    assert found is not None
    assert found.state == "valid, signer not checked" and found.problems == ()
    assert found.signer == "Test camera maker" and found.generator.startswith("Test <b>camera</b> 1.0")
    assert found.actions == ("created by Test firmware",) and not found.generated


def test_an_unsigned_picture_has_none(plain: Path, tmp_path: Path) -> None:
    assert read_credentials(identify(plain, LIMITS)) is None
    assert read_credentials(identify(portrait(tmp_path / "a.bmp", size=64), LIMITS)) is None


def test_a_picture_changed_after_signing_is_not_valid(with_credentials: Path, tmp_path: Path) -> None:
    size = with_credentials.stat().st_size
    found = read_credentials(identify(changed(with_credentials, tmp_path / "c.jpg", size - 200, b"\x5a\xa5"), LIMITS))
    assert found is not None and found.state == "changed or not valid"
    assert "assertion.dataHash.mismatch" in found.problems


def test_credentials_that_cannot_be_read_are_told(with_credentials: Path, tmp_path: Path) -> None:
    at = with_credentials.read_bytes().find(b"jumb") + 40
    found = read_credentials(identify(changed(with_credentials, tmp_path / "d.jpg", at, bytes(360)), LIMITS))
    assert found is not None and found.state == "unreadable"


def test_credentials_of_a_generator_say_so(plain: Path, tmp_path: Path) -> None:
    made = signed(tmp_path / "g.jpg", plain, source="trainedAlgorithmicMedia")
    found = read_credentials(identify(made, LIMITS))
    assert found is not None and found.generated


@pytest.mark.parametrize(
    ("state", "codes", "expected"),
    [
        ("Trusted", [], "valid, signer known"),
        ("Valid", ["signingCredential.untrusted"], "valid, signer not checked"),
        ("Invalid", [], "changed or not valid"),
        ("Invalid", ["signingCredential.untrusted"], "valid, signer not checked"),
        ("Invalid", ["signingCredential.untrusted", "claimSignature.mismatch"], "changed or not valid"),
    ],
)
def test_states(state: str, codes: list[str], expected: str) -> None:
    store: dict[str, Any] = {
        "active_manifest": "a", "manifests": {"a": {}}, "validation_state": state,
        "validation_status": [{"code": code} for code in codes],
    }  # fmt: skip
    assert parse(store).state == expected


def exif(path: Path) -> Path:
    tags = Image.Exif()
    tags[ExifTags.Base.Make], tags[ExifTags.Base.Model] = "Cam\tCo", "X1"
    tags[ExifTags.Base.Software] = "Adobe Photoshop 25.1"
    tags[ExifTags.Base.Artist] = "Jane Doe"
    part = tags.get_ifd(ExifTags.IFD.Exif)
    part[ExifTags.Base.BodySerialNumber], part[ExifTags.Base.LensModel] = "SN-12345", "50mm"
    gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (52.0, 30.0, 36.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (13.0, 22.0, 12.0)
    Image.fromarray(head(64)).save(path, exif=tags)
    return path


def test_private_facts_are_kept_apart_and_out_of_the_analysis(tmp_path: Path) -> None:
    path = exif(tmp_path / "a.jpg")
    ref = identify(path, LIMITS)
    found = look_up(ref, [], LIMITS)
    facts = dict(found.facts)
    assert facts["Camera maker"] == "CamCo" and facts["Lens"] == "50mm"
    assert facts["Position"] == "present; not shown here"
    assert any("Photoshop" in note and "no sign of a fake" in note for note in found.notes)
    text = schema.dump(replace(analyses.picture(), provenance=found))
    for secret in ("Jane", "SN-12345", "52.51", "13.37"):
        assert secret not in text
    media = MediaFacts("a.jpg", ref.sha256, 1, ref.format, MediaInfo(MediaKind.IMAGE, "jpeg"))
    assert dict(private_facts(path, media, LIMITS)) == {
        "Artist": "Jane Doe", "Serial number of the camera": "SN-12345",
        "Latitude": "52.51000° N", "Longitude": "13.37000° E",
    }  # fmt: skip


def test_xmp_and_generation_parameters_are_told(tmp_path: Path) -> None:
    xmp = '<x:xmpmeta><rdf:Description xmp:CreatorTool="GIMP 2.10" a="trainedAlgorithmicMedia"/></x:xmpmeta>'
    image = Image.fromarray(head(64))
    image.save(tmp_path / "a.jpg", xmp=xmp.encode())
    told = read_metadata(identify(tmp_path / "a.jpg", LIMITS), LIMITS)
    assert told.facts["Made with (XMP)"] == "GIMP 2.10"
    assert any("generative model" in note for note in told.notes) and any("editing" in note for note in told.notes)
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a portrait, Steps: 20, Sampler: Euler")
    image.save(tmp_path / "b.png", pnginfo=info)
    assert any("prompt" in note for note in read_metadata(identify(tmp_path / "b.png", LIMITS), LIMITS).notes)
    image.save(tmp_path / "c.png")
    empty = read_metadata(identify(tmp_path / "c.png", LIMITS), LIMITS)
    assert (empty.facts, empty.private, empty.notes) == ({}, {}, [])


def test_a_clip_tells_what_wrote_it(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [head(64)] * 5, fps=5)
    told = read_metadata(identify(path, LIMITS), LIMITS)
    assert told.facts["Written by"].startswith("Lavf")


def test_copies_look_the_same_and_others_do_not() -> None:
    first = head(256)
    copies: tuple[Any, ...] = (
        cv2.resize(first, (133, 133), interpolation=cv2.INTER_AREA),
        np.clip(first * 0.9 + 12, 0, 255).astype(np.uint8),
        cv2.imdecode(cv2.imencode(".jpg", first, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], cv2.IMREAD_COLOR),
    )
    assert max(bits(perceptual_hash(first), perceptual_hash(copy)) for copy in copies) <= 8
    for other in (head(256, 1), meadow(256, 256), first[::-1].copy(), first[:, ::-1].copy()):
        assert bits(perceptual_hash(first), perceptual_hash(other)) > 16
    assert perceptual_hash(np.full((64, 64, 3), 200, np.uint8)) is None


def test_fingerprints_are_few_and_each_once() -> None:
    frames = [Frame(i, i / 10, head(64, i % 2)) for i in range(40)]
    found = fingerprints(frames)
    assert 1 <= len(found) <= 2 and all(len(h) == 16 for h in found)
    assert fingerprints([]) == ()


def known(seed: str, hashes: tuple[str, ...]) -> Any:
    base = analyses.picture()
    media = replace(base.media, sha256=seed * 64, name=f"{seed}.png")
    return replace(base, id=seed.upper().lower() * 64, media=media, provenance=Provenance(fingerprints=hashes))


def test_seen_before_and_labelled_fake_by_two(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite3")
    old, other = known("a", ("00000000000000ff",)), known("b", ("ffffffffffffffff",))
    for analysis in (old, other):
        store.record(analysis, origin="workbench")
    store.add_label(old, "fake", reviewer="ann")
    store.add_label(old, "fake", reviewer="ben")
    store.add_label(old, "fake", reviewer="ben")
    new = known("c", ("00000000000000fe", "000000000000f0ff"))
    (found,) = store.seen_before(new)
    assert (found.name, found.exact, found.fake_by, found.real_by) == ("a.png", False, 2, 0)
    again = replace(known("a", ()), id="d" * 64)
    assert [s.exact for s in store.seen_before(again)] == [True]
    assert store.seen_before(known("e", ("0f0f0f0f0f0f0f0f",))) == ()
    store.delete(old.id)
    assert store.seen_before(new) == ()


def test_one_alike_frame_of_many_is_not_enough(tmp_path: Path) -> None:
    store = Store(tmp_path / "h.sqlite3")
    store.record(known("a", ("00000000000000ff",)), origin="workbench")
    clip = known("b", ("00000000000000ff", "ffffffff00000000", "0f0f0f0f0f0f0f0f"))
    assert store.seen_before(clip) == ()


def test_a_history_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    import sqlite3

    from core.store.tables import MIGRATIONS

    path = tmp_path / "h.sqlite3"
    with sqlite3.connect(path) as old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        text = schema.dump(analyses.picture())
        old.execute(
            "INSERT INTO entries VALUES (1, ?, '2026', ?, 'n', 'n', 'image', 'default', 'real', .1, 'cli', '', ?)",
            (analyses.picture().id, "d" * 64, text.replace('"provenance":null,', "")),
        )
        old.execute("PRAGMA user_version = 1")
    store = Store(path)
    assert store.get(analyses.picture().id).provenance is None
    (found,) = store.seen_before(replace(known("f", ()), media=analyses.picture().media))
    assert found.exact
