"""Videos: frames by their times at any rate, what is refused with a sentence, and clips of one shape."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from deepdojo.data import videos
from deepdojo.data.codecs.clips import Clips
from deepdojo.data.files import Media
from deepdojo.data.videos import Clip, check_video, decode_video, video_size
from deepdojo.errors import DataError, UsageError
from tests.data.made_videos import write_sound, write_video


def place_of_bar(frame: np.ndarray) -> float:
    return float(np.flatnonzero(frame.mean(axis=0) > 120).mean())


def test_frames_come_with_their_times(tmp_path) -> None:
    path = write_video(tmp_path / "a.mkv", list(range(0, 800, 40)))
    clip = decode_video(Media.of(path), colour=False)
    assert clip.frames.shape == (20, 48, 64)
    np.testing.assert_allclose(clip.times, np.arange(20) * 0.04, atol=1e-3)
    assert clip.seconds == pytest.approx(0.8, abs=0.01)
    assert decode_video(path.read_bytes(), size=32).frames.shape == (20, 24, 32, 3)
    assert video_size(Media.of(path)) == (48, 64)


def test_frames_are_resized_as_each_by_itself(tmp_path) -> None:
    """One resizer serves a video: a frame's own is planned anew each time, which was half of decoding."""
    path = write_video(tmp_path / "a.mkv", list(range(0, 400, 40)))
    with av.open(str(path)) as file:
        alone = [
            frame.reformat(width=32, height=24, format="rgb24", interpolation="AREA").to_ndarray()
            for frame in file.decode(video=0)
        ]
    np.testing.assert_array_equal(decode_video(path.read_bytes(), size=32).frames, np.stack(alone))


def test_at_a_variable_rate_the_frame_is_the_one_that_is_seen_at_a_time(tmp_path) -> None:
    """Four frames in the first 60 ms and one at two seconds: at one second the fourth is still seen."""
    clip = decode_video(Media.of(write_video(tmp_path / "v.mkv", [0, 20, 40, 60, 2000], speed=10)), colour=False)
    np.testing.assert_allclose(clip.times, [0, 0.02, 0.04, 0.06, 2.0], atol=1e-3)
    seen = clip.at(np.array([-1.0, 0.0, 0.03, 1.0, 1.99, 2.0, 9.0]))
    places = [round(place_of_bar(frame)) for frame in seen]
    assert places == [pytest.approx(4 + 10 * k, abs=1) for k in (0, 0, 1, 3, 3, 4, 4)]


def test_one_frame_is_a_video_in_which_nothing_moves(tmp_path) -> None:
    clip = decode_video(Media.of(write_video(tmp_path / "one.mkv", [0])), colour=False)
    assert len(clip.frames) == 1
    codec = Clips(frames=4, clips=3, seconds=None, height=48, width=64, channels=1)
    for frames in codec.of(clip):
        assert frames.shape == (4, 48, 64)
        np.testing.assert_array_equal(frames[0], frames[3])


def test_each_fault_is_one_sentence(tmp_path) -> None:
    whole = write_video(tmp_path / "a.mp4", list(range(0, 800, 40))).read_bytes()
    sound = write_sound(tmp_path / "s.wav").read_bytes()
    for content, fault in (
        (b"", "empty"),
        (b"hello, this is no video", "no video, or a broken one"),
        (whole[: len(whole) // 2], "no video, or a broken one"),
        (sound, "holds no video"),
    ):
        with pytest.raises(DataError, match=fault) as error:
            decode_video(content)
        assert "\n" not in str(error.value)
        with pytest.raises(DataError, match=fault):
            check_video(io.BytesIO(content))
    check_video(io.BytesIO(whole))
    for array in (np.zeros((0, 4, 4), np.uint8), np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 2), np.uint8)):
        with pytest.raises(DataError):
            decode_video(array)


def test_a_video_without_frames_is_said_to_have_none(tmp_path) -> None:
    head = write_video(tmp_path / "a.mkv", [0]).read_bytes()
    cut = head[: head.index(b"\x1f\x43\xb6\x75")]  # Matroska's id of a cluster: what is before holds no frame
    with pytest.raises(DataError, match=r"no frame|no video"):
        decode_video(cut)


def test_without_a_decoder_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setattr(videos, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "deepdojo\[video\]"'):
        decode_video(b"anything")


def test_the_memory_of_a_long_video_is_bounded(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(videos, "MOST_KEPT", 16)
    clip = decode_video(Media.of(write_video(tmp_path / "a.mkv", list(range(0, 4000, 40)))), colour=False)
    assert 8 <= len(clip.frames) <= 17
    np.testing.assert_allclose(np.diff(clip.times), np.diff(clip.times)[0], atol=2e-3)
    assert clip.seconds == pytest.approx(4.0, abs=0.05)


def test_clips_cover_a_long_video_and_look_between_one_another_at_a_short_one() -> None:
    codec = Clips(frames=4, clips=3, seconds=2.0, height=8, width=8, channels=1)
    middle, first, last = codec.times(10.0)
    np.testing.assert_allclose(first, [0.25, 0.75, 1.25, 1.75])
    np.testing.assert_allclose(middle, first + 4)
    np.testing.assert_allclose(last, first + 8)
    short = np.sort(np.concatenate(codec.times(1.0)))
    np.testing.assert_allclose(np.diff(short), 1 / 12)
    assert short[0] > 0
    assert short[-1] < 1
    (only,) = Clips(frames=2, clips=1, seconds=None, height=8, width=8, channels=1).times(3.0)
    np.testing.assert_allclose(only, [0.75, 2.25])


def test_clips_are_fitted_to_most_videos_and_never_larger_than_these() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.integers(0, 255, (6, 20, 40), dtype=np.uint8) for _ in range(9)]
    codec = Clips.fit(cells, frames=4, clips=2, seconds=None, size=80, colour=False)
    assert (codec.height, codec.width) == (24, 40)  # 20 to a multiple of eight
    assert codec.mean == pytest.approx(0.5, abs=0.05)
    assert Clips.fit(cells, frames=4, clips=2, seconds=None, size=16, colour=True).encode(cells[0])[0].shape == (
        12,
        8,
        16,
    )
    with pytest.raises(DataError, match="none of the training videos"):
        Clips.fit([b""], frames=4, clips=2, seconds=None, size=16, colour=True)


def test_a_frame_is_looked_up_and_never_before_the_first() -> None:
    clip = Clip(np.arange(3, dtype=np.uint8)[:, None, None], np.array([0.0, 0.5, 0.6]), 1.0)
    assert clip.at(np.array([0.0, 0.49, 0.5, 0.99])).ravel().tolist() == [0, 0, 1, 2]
