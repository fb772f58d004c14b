"""Zstandard frames: one whole frame is opened, never more than is allowed."""

import pytest

from malote import frames


def test_what_is_packed_comes_out_again() -> None:
    for content in (b"", b"x", bytes(range(256)) * 1000):
        frame = frames.pack(content)
        assert frames.claimed_size(frame) == len(content)
        assert frames.unpack(frame, len(content)) == content


def test_a_frame_may_hold_no_more_than_is_allowed() -> None:
    with pytest.raises(frames.FrameTooLargeError):
        frames.unpack(frames.pack(b"x" * 100), 99)


@pytest.mark.parametrize("damage", ["empty", "cut", "followed", "doubled", "changed"])
def test_anything_but_one_whole_frame_is_refused(damage: str) -> None:
    frame = frames.pack(bytes(range(256)))
    damaged = {
        "empty": b"",
        "cut": frame[:-1],
        "followed": frame + b"\0",
        "doubled": frame + frame,
        "changed": b"\0" + frame[1:],
    }[damage]
    with pytest.raises(frames.FrameError):
        frames.unpack(damaged, 10_000)
