"""The arrays in an HDF5 file as Keras wrote it until 2023 (``.h5``): groups as symbol tables, contiguous values.

A reader of just that part of the format (HDF5 File Format Specification 3.0, superblock version 0), because the files
are small and old and no other part of the program needs HDF5. It only reads numbers; nothing in the file is run.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NOWHERE = 0xFFFFFFFFFFFFFFFF
_DATASPACE, _DATATYPE, _LAYOUT, _FILTERS, _CONTINUED, _GROUP = 0x01, 0x03, 0x08, 0x0B, 0x10, 0x11
_MOST_BYTES = 1 << 28
_LONGEST_NAME = 1024

Arrays = dict[str, npt.NDArray[np.floating]]


def read_hdf5(path: Path) -> Arrays:
    """All floating point arrays of a file by their path in it ("group/name").

    Raises:
        WeightsError: the file is no HDF5, is damaged, or uses a part of the format that this reader does not know.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _UnknownError(f"more than {_MOST_BYTES:,} bytes")
        return dict(_File(path.read_bytes()).arrays())
    except (_UnknownError, OSError, struct.error, ValueError, LookupError, OverflowError, RecursionError) as exc:
        raise WeightsError(
            f"The file {path.name} cannot be read as HDF5 weights ({exc or type(exc).__name__}).",
            hint="It is damaged or of another kind; fetch it again.",
        ) from exc


class _UnknownError(Exception):
    """A damaged file, or a part of the format that is not read here."""


@dataclass(frozen=True, slots=True)
class _File:
    data: bytes
    seen: set[int] = field(default_factory=set)
    """Addresses of headers and tree nodes: met twice, a file would never end."""

    def arrays(self) -> Iterator[tuple[str, npt.NDArray[np.floating]]]:
        if self.data[:8] != _SIGNATURE:
            raise _UnknownError("no HDF5 signature")
        if self.data[8] != 0 or self.data[13:15] != b"\x08\x08":
            raise _UnknownError("a newer kind of superblock")
        # The root group's symbol table entry begins at 56: name offset, then the address of its header.
        yield from self._walk(self._number(64), "")

    def _walk(self, header: int, name: str) -> Iterator[tuple[str, npt.NDArray[np.floating]]]:
        self._visit(header)
        messages = dict(self._messages(header))
        if _GROUP in messages:
            tree, heap = struct.unpack_from("<QQ", messages[_GROUP])
            for child, address in self._entries(tree, self._number(heap + 24)):
                yield from self._walk(address, f"{name}/{child}" if name else child)
        elif _DATATYPE in messages and messages[_DATATYPE][0] & 0x0F == 1:
            yield name, self._array(messages)

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        version, _, count, _, size = struct.unpack_from("<BBHII", self.data, header)
        if version != 1:
            raise _UnknownError("a newer kind of object header")
        blocks = [(header + 16, size)]
        while blocks and count:
            at, left = blocks.pop(0)
            end = at + left
            while at + 8 <= end and count:
                kind, length = struct.unpack_from("<HH", self.data, at)
                body = self._bytes(at + 8, length)
                if kind == _CONTINUED:
                    blocks.append(struct.unpack_from("<QQ", body))
                yield kind, body
                at, count = at + 8 + length, count - 1

    def _entries(self, node: int, names: int) -> Iterator[tuple[str, int]]:
        """Names and header addresses of a group's members, from its B-tree."""
        self._visit(node)
        if self._bytes(node, 4) == b"SNOD":
            (count,) = struct.unpack_from("<H", self.data, node + 6)
            for at in range(node + 8, node + 8 + 40 * count, 40):
                offset, address = struct.unpack_from("<QQ", self.data, at)
                begin = names + offset
                end = self.data.index(b"\0", begin, begin + _LONGEST_NAME)
                yield self.data[begin:end].decode("utf-8"), address
            return
        if self._bytes(node, 4) != b"TREE" or self.data[node + 4] != 0:
            raise _UnknownError("a group without its tree")
        (used,) = struct.unpack_from("<H", self.data, node + 6)
        for child in range(used):
            yield from self._entries(self._number(node + 32 + 16 * child), names)

    def _array(self, messages: dict[int, bytes]) -> npt.NDArray[np.floating]:
        if _FILTERS in messages:
            raise _UnknownError("compressed values")
        kind, shape = _dtype(messages[_DATATYPE]), _shape(messages[_DATASPACE])
        layout = messages[_LAYOUT]
        if layout[0] != 3 or layout[1] not in (0, 1):
            raise _UnknownError("values in pieces")
        wanted = kind.itemsize * int(np.prod(shape, dtype=np.int64))
        if layout[1] == 0:
            raw = layout[4 : 4 + wanted]
        else:
            address, size = struct.unpack_from("<QQ", layout, 2)
            raw = self._bytes(address, wanted) if address != _NOWHERE and size >= wanted else b""
        if len(raw) != wanted:
            raise _UnknownError("values that are not all there")
        return np.frombuffer(raw, kind).reshape(shape).astype(kind.newbyteorder("="))

    def _visit(self, address: int) -> None:
        if address in self.seen:
            raise _UnknownError("a part that contains itself")
        self.seen.add(address)

    def _number(self, at: int) -> int:
        return int(struct.unpack_from("<Q", self.data, at)[0])

    def _bytes(self, at: int, count: int) -> bytes:
        found = self.data[at : at + count]
        if len(found) != count:
            raise _UnknownError("it ends too early")
        return found


def _dtype(message: bytes) -> np.dtype[np.floating]:
    (size,) = struct.unpack_from("<I", message, 4)
    if size not in (2, 4, 8):
        raise _UnknownError(f"numbers of {size} bytes")
    return np.dtype(f"{'>' if message[1] & 1 else '<'}f{size}")


def _shape(message: bytes) -> tuple[int, ...]:
    version, rank = message[0], message[1]
    if version not in (1, 2):
        raise _UnknownError("a newer kind of shape")
    return struct.unpack_from(f"<{rank}Q", message, 8 if version == 1 else 4)
