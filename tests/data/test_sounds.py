"""Sounds: decoding, resampling, spectra against scipy and transformers, bad files, folders and tables of sounds."""

from __future__ import annotations

import io
import math
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soundfile

from deepdojo.data import spectra
from deepdojo.data.codecs.log_mel import LogMel, _quantile
from deepdojo.data.dataset import load_dataset
from deepdojo.data.files import Media
from deepdojo.data.new import create
from deepdojo.data.project import find_project
from deepdojo.data.resampling import resample
from deepdojo.data.sounds import Sound, check_sound, decode_sound, encode_sound, sound_facts
from deepdojo.errors import DataError

RATE = 8000


def _tone(n: int = 4001, rate: int = RATE, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(n) / rate)).astype(np.float32)


def _file(samples: np.ndarray, rate: int = RATE, form: str = "WAV", width: str = "PCM_16") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=form, subtype=width)
    return out.getvalue()


# ----- decoding


@pytest.mark.parametrize(
    ("form", "width", "step"),
    [("WAV", "PCM_U8", 2**-7), ("WAV", "PCM_16", 2**-15), ("WAV", "PCM_24", 2**-23), ("WAV", "PCM_32", 2**-23),
     ("WAV", "FLOAT", 2**-24), ("WAV", "DOUBLE", 2**-24), ("FLAC", "PCM_16", 2**-15), ("FLAC", "PCM_24", 2**-23)],
)  # fmt: skip
def test_every_width_decodes_to_the_same_samples_up_to_its_own_step(form: str, width: str, step: float) -> None:
    sound = decode_sound(_file(_tone(), form=form, width=width))
    assert sound.rate == RATE
    assert sound.samples.dtype == np.float32
    np.testing.assert_allclose(sound.samples, _tone(), atol=1.01 * step)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("chunk", [b"", b"LIST\x03\x00\x00\x00abc\x00"])
