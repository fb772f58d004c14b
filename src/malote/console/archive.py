"""A zip that is sent while it is made: what is held of it is one file, and its list of contents."""

import io
import zipfile
from collections.abc import Iterable, Iterator

AT_ONCE = 256_000  # bytes sent together

Named = tuple[str, bytes | None]  # None: could not be had


def pieces(files: Iterable[Named], left_out: str, words: str) -> Iterator[bytes]:
    """The archive of these files, piece by piece.

    Where some could not be had, one called ``left_out`` names them after ``words``.
    """
    sink = _Sink()
    missing: list[str] = []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            if content is None:
                missing.append(name)
                continue
            archive.writestr(name, content)
            if sink.held() >= AT_ONCE:
                yield sink.taken()
        if missing:
            archive.writestr(left_out, "\n".join([words, *missing, ""]))
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Where the archive is written to. It can't be gone back in, so that what is in it may be sent."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def held(self) -> int:
        return len(self._held)

    def taken(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken
