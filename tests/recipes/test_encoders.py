"""Pre-trained encoders in the usual commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import stt
from command_runner import Result, run_command
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.bootstrapping.alphabets import choose_alphabet
from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.cli.config import AlphabetFlags
from coqui_stt_training.cli.training_flags import BootstrapFlags
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.conformer.specification import ConformerEncoder
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.tensors import weights_of
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from encoder_folders import write_wav2vec2, write_whisper
from nemo_archive import write_nemo
from stt.audio.source import read_pcm
from whisper_formats import write_ctranslate2, write_ggml, write_openai

from .conftest import SMALL, ToneCorpus, write_tones

PLAIN = ("--recipe", "none", *SMALL[2:])
HEAD = ("--head", "lstm", "--head_size", "24", "--shuffle_batches", "true")


def train(*flags: object) -> Result:
    return run_command("train", *flags, *PLAIN, *HEAD)


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_whisper(tmp_path_factory.mktemp("encoders") / "whisper")


@pytest.fixture(scope="module")
def trained(
    whisper: Path, latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("encoders") / "trained"
    result = train(
        "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", folder, *latin.flags,
        "--alphabet_config_path", latin.alphabet, "--freeze_source_layers", 3, "--epochs", 12,
        "--learning_rate", 0.01,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result


def test_a_head_is_put_on_an_encoder_and_learns(
    whisper: Path, trained: tuple[Path, Result]
) -> None:
    folder, result = trained
    assert re.search(r"block_2 +kept +from the source; frozen", result.stderr)
    assert re.search(r"head_1 +new weights +the source has none; part of the new", result.stderr)
    assert re.search(r"output +new weights .*sized for the 4 labels of", result.stderr)
    losses = [
        float(loss) for loss in re.findall(r"training epoch \d+ .*?loss: ([\d.]+)", result.stderr)
    ]
    assert losses[-1] < 0.8 * losses[0]
    ours, theirs = load_source(folder), load_source(whisper)
    for name, tensor in theirs.tensors.items():  # frozen layers do not change
        np.testing.assert_array_equal(ours.tensors[name], tensor)


def test_a_head_listens_to_several_blocks(whisper: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    def learn(source: Path, folder: str, *flags: object) -> Result:
        return run_command(
            "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / folder,
            "--alphabet_config_path", latin.alphabet, "--freeze_source_layers", -1,
            "--epochs", 1, *latin.flags, *PLAIN, *flags,
        )  # fmt: skip

    mixed = learn(whisper, "mixed", *HEAD, "--head_blocks", 2)
    assert mixed.returncode == 0, mixed.stderr
    assert re.search(r"mix +new weights +the source has none; part of the new head", mixed.stderr)
    assert "--head_blocks" not in mixed.stderr
    assert "on a mix of 2 blocks" in run_command("inspect", tmp_path / "mixed").stdout
    exported = run_command(
        "export", "--checkpoint_dir", tmp_path / "mixed", "--export_dir", tmp_path / "exported"
    )
    assert exported.returncode == 0, exported.stderr
    model = stt.Model(str(tmp_path / "exported" / "output_graph.onnx"))
    assert isinstance(model.stt(np.zeros(16000, np.int16)), str)
    own = learn(tmp_path / "mixed", "own", "--head_blocks", 1)
    assert "--head_blocks 1: the head reads 2 blocks, because the source's" in own.stderr
    more = learn(whisper, "more", *HEAD, "--head_blocks", 9, "--dry_run", "true")
    assert more.returncode == 0, more.stderr
    assert "--head_blocks 9: the head reads 2 blocks, because" in more.stderr


def test_the_model_is_evaluated_and_inspected(
    trained: tuple[Path, Result], latin: ToneCorpus
) -> None:
    folder, _ = trained
    evaluated = run_command(
        "evaluate", "--checkpoint_dir", folder, "--test_files", latin.test, "--test_batch_size", 3
    )
    assert evaluated.returncode == 0, evaluated.stderr
    assert "Test on" in evaluated.stdout
    shown = run_command("inspect", folder).stdout
    assert "head of 1 x BiLSTM 24, 5 classes" in shown
    first = latin.test.parent / "test0.wav"
    heard = run_command(
        "training_graph_inference", "--checkpoint_dir", folder, "--one_shot_infer", first
    )
    assert heard.returncode == 0, heard.stderr


@pytest.mark.parametrize("share", [None, 0.4])
def test_a_run_that_goes_on_is_the_run_that_was_never_interrupted(
    whisper: Path, latin: ToneCorpus, tmp_path: Path, share: float | None
) -> None:
    """With a share, epochs have different clips, whose outputs of frozen layers are cached, too."""
    sets = [latin.train] if share is None else [latin.train, f"{latin.test}:{share}"]
    frozen_epochs = 1 if share is None else 3

    def run_to(folder: str, epochs: int) -> Path:
        result = train(
            "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / folder,
            "--train_files", *sets, "--dev_files", latin.dev, "--epochs", epochs,
            "--alphabet_config_path", latin.alphabet, "--freeze_source_layers", 3,
            "--unfreeze_after_epochs", frozen_epochs, "--unfreeze_every_epochs", 1, "--run",
            "continue" if (tmp_path / folder).exists() else "auto",
            "--layer_learning_rate_decay", 0.5, "--dropout_rate", 0.1,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        newest = CheckpointFolder(tmp_path / folder).newest_of_ours("last")
        assert newest is not None
        return newest

    whole = read_checkpoint(run_to("whole", 4))
    for epochs in (1, 2, 3):
        run_to("parts", epochs)
    parts = read_checkpoint(run_to("parts", 4))
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(parts.tensors[name], tensor, err_msg=name)
        assert whole.average is not None
        assert parts.average is not None
        np.testing.assert_array_equal(parts.average[name], whole.average[name], err_msg=name)


def test_it_is_itself_a_source(
    trained: tuple[Path, Result], latin: ToneCorpus, cyrillic: ToneCorpus, tmp_path: Path
) -> None:
    source, _ = trained
    common = ("--load_checkpoint_dir", source, "--epochs", 1)
    same = run_command(
        "train", *common, *latin.flags, *PLAIN, "--save_checkpoint_dir", tmp_path / "same"
    )
    assert same.returncode == 0, same.stderr
    assert re.search(r"output +kept", same.stderr)
    other = ("--alphabet_config_path", cyrillic.alphabet, *cyrillic.flags, *PLAIN)
    refused = run_command("train", *common, *other, "--save_checkpoint_dir", tmp_path / "other")
    assert refused.returncode == 2
    assert "the alphabet differs" in refused.stderr
    dropped = run_command(
        "train", *common, *other, "--save_checkpoint_dir", tmp_path / "other",
        "--drop_source_layers", 3,
    )  # fmt: skip
    assert dropped.returncode == 0, dropped.stderr
    for layer, number in (("output", 1), ("head_1", 2), ("block_2", 3)):
        assert re.search(rf"{layer} +new weights .*number {number} from the output", dropped.stderr)


def test_what_an_encoder_cannot_do_is_said_in_a_sentence(
    whisper: Path, trained: tuple[Path, Result], latin: ToneCorpus, tmp_path: Path
) -> None:
    evaluated = run_command("evaluate", "--checkpoint_dir", whisper, "--test_files", latin.test)
    assert evaluated.returncode == 2
    assert "is an encoder without an output layer, which writes nothing yet" in evaluated.stderr
    exported = run_command(
        "export", "--checkpoint_dir", trained[0], "--export_dir", tmp_path / "exported",
        "--export_tflite", "true",
    )  # fmt: skip
    assert exported.returncode == 2
    assert "is a whisper model, but Coqui's clients only" in exported.stderr
    assert "train a DeepSpeech student" in exported.stderr
    frozen = train(
        "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / "x", *latin.flags,
        "--freeze_source_layers", 4,
    )  # fmt: skip
    assert frozen.returncode == 2
    assert "at most 3 layers can be frozen" in frozen.stderr
    assert "convolutions, block_1, block_2" in frozen.stderr


def test_the_checkpoint_is_heard_by_the_runtime(
    trained: tuple[Path, Result], latin: ToneCorpus, tmp_path: Path
) -> None:
    folder, _ = trained
    model = stt.Model(folder)
    samples = read_pcm(latin.test.parent / "test0.wav", model.sample_rate())
    whole = model.stt(samples)
    heard = run_command(
        "training_graph_inference", "--checkpoint_dir", folder, "--one_shot_infer",
        latin.test.parent / "test0.wav",
    )  # fmt: skip
    assert heard.stdout.strip() == whole
    best = CheckpointFolder(folder).newest_of_ours("best")
    assert best is not None
    assert stt.Model(best).stt(samples) == whole
    with model.create_stream() as stream:
        for start in range(0, len(samples), 1000):
            stream.feed_audio_content(samples[start : start + 1000])
        assert isinstance(stream.finish_stream(), str)
    log = run_command(
        "transcribe", "--checkpoint_dir", folder, "--src", latin.test.parent / "test0.wav",
        "--dst", tmp_path / "log.tlog",
    )  # fmt: skip
    assert log.returncode == 0, log.stderr
    assert (tmp_path / "log.tlog").is_file()


FAST_CONFORMER = ConformerEncoder(
    mel_channels=16, reduction=4, stem_channels=4, width=16, attention_heads=2, blocks=2,
    mlp_width=16, kernel=5,
)  # fmt: skip
W2V_BERT = replace(
    FAST_CONFORMER, stem="projection", reduction=2, positions="distances", causal=True,
    convolution_norm="layer",
)  # fmt: skip
WAVLM = Wav2Vec2Encoder(
    channels=(8, 8, 8), kernels=(20, 8, 4), strides=(10, 4, 4), width=16, attention_heads=2,
    blocks=2, mlp_width=16, position_kernel=8, position_groups=2, relative_buckets=8,
)  # fmt: skip


def drawn(encoder: EncoderSpecification, corpus: ToneCorpus, folder: Path) -> Path:
    """Write a checkpoint of an encoder with random weights."""
    alphabet = Alphabet(corpus.alphabet)
    specification = encoder.with_classes(alphabet.size + 1)
    model = build(specification)
    model.initialize(1)
    path = folder / "source.safetensors"
    write_checkpoint(
        path, Checkpoint(specification, alphabet, specification.front_end, weights_of(model))
    )
    return path


@pytest.mark.parametrize("encoder", [W2V_BERT, WAVLM], ids=["w2v-bert", "wavlm"])
def test_every_encoder_is_trained_and_heard_by_the_same_commands(
    encoder: EncoderSpecification, latin: ToneCorpus, tmp_path: Path
) -> None:
    folder = tmp_path / "trained"
    result = train(
        "--load_checkpoint_dir", drawn(encoder, latin, tmp_path), "--save_checkpoint_dir", folder,
        *latin.flags, "--drop_source_layers", 1, "--freeze_source_layers", 1, "--epochs", 1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert load_source(folder).features == encoder.front_end
    model = stt.Model(folder)
    samples = read_pcm(latin.test.parent / "test0.wav", model.sample_rate())
    assert isinstance(model.stt(samples), str)


def test_a_vocabulary_of_letters_and_accents_is_kept(tmp_path: Path) -> None:
    corpus = write_tones(tmp_path / "corpus", "a\u00e9\u00efd", 0, counts=(4, 2, 2))
    source = write_wav2vec2(tmp_path / "source", " ae\u0301i\u0308d")
    trained = run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "model",
        *corpus.flags, *PLAIN, "--epochs", 1,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert load_source(tmp_path / "model").alphabet == load_source(source).alphabet
    corpus_files = [corpus.train, corpus.dev, corpus.test]
    for flags in (BootstrapFlags(drop_source_layers=1), BootstrapFlags(extend_alphabet=True)):
        own = load_source(source).alphabet
        assert choose_alphabet(AlphabetFlags(), flags, own, list(map(str, corpus_files))) == own


def test_statistics_over_batches_are_learnt_and_go_on_to_the_same_bits(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    source = drawn(FAST_CONFORMER, latin, tmp_path)

    def run_to(folder: str, epochs: int) -> Path:
        result = run_command(
            "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / folder,
            *latin.flags, *PLAIN, "--epochs", epochs, "--freeze_source_layers", 2,
            "--run", "continue" if (tmp_path / folder).exists() else "auto",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        newest = CheckpointFolder(tmp_path / folder).newest_of_ours("last")
        assert newest is not None
        return newest

    whole = read_checkpoint(run_to("whole", 2)).tensors
    run_to("parts", 1)
    parts = read_checkpoint(run_to("parts", 2)).tensors
    for name, tensor in whole.items():
        np.testing.assert_array_equal(parts[name], tensor, err_msg=name)
    statistics = "convolution.norm.running_mean"
    assert not whole[f"block_1.{statistics}"].any()  # frozen
    assert whole[f"block_2.{statistics}"].all()


FORMS: dict[str, Callable[[Path], Path]] = {
    "huggingface": write_whisper,
    "ctranslate2": lambda folder: write_ctranslate2(folder).parent,
    "ggml": lambda folder: write_ggml(folder / "ggml-tiny.bin", "q5_0"),
    "pytorch": lambda folder: write_openai(folder / "tiny.pt"),
    "nemo": lambda folder: write_nemo(folder / "small.nemo"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_encoder_is_known_to_the_commands(
    form: str, latin: ToneCorpus, tmp_path: Path
) -> None:
    source = FORMS[form](tmp_path)
    shown = run_command("inspect", source)
    assert f"format      {form}" in shown.stdout, shown.stderr
    planned = train(
        "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / "model", *latin.flags,
        "--alphabet_config_path", latin.alphabet, "--drop_source_layers", 1, "--dry_run", "true",
    )  # fmt: skip
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"block_1 +kept +from the source", planned.stderr)
    converted = run_command("convert", source, tmp_path / "converted")
    assert (converted.returncode == 0) == (form == "nemo"), converted.stderr
    if form != "nemo":  # NeMo's file has an output layer and an alphabet
        assert "train can start from it directly" in converted.stderr


def test_the_exported_model_is_the_checkpoint(
    trained: tuple[Path, Result], latin: ToneCorpus, tmp_path: Path
) -> None:
    folder, _ = trained
    common = ("export", "--checkpoint_dir", folder, "--test_files", latin.test)
    for name, *flags in (
        ("float32", "--export_quantize", "false"),
        ("float16", "--export_float16", "true"),
        ("int8", "--export_zip", "true"),
    ):
        result = run_command(*common, "--export_dir", tmp_path / name, *flags)
        assert result.returncode == 0, result.stderr
        assert "Verified output_graph.onnx" in result.stdout
        assert "WER without scorer" in result.stdout
    assert (tmp_path / "int8.zip").is_file()
    exported = tmp_path / "float32" / "output_graph.onnx"
    wav = latin.test.parent / "test0.wav"
    checkpoint, model = stt.Model(folder), stt.Model(exported)
    samples = read_pcm(wav, model.sample_rate())
    assert model.stt(samples) == checkpoint.stt(samples)
    with model.create_stream() as stream:
        for start in range(0, len(samples), 1000):
            stream.feed_audio_content(samples[start : start + 1000])
        live = stream.finish_stream()
    with checkpoint.create_stream() as stream:
        stream.feed_audio_content(samples)
        assert live == stream.finish_stream()
    told = run_command("inspect", exported)
    assert "whole clips and live streams" in told.stdout
    assert "stored as float32" in told.stdout
    words = run_command(
        "transcribe", "--model", exported, "--src", wav, "--dst", tmp_path / "t.txt"
    )
    assert words.returncode == 0, words.stderr


ADAPTERS = {"lora": "lora:rank=4,targets=query+value+mlp_in", "bottleneck": "bottleneck:size=6"}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_adapters_are_trained_alone_and_kept_alone(
    kind: str, whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    def run_to(folder: str, epochs: int, *flags: object) -> Result:
        result = train(
            "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / folder,
            *latin.flags, "--alphabet_config_path", latin.alphabet, "--epochs", epochs,
            "--adapter", ADAPTERS[kind], "--dropout_rate", 0.1, "--learning_rate", 0.01,
            "--run", "continue" if (tmp_path / folder).exists() else "auto", *flags,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result

    def newest(folder: str) -> Path:
        found = CheckpointFolder(tmp_path / folder).newest_of_ours("last")
        assert found is not None
        return found

    planned = run_to("whole", 3, "--dry_run", "true").stderr
    assert re.search(r"convolutions +kept +from the source; frozen\n", planned)
    assert re.search(r"block_2 +kept +from the source; frozen except for its adapter\n", planned)
    run_to("whole", 3)
    for epochs in (1, 3):
        run_to("parts", epochs)
    whole, parts = read_checkpoint(newest("whole")), read_checkpoint(newest("parts"))
    source = load_source(whisper)
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(parts.tensors[name], tensor, err_msg=name)
        if name in source.tensors:
            np.testing.assert_array_equal(tensor, source.tensors[name], err_msg=name)
    with safe_open(newest("whole"), framework="np") as opened:
        kept = set(opened.keys())
    assert "block_1.attention.query.weight" not in kept
    assert not any(name.startswith("adam.") and "mlp_out" in name for name in kept)

    folder = tmp_path / "whole"
    shown = run_command("inspect", folder).stdout
    assert re.search(rf"adapter: {kind}:.*whisper.* \(digest [0-9a-f]{{32}}\)", shown)
    assert f"with {kind}:" in shown
    heard = run_command(
        "training_graph_inference", "--checkpoint_dir", folder, "--one_shot_infer",
        latin.test.parent / "test0.wav",
    )  # fmt: skip
    assert heard.returncode == 0, heard.stderr
    assert stt.Model(folder).sample_rate() == 16000
    exported = run_command(
        "export", "--checkpoint_dir", folder, "--export_dir", tmp_path / "exported",
        "--test_files", latin.test, "--export_quantize", "false",
    )  # fmt: skip
    assert exported.returncode == 0, exported.stderr
    assert "Verified output_graph.onnx" in exported.stdout
    converted = run_command("convert", folder, tmp_path / "converted")
    assert converted.returncode == 0, converted.stderr
    alone = read_checkpoint(next((tmp_path / "converted").glob("*.safetensors")))
    assert alone.base is None
    assert bool(getattr(alone.specification, "adapter", "")) == (kind == "bottleneck")
    again = run_command(
        "train", "--load_checkpoint_dir", folder, "--save_checkpoint_dir", tmp_path / "again",
        *latin.flags, *PLAIN, "--epochs", 1,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert ("frozen except for its adapter" in again.stderr) == (kind == "bottleneck")


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--adapter", "lora:rank=none"), "--adapter: rank=none: must be from 1 to 4096"),
        (("--adapter", "lora:targets=q"), "blocks have no product q; available: query"),
        (
            ("--adapter", "lora", "--freeze_source_layers", 1, "--unfreeze_after_epochs", 2),
            "never trains the encoder's own weights",
        ),
        (("--adapter", "lora", "--drop_source_layers", 3), "only the 2 layers of its head can be"),
        (("--adapter", "lora", "--freeze_source_layers", 3), "but the encoder has 3"),
        (
            ("--adapter", "lora", "--source_weight_decay", 0.01),
            "because the source's weights are not trained",
        ),
        (("--adapter", "lora", "--freeze_source_layers", -1), "so none can have an adapter"),
    ],
)
def test_what_does_not_go_with_adapters_is_refused(
    flags: tuple[object, ...], problem: str, whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    refused = train(
        "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / "x", *latin.flags,
        *flags,
    )  # fmt: skip
    assert refused.returncode == 2
    assert problem in refused.stderr


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (
            ("--freeze_source_layers", -1, "--intermediate_ctc_weight", 0.3, "--head_blocks", 1),
            "block_1 stays frozen",
        ),
        (("--load_train", "init", "--source_weight_decay", 0.01), "needs a model to start from"),
    ],
)
def test_a_dry_run_refuses_what_could_never_act(
    flags: tuple[object, ...], problem: str, whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    for dry_run in ("true", "false"):
        refused = run_command(
            "train", "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / "x",
            *latin.flags, *flags, "--dry_run", dry_run,
        )  # fmt: skip
        assert refused.returncode == 2
        assert problem in refused.stderr
    assert not (tmp_path / "x").exists()


def test_a_recipe_leaves_what_adapters_stand_beside_alone(
    whisper: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    def plan(*flags: object) -> str:
        result = run_command(
            "train", "--load_checkpoint_dir", whisper, "--save_checkpoint_dir", tmp_path / "x",
            *latin.flags, "--adapter", "lora:rank=2", "--dry_run", "true", *flags,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stderr

    asked = plan()
    assert "--learning_rate_schedule tri_stage" in asked
    assert "frozen except for its adapter\n" in asked
