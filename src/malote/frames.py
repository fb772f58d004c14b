"""Zstandard frames: how pouches, captured files and extracted documents are kept small.

Python has them itself from 3.14 on; before, a backport of the same module serves.
"""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["FrameError", "FrameTooLargeError", "claimed_size", "pack", "unpack", "zstd"]

_LARGEST_WINDOW = 27  # the power of two of what a frame may make its reader keep to refer back to: 128 MiB


class FrameError(Exception):
    """Not one whole frame, or a damaged one."""


class FrameTooLargeError(FrameError):
    """It holds more than is allowed, or says so."""


def pack(content: bytes, level: int = 3) -> bytes:
    """The content as one frame, which says how large it is, and whose last bytes tell of one that was changed."""
    parameter = zstd.CompressionParameter
    return zstd.compress(content, options={int(parameter.compression_level): level, int(parameter.checksum_flag): 1})


def unpack(frame: bytes, most: int, *, window: int = _LARGEST_WINDOW) -> bytes:
    """The content of exactly one frame. No more than ``most`` bytes are ever opened, whatever the frame claims.

    ``window``: the power of two of the bytes that it may make its reader keep. Raises ``FrameError``.
    """
    try:
        if (zstd.get_frame_info(frame).decompressed_size or 0) > most:
            raise FrameTooLargeError(f"more than {most} bytes when opened")
        opener = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: window})
        content = opener.decompress(frame, most + 1)
    except zstd.ZstdError as error:
        raise FrameError(str(error)) from error
    if len(content) > most:
        raise FrameTooLargeError(f"more than {most} bytes when opened")
    if not opener.eof:
        raise FrameError("the frame has no end")
    if opener.unused_data:
        raise FrameError("something follows the frame")
    return content


def claimed_size(frame: bytes) -> int | None:
    """How large the content is, by the frame's own word. Raises ``FrameError``."""
    try:
        return zstd.get_frame_info(frame).decompressed_size
    except zstd.ZstdError as error:
        raise FrameError(str(error)) from error
