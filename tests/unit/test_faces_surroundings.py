"""The part of the picture that people stay in."""

from __future__ import annotations

from core.faces.surroundings import surroundings, within
from core.types import Face, FaceQuality, FaceTrack

SIZE = (1280, 720)
GOOD = FaceQuality(size_px=100.0, blur=100.0, luma=128.0, yaw=0.0, occlusion=0.0)


def track(*places: tuple[float, float], step_s: float = 0.5) -> FaceTrack:
    """Faces 100 px wide whose left upper corners are ``places``, one every ``step_s`` seconds."""
    faces = tuple(
        Face((x, y, x + 100, y + 100), tuple((x + 20.0 * i, y + 50.0) for i in range(5)), 0.9) for x, y in places
    )
    numbers = tuple(range(len(places)))
    return FaceTrack(1, numbers, tuple(step_s * i for i in numbers), faces, (GOOD,) * len(places))


def test_it_holds_every_place_of_everybody_with_room_round_it() -> None:
    region = surroundings([track((300, 200), (360, 220)), track((600, 250), (600, 250))], 0.0, 0.5, SIZE)
    assert region == (240, 140, 760, 410)


def test_it_ends_where_the_picture_ends() -> None:
    assert surroundings([track((0, 0), (0, 650))], 0.0, 0.5, SIZE) == (0, 0, 160, 720)


def test_rare_sightings_ask_for_more_room() -> None:
    often = surroundings([track(*[(600, 300)] * 9)], 0.0, 4.0, SIZE)
    rarely = surroundings([track((600, 300), (600, 300), step_s=4.0)], 0.0, 4.0, SIZE)
    assert rarely[0] < often[0] and rarely[2] > often[2]


def test_nobody_there_is_the_whole_picture() -> None:
    assert surroundings([track((300, 200))], 50.0, 58.0, SIZE) == (0, 0, *SIZE)


def test_faces_are_told_in_its_pixels() -> None:
    moved = within(track((300, 200)), (240, 140, 760, 410)).faces[0]
    assert moved.box == (60.0, 60.0, 160.0, 160.0)
    assert moved.landmarks[1] == (80.0, 110.0)
