"""EXIF, XMP and container tags: what the file says of camera, programs and times.

Where it was taken, serial numbers and names of people are private: they are kept apart and never stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import ExifTags, Image

from core.media.containers import READ_FAULTS, open_container
from core.media.hints import tidy
from core.media.image import open_image
from core.settings import Limits
from core.types import MediaKind, MediaRef

_EXIF = {
    ExifTags.Base.Make: "Camera maker", ExifTags.Base.Model: "Camera", ExifTags.Base.Software: "Software",
    ExifTags.Base.DateTime: "Changed on", ExifTags.Base.DateTimeOriginal: "Taken on",
    ExifTags.Base.LensModel: "Lens", ExifTags.Base.ExposureTime: "Exposure in s", ExifTags.Base.FNumber: "Aperture",
    ExifTags.Base.ISOSpeedRatings: "ISO", ExifTags.Base.FocalLength: "Focal length in mm",
}  # fmt: skip
_PRIVATE_EXIF = {
    ExifTags.Base.Artist: "Artist", ExifTags.Base.Copyright: "Copyright",
    ExifTags.Base.BodySerialNumber: "Serial number of the camera",
    ExifTags.Base.LensSerialNumber: "Serial number of the lens", ExifTags.Base.CameraOwnerName: "Owner of the camera",
    ExifTags.Base.ImageUniqueID: "Image id",
}  # fmt: skip
_TAGS = {
    "creation_time": "Created on", "com.apple.quicktime.creationdate": "Created on", "encoder": "Written by",
    "com.apple.quicktime.make": "Camera maker", "com.apple.quicktime.model": "Camera", "make": "Camera maker",
    "model": "Camera", "com.apple.quicktime.software": "Software", "software": "Software",
}  # fmt: skip
_PRIVATE_TAGS = {
    "com.apple.quicktime.location.iso6709": "Position", "location": "Position", "location-eng": "Position",
    "artist": "Artist", "author": "Author",
}  # fmt: skip
_XMP_BYTES = 1 << 20
_CREATOR = re.compile(r"CreatorTool(?:>|=\")([^<\"]{1,200})")
_AGENT = re.compile(r"softwareAgent(?:>|=\")([^<\"]{1,200})")
_GENERATED = re.compile(r"trainedAlgorithmicMedia|compositeWithTrainedAlgorithmicMedia")
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|affinity|snapseed|facetune|faceapp|canva|pixlr|picsart|meitu|remini|paint\.net|"
    r"premiere|after effects|davinci|capcut|final cut",
    re.IGNORECASE,
)
_GENERATORS = re.compile(
    r"midjourney|stable diffusion|dall.?e|firefly|comfyui|novelai|automatic1111|invokeai|imagen|flux|gpt.?image|"
    r"deepfacelive|deepfacelab|faceswap|roop|rope|simswap",
    re.IGNORECASE,
)
_PARAMETERS = ("parameters", "prompt", "workflow", "invokeai_metadata", "sd-metadata")
_HIDDEN = "present; not shown here"


@dataclass(slots=True)
class Told:
    """``facts`` may be shown anywhere, ``private`` only to who holds the file, ``notes`` are in whole sentences."""

    facts: dict[str, str] = field(default_factory=dict)
    private: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, value: object, *, private: bool = False) -> None:
        text = tidy(value)
        if text:
            (self.private if private else self.facts).setdefault(name, text)


def read_metadata(ref: MediaRef, limits: Limits) -> Told:
    """All that the file says of its origin; nothing where it says nothing or its metadata are damaged."""
    told = Told()
    try:
        if ref.kind is MediaKind.IMAGE:
            with open_image(ref.path, limits) as image:
                _from_picture(image, told)
        else:
            with open_container(ref.path, limits.max_pixels) as container:
                _from_tags({k.lower(): v for k, v in container.metadata.items()}, told)
    except READ_FAULTS:
        told.notes.append("Its embedded facts are damaged.")
    _name_programs(told)
    return told


def _from_picture(image: Image.Image, told: Told) -> None:
    exif = image.getexif()
    tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    for tag, name in _EXIF.items():
        told.add(name, tags.get(tag))
    for tag, name in _PRIVATE_EXIF.items():
        told.add(name, tags.get(tag), private=True)
    _position(exif.get_ifd(ExifTags.IFD.GPSInfo), told)
    _from_xmp(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or "", told)
    told.add("Software", image.info.get("Software"))
    if any(isinstance(image.info.get(key), str) for key in _PARAMETERS):
        told.notes.append("It carries a prompt or settings as programs that generate pictures write them.")


def _position(gps: Mapping[int, object], told: Told) -> None:
    if not gps:
        return
    told.facts["Position"] = _HIDDEN
    for tag, sign, name in (
        (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "Latitude"),
        (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "Longitude"),
    ):
        told.add(name, _degrees(gps.get(tag), gps.get(sign)), private=True)


def _degrees(value: object, sign: object) -> str:
    try:
        d, m, s = (float(part) for part in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return ""
    return f"{d + m / 60 + s / 3600:.5f}° {tidy(sign)}"


def _from_xmp(raw: object, told: Told) -> None:
    text = raw[:_XMP_BYTES].decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)[:_XMP_BYTES]
    if found := _CREATOR.search(text):
        told.add("Made with (XMP)", found[1])
    agents = list(dict.fromkeys(tidy(agent) for agent in _AGENT.findall(text)))
    told.add("Edited with (XMP)", ", ".join(agents[:4]))
    if _GENERATED.search(text):
        told.notes.append("Its XMP says that a generative model made it or parts of it.")


def _from_tags(tags: Mapping[str, str], told: Told) -> None:
    for tag, name in _TAGS.items():
        told.add(name, tags.get(tag))
    for tag, name in _PRIVATE_TAGS.items():
        told.add(name, tags.get(tag), private=True)
    if "Position" in told.private:
        told.facts["Position"] = _HIDDEN


def _name_programs(told: Told) -> None:
    for name in ("Software", "Made with (XMP)", "Edited with (XMP)", "Written by"):
        value = told.facts.get(name, "")
        if _GENERATORS.search(value):
            told.notes.append(f"{value} is a program that generates or swaps pictures.")
        elif _EDITORS.search(value):
            told.notes.append(f"{value} is a program for editing; that it was used is no sign of a fake by itself.")
