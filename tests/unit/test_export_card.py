"""The model card: upstream's front matter, and what was measured."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from coqui_stt_training.errors import FlagError
from coqui_stt_training.exporting.model_card import ModelCard
from coqui_stt_training.exporting.verification import Verification

FIELDS = dict.fromkeys(
    ("contact_info", "license", "language", "min_stt_version", "max_stt_version"), "unknown"
)
CARD = ModelCard(
    author="someone",
    model_name="digits",
    model_version="0.1.0",
    runtime="tflite",
    description="Hears digits.",
    **FIELDS,
)
MEASURED = Verification(
    file_name="output_graph.tflite",
    size_bytes=1_234_000,
    checkpoint_bytes=4_936_000,
    clip_count=3,
    duration_seconds=6.0,
    logit_difference=0.0312,
    probability_difference=0.0021,
    frame_agreement=0.999,
    checkpoint_wer=0.25,
    exported_wer=0.265,
)


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_front_matter_is_yaml():
    found = front_matter(CARD.render([], noise_only=True))
    assert list(found) == [
        "author",
        "model_name",
        "model_version",
        "contact_info",
        "license",
        "language",
        "runtime",
        "min_stt_version",
        "max_stt_version",
        "acoustic_model_url",
        "scorer_url",
    ]
    assert found["model_version"] == "0.1.0"
    assert found["runtime"] == "tflite"


@given(st.text(max_size=40))
def test_any_value_can_be_read_back(value):
    card = ModelCard(**{**vars(CARD), "contact_info": value})
    found = front_matter(card.render([], noise_only=True))
    assert str(found["contact_info"]) == value or isinstance(found["contact_info"], (int, float))
    assert found["license"] == "unknown"


def test_the_file_is_named_as_upstream_names_it():
    assert CARD.file_name == "someone_digits_0.1.0.md"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b", "a\nb", "a:b"])
def test_names_that_are_no_file_names_are_refused(name):
    with pytest.raises(FlagError, match="--export_model_name"):
        _ = ModelCard(**{**vars(CARD), "model_name": name}).file_name


def test_what_was_measured_stands_in_the_card():
    card = CARD.render([MEASURED], noise_only=False)
    row = "| output_graph.tflite | 1.23 | 0.031 | 0.0021 | 99.90% | 0.2650 | 0.2500 | +0.0150 |"
    assert row in card
    assert "3 clips, 6.0 s." in card


def test_without_transcripts_there_is_no_word_error_rate():
    measured = Verification(**{**vars(MEASURED), "checkpoint_wer": None, "exported_wer": None})
    card = CARD.render([measured], noise_only=True)
    assert "| 99.90% | - | - | - |" in card
    assert "synthesised noise" in card
    assert "WER" not in measured.describe()
