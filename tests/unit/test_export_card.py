"""The model card: upstream's front matter, and the measurements."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.errors import FlagError
from coqui_stt_training.exporting.facts import describe_model
from coqui_stt_training.exporting.model_card import ModelCard
from coqui_stt_training.exporting.verification import Verification
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import random_deployment

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


def test_what_is_known_of_the_model_stands_in_the_card_without_paths_of_its_authors_machine():
    deployment = random_deployment(Geometry(n_hidden=48, n_classes=29))
    plan = [{"layer": "layer_1", "action": "kept"}, {"layer": "layer_6", "action": "new"}]
    source = SourceModel(
        "coqui-stt",
        Path("/home/me/ckpt/best_dev-90.safetensors"),
        deployment.geometry,
        deployment.tensors,
        deployment.alphabet,
        deployment.features,
        step=90,
        details={
            "lineage": [
                {
                    "begun": "2026-01-31",
                    "source": "/home/me/released/best_dev-7",
                    "plan": plan,
                    "train_files": ["/home/me/corpus/train.csv"],
                }
            ],
            "validated": {"cer": 0.125, "loss": 9.5},
        },
    )
    facts = describe_model(source, deployment)
    assert "/home/me" not in facts
    assert "n_hidden 48, 29 classes" in facts
    assert "- output: 28 labels: `` " in facts
    assert "- input: audio of 16000 Hz" in facts
    assert "- trained for: 90 steps" in facts
    assert (
        "- training: 2026-01-31 from released/best_dev-7: kept: layer_1; new: layer_6; on train.csv"
        in facts
    )
    assert "character error rate 0.1250, loss 9.500" in facts
    card = ModelCard(**{**vars(CARD), "facts": facts}).render([MEASURED], noise_only=False)
    assert card.index("Hears digits.") < card.index("## The model") < card.index("## Verification")
    assert "facts" not in front_matter(card)


def test_without_transcripts_there_is_no_word_error_rate():
    measured = Verification(**{**vars(MEASURED), "checkpoint_wer": None, "exported_wer": None})
    card = CARD.render([measured], noise_only=True)
    assert "| 99.90% | - | - | - |" in card
    assert "synthetic noise" in card
    assert "WER" not in measured.describe()