def test_plain_wav_is_read_by_hand_as_the_library_reads_it(channels: int, chunk: bytes) -> None:
    whole = np.random.default_rng(0).integers(-32768, 32768, (101, channels)).astype(np.int16)
    out = io.BytesIO()
    soundfile.write(out, whole, RATE, format="WAV", subtype="PCM_16")
    data = out.getvalue()
    at = data.index(b"data")
    content = data[:at] + chunk + data[at:]
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]
    theirs = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0]
    check_sound(io.BytesIO(content))
    sound = decode_sound(content)
    assert sound.rate == RATE
    expected = theirs[:, 0] if channels == 1 else theirs.mean(axis=1, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(sound.samples, expected)


def test_the_loudest_part_is_numpys_quantile_bit_for_bit() -> None:
    generator = np.random.default_rng(0)
    for n in (1, 2, 3, 40, 200, 201, 4321):
        values = generator.normal(size=n)
        for share in (0.5, 0.9, 0.995):
            assert _quantile(values, share) == np.quantile(values, share)


def test_two_channels_become_their_mean() -> None:
    left, right = _tone(), np.zeros_like(_tone())
    sound = decode_sound(_file(np.stack([left, right], axis=1), width="FLOAT"))
    np.testing.assert_allclose(sound.samples, left / 2, atol=1e-7)


def test_what_we_write_is_what_the_library_writes() -> None:
    own = encode_sound(_tone(), RATE)
    assert own == _file(np.rint(_tone().astype(np.float64) * 32768).astype(np.int16))
    samples, rate = soundfile.read(io.BytesIO(encode_sound(_tone(), RATE, "FLAC")), dtype="float32")
    assert rate == RATE
    np.testing.assert_array_equal(samples, decode_sound(own).samples)


def test_beyond_full_scale_is_cut_off_and_not_wrapped() -> None:
    sound = decode_sound(encode_sound(np.array([2.0, -2.0, 0.0]), RATE))
    np.testing.assert_allclose(sound.samples, [32767 / 32768, -1.0, 0.0])


def test_silence_is_a_sound() -> None:
    silent = encode_sound(np.zeros(800), RATE)
    check_sound(io.BytesIO(silent))
    codec = LogMel.fit([silent])
    assert (codec.encode(silent) == 0).all()


WHOLE = encode_sound(_tone(), RATE)
BAD = {
    "empty": (b"", "the sound's file is empty"),
    "text": (b"hello, this is no sound\n" * 9, "this is no sound: it is a text file"),
    "zeros": (bytes(200), "this is no sound: it begins with 00 00"),
    "no samples": (WHOLE[:40] + struct.pack("<I", 0), "the sound has no samples"),
    "half": (WHOLE[: len(WHOLE) // 2], "the sound is cut short: 3,979 of 8,002 bytes are there"),
    "head alone": (WHOLE[:30], "the sound is broken"),
    "half of FLAC": (_file(_tone(20_000), form="FLAC")[:4000], "the sound is"),
    "not a number": (_file(np.array([0.0, math.nan]), width="FLOAT"), "no finite numbers"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_sentence(name: str) -> None:
    content, said = BAD[name]
    with pytest.raises(DataError) as error:
        decode_sound(content)
    assert said in error.value.what
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", [n for n in BAD if n not in ("half of FLAC", "not a number")])
def test_the_head_alone_tells_what_is_no_whole_sound(name: str) -> None:
    with pytest.raises(DataError):
        check_sound(io.BytesIO(BAD[name][0]))


def test_a_head_without_a_size_is_taken_as_programs_write_it_into_a_pipe() -> None:
    piped = WHOLE[:4] + b"\xff\xff\xff\xff" + WHOLE[8:40] + b"\xff\xff\xff\xff" + WHOLE[44:]
    assert len(decode_sound(piped).samples) == 4001


def test_a_sound_that_is_too_long_is_refused_by_its_head() -> None:
    with pytest.raises(DataError, match="minutes long"):
        decode_sound(WHOLE, max_samples=1000)


def test_facts_come_from_the_head() -> None:
    facts = sound_facts(_file(np.zeros((100, 2)), 44_100, "FLAC"))
    assert (facts.rate, facts.samples, facts.channels, facts.form) == (44_100, 100, 2, "FLAC PCM_16")


# ----- resampling


@pytest.mark.parametrize(("old", "new"), [(16_000, 8000), (8000, 16_000), (44_100, 8000), (22_050, 16_000), (7, 5)])
@pytest.mark.parametrize("n", [1, 2, 17, 4001])
def test_resampling_equals_scipy(old: int, new: int, n: int) -> None:
    samples = np.random.default_rng(n).normal(size=n).astype(np.float32)
    common = math.gcd(old, new)
    wanted = scipy.signal.resample_poly(samples.astype(np.float64), new // common, old // common)
    found = resample(samples, old, new)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=2e-6)


def test_a_tone_keeps_its_pitch_and_the_same_rate_changes_nothing() -> None:
    tone = _tone(16_000, 16_000)
    halved = Sound(tone, 16_000).at(8000).samples
    np.testing.assert_allclose(halved[100:-100], _tone(8000, 8000)[100:-100], atol=2e-3)
    np.testing.assert_array_equal(resample(tone, RATE, RATE), tone)


# ----- spectra


def test_power_equals_scipys_short_time_transform() -> None:
    samples = np.random.default_rng(0).normal(size=2011)
    window, hop, fft = 200, 80, 256
    found = spectra.power(samples, window, hop, fft)
    direct = np.stack([
        np.abs(np.fft.rfft(scipy.signal.get_window("hann", window) * samples[k * hop : k * hop + window], fft)) ** 2
        for k in range((len(samples) - window) // hop + 1)
    ])  # fmt: skip
    np.testing.assert_allclose(found[: len(direct)], direct, rtol=1e-9, atol=1e-9)

    ours = spectra.power(samples[: 200 + 80 * 20], window, hop, fft)
    _, _, theirs = scipy.signal.stft(
        samples[: 200 + 80 * 20], window="hann", nperseg=window, noverlap=window - hop, nfft=fft, boundary=None,
        scaling="spectrum",
    )  # fmt: skip
    np.testing.assert_allclose(ours, np.abs(theirs.T * (window / 2)) ** 2, rtol=1e-9, atol=1e-9)


def test_the_mel_filters_equal_another_implementation() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    wanted = audio_utils.mel_filter_bank(129, 23, 60.0, 3800.0, 8000, norm=None, mel_scale="htk")
    np.testing.assert_allclose(spectra.mel_filters(23, 256, 8000, 60.0, 3800.0), wanted, atol=1e-9)


def test_log_mel_equals_another_implementation() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    samples = np.random.default_rng(1).normal(size=200 + 80 * 11)
    wanted = audio_utils.spectrogram(
        samples, audio_utils.window_function(200, "hann", periodic=True), 200, 80, 256, power=2.0, center=False,
        mel_filters=spectra.mel_filters(40, 256, 8000), mel_floor=1e-10, log_mel="log",
    ).T  # fmt: skip
    found = spectra.log_mel(samples, 8000, window=200, hop=80, fft=256)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_the_cepstra_equal_scipys_cosine_transform() -> None:
    bands = np.random.default_rng(2).normal(size=(7, 40))
    wanted = scipy.fft.dct(bands, type=2, norm="ortho", axis=1)[:, :13]
    np.testing.assert_allclose(spectra.cepstra(bands, 13), wanted, atol=1e-12)
    assert spectra.mfcc(_tone(), RATE).shape == (1 + math.ceil((4001 - 200) / 80), 13)


def test_the_slope_of_a_ramp_is_its_slope() -> None:
    ramp = 3.0 * np.arange(11)[:, None] + 5.0
    np.testing.assert_allclose(spectra.deltas(ramp)[2:-2], 3.0)


def test_hertz_and_mel_are_inverse_and_1000_hertz_are_about_1000_mel() -> None:
    hertz = np.linspace(0, 8000, 17)
    np.testing.assert_allclose(spectra.hertz_of_mel(spectra.mel_of_hertz(hertz)), hertz, atol=1e-9)
    assert abs(float(spectra.mel_of_hertz(1000.0)) - 1000.0) < 0.1


@pytest.mark.parametrize("n", [1, 199, 200, 201, 280, 281])
def test_each_sample_stands_in_a_frame(n: int) -> None:
    found = spectra.frames(np.arange(1, n + 1, dtype=float), 200, 80)
    assert found.shape == (1 + max(0, math.ceil((n - 200) / 80)), 200)
    assert n in found


def test_how_loud_a_sound_was_recorded_changes_nothing() -> None:
    codec = LogMel.of(RATE)
    noise = np.random.default_rng(3).normal(size=4000)
    loud, quiet = (codec.encode(Sound((g * noise).astype(np.float32), RATE)) for g in (0.1, 0.01))
    np.testing.assert_allclose(loud, quiet, atol=1e-3)
    assert loud.min() >= 0


def test_the_codec_takes_the_commonest_rate_and_counts_frames_without_decoding() -> None:
    cells = [encode_sound(_tone(), RATE)] * 3 + [encode_sound(_tone(rate=44_100), 44_100)]
    codec = LogMel.fit(cells)
    assert codec.rate == RATE
    assert [codec.count_of(cell) for cell in cells] == [len(codec.encode(cell)) for cell in cells]
    assert LogMel(**vars(codec)) == codec


# ----- projects of sounds


def _words(folder: Path, speakers: int = 8, each: int = 3) -> None:
    """Folders high and low of short tones with a little noise, no two alike."""
    draw = np.random.default_rng(0)
    for name, hertz in (("low", 300.0), ("high", 1200.0)):
        (folder / name).mkdir(parents=True)
        for speaker in range(speakers):
            for k in range(each):
                samples = _tone(1600, hertz=hertz * (1 + 0.1 * draw.random())) + 0.02 * draw.normal(size=1600)
                (folder / name / f"s{speaker}_{k}.wav").write_bytes(encode_sound(samples, RATE))


def test_a_folder_of_class_folders_becomes_a_project(tmp_path: Path) -> None:
    _words(tmp_path / "sounds")
    (tmp_path / "sounds" / "low" / "notes.txt").write_text("no sound")
    bad = {"empty.wav": b"", "none.wav": BAD["no samples"][0], "cut.wav": BAD["half"][0], "text.wav": b"words " * 50}
    for name, content in bad.items():
        (tmp_path / "sounds" / "high" / name).write_bytes(content)
    project, said = create(tmp_path / "p", tmp_path / "sounds")
    assert project.spec.task == "audio-classification"
    assert any("48 sounds" in s or "52 sounds" in s for s in said)
    dataset = load_dataset(find_project(tmp_path / "p"))
    assert len(dataset.rejected) == len(bad)
    assert {r.reason for r in dataset.rejected} >= {"the sound's file is empty", "the sound has no samples"}
    row = dataset.rows("train")[0]
    assert isinstance(row["audio"], Media)
    assert decode_sound(row["audio"]).rate == RATE


def test_a_folder_with_a_table_becomes_recognition_with_speakers_apart(tmp_path: Path) -> None:
    _words(tmp_path / "all", each=2)
    flat = tmp_path / "flat"
    flat.mkdir()
    lines = ["path,speaker,sentence"]
    for number, file in enumerate(sorted((tmp_path / "all").rglob("*.wav"))):
        (flat / f"clip{number}.wav").write_bytes(file.read_bytes())
        lines.append(f"clip{number}.wav,{file.stem.split('_')[0]},the {file.parent.name} tone number {number}")
    (flat / "labels.csv").write_text("\n".join([*lines, "gone.wav,s0,a file that is missing"]) + "\n")
    project, said = create(tmp_path / "p", flat)
    assert project.spec.task == "speech-recognition"
    assert project.spec.split.group == "speaker"
    assert any("no voice stands on both sides" in s for s in said)
    dataset = load_dataset(find_project(tmp_path / "p"))
    assert [r.reason for r in dataset.rejected] == ["the sound gone.wav is not there"]
    assert sum(len(dataset.rows(part)) for part in ("train", "validation", "test")) == 32


def test_sounds_that_no_row_of_the_table_names_are_counted_aloud(tmp_path: Path) -> None:
    _words(tmp_path / "all")
    files = sorted((tmp_path / "all").rglob("*.wav"))
    lines = ["file,label", *(f"{f.relative_to(tmp_path / 'all').as_posix()},{f.parent.name}" for f in files[:-3])]
    (tmp_path / "all" / "labels.csv").write_text("\n".join(lines) + "\n")
    _, said = create(tmp_path / "p", tmp_path / "all")
    assert any("left out, as no row names them: 3 files" in sentence for sentence in said)
    (tmp_path / "all" / "labels.csv").write_text(
        "\n".join([*lines, *(f"{f.relative_to(tmp_path / 'all').as_posix()},{f.parent.name}" for f in files[-3:])])
    )
    _, said = create(tmp_path / "q", tmp_path / "all")
    assert not any("no row names" in sentence for sentence in said)


def test_a_table_with_labels_becomes_classification(tmp_path: Path) -> None:
    _words(tmp_path / "all")
    lines = ["file,label"]
    lines += [
        f"{f.relative_to(tmp_path / 'all').as_posix()},{f.parent.name}" for f in (tmp_path / "all").rglob("*.wav")
    ]
    (tmp_path / "all" / "labels.csv").write_text("\n".join(lines) + "\n")
    project, _ = create(tmp_path / "p", tmp_path / "all" / "labels.csv")
    assert (project.spec.task, project.spec.columns["label"]) == ("audio-classification", "label")
