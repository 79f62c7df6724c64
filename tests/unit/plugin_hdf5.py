"""Writes arrays as an HDF5 file of the kind that Keras wrote: version 0, groups as symbol tables, contiguous values."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

_NOWHERE = 0xFFFFFFFFFFFFFFFF
_LEAF = 8


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray(96)

    def put(self, block: bytes) -> int:
        at = len(self.data)
        self.data += block + bytes(-len(block) % 8)
        return at

    def header(self, *messages: tuple[int, bytes]) -> int:
        body = b"".join(struct.pack("<HHB3x", k, len(d) + -len(d) % 8, 0) + d + bytes(-len(d) % 8) for k, d in messages)
        return self.put(struct.pack("<BBHIIxxxx", 1, 0, len(messages), 1, len(body)) + body)

    def array(self, values: np.ndarray) -> int:
        at = self.put(values.tobytes())
        shape = struct.pack(f"<BBBx4x{values.ndim}Q", 1, values.ndim, 0, *values.shape)
        kind = struct.pack(
            "<BBBBIHHBBBBI", 0x11, 0x20, values.itemsize * 8 - 1, 0, values.itemsize, 0, 32, 23, 8, 0, 23, 127
        )
        layout = struct.pack("<BBQQ", 3, 1, at, values.nbytes)
        return self.header((0x01, shape), (0x03, kind), (0x08, layout))

    def group(self, members: Mapping[str, Any]) -> int:
        names = sorted(members)
        made = {n: self.group(members[n]) if isinstance(members[n], Mapping) else self.array(members[n]) for n in names}
        text, offsets = bytearray(8), {}
        for name in names:
            offsets[name] = len(text)
            text += name.encode() + b"\0"
        segment = self.put(bytes(text))
        heap = self.put(b"HEAP" + struct.pack("<B3xQQQ", 0, len(text), _NOWHERE, segment))
        leaves = []
        for i in range(0, len(names), _LEAF):
            part = names[i : i + _LEAF]
            entries = b"".join(struct.pack("<QQII16x", offsets[n], made[n], 0, 0) for n in part)
            leaves.append(self.put(b"SNOD" + struct.pack("<BxH", 1, len(part)) + entries))
        keys = b"".join(struct.pack("<QQ", 0, leaf) for leaf in leaves) + struct.pack("<Q", 0)
        tree = self.put(b"TREE" + struct.pack("<BBHQQ", 0, 0, len(leaves), _NOWHERE, _NOWHERE) + keys)
        return self.header((0x11, struct.pack("<QQ", tree, heap)))


def hdf5(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A file with arrays under their paths ("group/name")."""
    tree: dict[str, Any] = {}
    for path, values in arrays.items():
        *groups, name = path.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = values
    writer = _Writer()
    root = writer.group(tree)
    head = b"\x89HDF\r\n\x1a\n" + struct.pack("<BBBxBBBxHHI", 0, 0, 0, 0, 8, 8, 4, 16, 0)
    head += struct.pack("<QQQQ", 0, _NOWHERE, len(writer.data), _NOWHERE) + struct.pack("<QQII16x", 0, root, 0, 0)
    writer.data[:96] = head
    return bytes(writer.data)
