"""The documented commands make a scorer of a tiny text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_ctcdecoder import Alphabet, Scorer, UTF8Alphabet, ctc_beam_search_decoder
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.cli.command import run
from coqui_stt_training.errors import ScorerError
from coqui_stt_training.lm import build_scorer, generate_lm, generate_scorer_package
from coqui_stt_training.lm.kenlm import LanguageModelError, find_program, run_build_binary
from coqui_stt_training.lm.posteriors import PosteriorSet, load_posteriors, save_posteriors
from coqui_stt_training.lm.text import case_of, read_lines
from coqui_stt_training.lm.tuning import (
    Trial,
    TuningOptions,
    TuningRates,
    TuningResult,
    plot_surface,
    tune,
    write_parameters,
)
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.util import lm_optimize
from stt.frontends.mfcc_config import FeatureConfig

SENTENCES = """the cat sat on the mat
The dog sat on the log
a cat and a dog
naïve cats
the cat on the log
"""
LABELS = " abcdefghijklmnopqrstuvwxyz"
SMALL = ["--discount_fallback", "--arpa_order", "3", "--max_arpa_memory", "64M"]


def has_tools() -> bool:
    try:
        find_program("lmplz")
        find_program("build_binary")
    except LanguageModelError:
        return False
    return True


needs_tools = pytest.mark.skipif(not has_tools(), reason="lmplz was not built (Boost is missing)")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(SENTENCES * 3)
    return path


@pytest.fixture
def alphabet_file(tmp_path: Path) -> Path:
    path = tmp_path / "alphabet.txt"
    path.write_text("".join(f"{label}\n" for label in LABELS))
    return path


def say(text: str, alphabet: Alphabet, sure: float = 0.8) -> np.ndarray:
    rows = []
    for label in alphabet.encode(text):
        for best in (label, alphabet.blank):
            row = np.full(alphabet.size + 1, (1 - sure) / alphabet.size, np.float32)
            row[best] = sure
            rows.append(row)
    return np.asarray(rows)


@needs_tools
def test_upstreams_two_commands(
    text: Path, alphabet_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "lm"
    flags = ["--input_txt", str(text), "--output_dir", str(folder), "--top_k", "8", *SMALL]
    assert run(generate_lm.main, [*flags, "--arpa_prune", "0|0|1"]) == 0
    words = (folder / "vocab-8.txt").read_text().split()
    assert words[0] == "the"
    assert len(words) == 8
    assert sorted(path.name for path in folder.iterdir()) == ["lm.binary", "vocab-8.txt"]
    assert "unique words" in capsys.readouterr().out

    package = tmp_path / "kenlm.scorer"
    flags = ["--alphabet", str(alphabet_file), "--lm", str(folder / "lm.binary")]
    flags += ["--vocab", str(folder / "vocab-8.txt"), "--package", str(package)]
    flags += ["--default_alpha", "0.5", "--default_beta", "1.5"]
    assert run(generate_scorer_package.main, flags) == 0
    printed = capsys.readouterr().out
    assert "8 unique words read from vocabulary file." in printed
    assert "Doesn't look like a character based" in printed
    assert f"Package created in {package}." in printed

    alphabet = Alphabet(alphabet_file)
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    assert (scorer.alpha, scorer.beta) == (0.5, 1.5)
    [result] = ctc_beam_search_decoder(say("the czt sat", alphabet), alphabet, 100, scorer=scorer)
    assert result.transcript == "the cat sat"


@needs_tools
def test_one_command(
    tmp_path: Path, alphabet_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.gz"
    text.write_bytes(gzip.compress((SENTENCES * 3).encode()))
    package, left_out = tmp_path / "out" / "my.scorer", tmp_path / "left_out.tsv"
    flags = ["--input_txt", str(text), "--alphabet", str(alphabet_file)]
    flags += ["--package", str(package), "--left_out", str(left_out), *SMALL]
    assert run(build_scorer.main, flags) == 0
    assert "naïve: not in the alphabet: U+00EF" in capsys.readouterr().out
    assert left_out.read_text().startswith("naïve\t")
    assert [path.name for path in package.parent.iterdir()] == ["my.scorer"]
    other = Alphabet.from_labels([*Alphabet(alphabet_file).labels, "é"])
    with pytest.raises(ValueError, match="made for another alphabet"):
        Scorer(scorer_path=package, alphabet=other)


@needs_tools
def test_code_points_for_models_that_write_bytes(text: Path, tmp_path: Path) -> None:
    package = tmp_path / "bytes.scorer"
    flags = ["--input_txt", str(text), "--force_bytes_output_mode", "true"]
    flags += ["--package", str(package), *SMALL]
    assert run(build_scorer.main, flags) == 0
    alphabet = UTF8Alphabet()
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    assert scorer.is_utf8_mode()
    [result] = ctc_beam_search_decoder(say("naïve|cats", alphabet), alphabet, 50, scorer=scorer)
    assert result.transcript == "naïve|cats"


@needs_tools
def test_a_model_that_writes_characters_in_parts_has_a_scorer_that_knows_them_so(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alphabet = Alphabet.from_labels([*LABELS, "\u0308"])
    file, package = tmp_path / "parts.txt", tmp_path / "parts.scorer"
    file.write_bytes(alphabet.serialize_text())
    flags = ["--input_txt", str(text), *SMALL]
    of_model = ["--alphabet", str(file), "--package", str(package)]
    assert run(build_scorer.main, [*flags, *of_model]) == 0
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    assert scorer.get_log_cond_prob(["na\u00efve"]) > -1000
    said = say("naive cats", alphabet, 0.9)
    [result] = ctc_beam_search_decoder(said, alphabet, 100, scorer=scorer)
    assert result.transcript == "na\u00efve cats", "which alone the scorer knows"
    hot = {"na\u00efve": 9.0}
    [boosted] = ctc_beam_search_decoder(said, alphabet, 100, scorer=scorer, hot_words=hot)
    assert boosted.confidence > result.confidence

    assert run(generate_lm.main, [*flags, "--output_dir", str(tmp_path)]) == 0
    of_lm = ["--lm", str(tmp_path / "lm.binary"), "--vocab", str(tmp_path / "vocab-500000.txt")]
    weights = ["--default_alpha", "1", "--default_beta", "1"]
    assert run(generate_scorer_package.main, [*of_lm, *of_model, *weights]) == 0
    assert (
        "na\u00efve: not in the language model, or because the model encodes"
        in capsys.readouterr().out
    )


def test_what_to_expect_on_other_clips_is_not_what_was_tuned_by() -> None:
    def trial(alpha: float, *errors: int) -> Trial:
        return Trial(alpha, 0, errors, tuple(2 * count for count in errors))

    half = (1, 0, 1, 0, 1, 0, 1, 0, 1, 0)
    trials = (trial(1, *half), trial(2, *(1 - one for one in half)))
    result = TuningResult(trials, "WER", 100, 500, TuningRates(0.1, 0.1))
    assert result.rates(result.best) == TuningRates(0.05, 0.02)
    # Without a clip that one trial has wrong, that trial is the better one, so it is chosen and
    # gets the clip wrong.
    assert result.expected == TuningRates(0.1, 0.04)


@needs_tools
def test_characters_write_words_that_are_not_in_the_text(
    text: Path, alphabet_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "characters.scorer"
    flags = ["--input_txt", str(text), "--alphabet", str(alphabet_file), "--characters"]
    flags += ["--package", str(package), "--default_beta", "1", *SMALL]
    assert run(build_scorer.main, flags) == 0
    assert "27 characters in the scorer, 0 left out" in capsys.readouterr().out
    alphabet = Alphabet(alphabet_file)
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    assert scorer.scores_characters()
    assert not scorer.is_utf8_mode()
    [unknown] = ctc_beam_search_decoder(
        say("a zebra sat", alphabet, 0.9), alphabet, 100, scorer=scorer
    )
    assert unknown.transcript == "a zebra sat", "the text has neither the word nor its z"
    unsure = say("the cat", alphabet, 0.9)
    unsure[2, [alphabet.encode("h")[0], alphabet.encode("q")[0]]] = 0.44, 0.46
    unsure /= unsure.sum(1, keepdims=True)
    plain, scored = (
        ctc_beam_search_decoder(unsure, alphabet, 100, scorer=one)[0] for one in (None, scorer)
    )
    assert (plain.transcript, scored.transcript) == ("tqe cat", "the cat")
    [boosted] = ctc_beam_search_decoder(
        say("the dot", alphabet, 0.5), alphabet, 100, scorer=scorer, hot_words={"dog": 12.0}
    )
    assert boosted.transcript == "the dog"
    with pytest.raises(ValueError, match="made for another alphabet"):
        Scorer(scorer_path=package, alphabet=Alphabet.from_labels([*alphabet.labels, "é"]))

    of_bytes = ["--input_txt", str(text), "--package", str(package), "--characters"]
    assert run(build_scorer.main, [*of_bytes, "--force_bytes_output_mode", "true"]) == 2
    assert "--characters is for models that write characters" in capsys.readouterr().err


@needs_tools
def test_characters_without_spaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, alphabet = tmp_path / "text.txt", Alphabet.from_labels("abc")
    text.write_text("abcabc abc x\nabab\n" * 3)
    (tmp_path / "alphabet.txt").write_text("a\nb\nc\n")
    package = tmp_path / "characters.scorer"
    flags = ["--input_txt", str(text), "--alphabet", str(tmp_path / "alphabet.txt")]
    assert run(build_scorer.main, [*flags, "--characters", "--package", str(package), *SMALL]) == 0
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    [result] = ctc_beam_search_decoder(say("abc", alphabet), alphabet, 20, scorer=scorer)
    assert result.transcript == "abc"
    write_parameters(package, Trial(0.25, 0.5, (), ()))
    tuned = Scorer(scorer_path=package, alphabet=alphabet)
    assert (tuned.alpha, tuned.beta) == (0.25, 0.5)
    text.write_text("xyz zyx\n")
    foreign = [*flags, "--characters", "--package", str(tmp_path / "none.scorer")]
    assert run(build_scorer.main, foreign) == 2
    assert "no words found that the alphabet can write" in capsys.readouterr().err


@needs_tools
def test_tuning_resumes_and_writes(text: Path, alphabet_file: Path, tmp_path: Path) -> None:
    package = tmp_path / "my.scorer"
    flags = ["--input_txt", str(text), "--alphabet", str(alphabet_file), "--package", str(package)]
    assert run(build_scorer.main, [*flags, *SMALL]) == 0
    matplotlib, optuna = map(pytest.importorskip, ("matplotlib", "optuna"))
    alphabet = Alphabet(alphabet_file)
    heard, meant = ["the czt sat", "the log"], ["the cat sat", "the log"]
    posteriors = PosteriorSet([say(text, alphabet) for text in heard], meant)
    kept = tmp_path / "posteriors.npz"
    save_posteriors(kept, posteriors, alphabet)
    posteriors = load_posteriors(kept, alphabet)
    journal = tmp_path / "journal"
    scorer = Scorer(scorer_path=package, alphabet=alphabet)
    first = tune(posteriors, alphabet, scorer, TuningOptions(n_trials=4, beam_width=50), journal)
    assert len(first.trials) == 4
    more: list[None] = []
    options = TuningOptions(n_trials=7, beam_width=50)
    result = tune(posteriors, alphabet, scorer, options, journal, lambda: more.append(None))
    assert len(more) == 3
    assert result.trials[:4] == first.trials
    assert result.error(result.best) == min(map(result.error, result.trials)) == 0
    assert result.ranked()[0] == result.best
    assert result.without == TuningRates(1 / 5, 1 / 18), "one wrong letter"
    assert result.expected.wer >= result.error(result.best)
    narrow = TuningOptions(n_trials=2, beam_width=50, alpha_max=0.1, beta_max=0.2)
    bounded = tune(posteriors, alphabet, scorer, narrow, journal)
    assert len(bounded.trials) == 2, "trials of the wider search do not count"
    assert all(trial.alpha <= 0.1 and trial.beta <= 0.2 for trial in bounded.trials)
    scorer.reset_params(0.9, 1.2)
    [first_trial] = tune(posteriors, alphabet, scorer, TuningOptions(1, 0.5, 0.5, 50), None).trials
    assert (first_trial.alpha, first_trial.beta) == (0.5, 0.5), "where the scorer's are beyond"
    assert optuna.logging.get_verbosity() == optuna.logging.INFO  # restored
    with matplotlib.rc_context({"backend": "svg"}):
        plot_surface(result, tmp_path / "surface.png")
        assert matplotlib.get_backend() == "svg"
    assert (tmp_path / "surface.png").read_bytes().startswith(b"\x89PNG")
    write_parameters(package, result.best)
    tuned = Scorer(scorer_path=package, alphabet=alphabet)
    assert tuned.alpha == pytest.approx(result.best.alpha)
    assert tuned.beta == pytest.approx(result.best.beta)


@needs_tools
@pytest.mark.parametrize(
    ("content", "flags", "message"),
    [
        (b"", [], "text.txt: no words found"),
        (b"\xff\xfe\n", [], "text.txt:1: not UTF-8"),
        (b"\x1f\x8bnot gzip", [], "text.txt"),
        (b"a b\n", ["--arpa_order", "9"], "--arpa_order 9"),
        (b"a b\n", ["--top_k", "0"], "--top_k 0"),
        (b"a b\n", ["--top_k", "x"], "argument --top_k: invalid int value: 'x'; see --help"),
        (b"a b\n", ["--arpa_prune", "0 0 1"], "--arpa_prune 0 0 1: must be counts separated by |"),
        (b"a b\n", ["--arpa_prune", "1|0"], "--arpa_prune 1|0: counts must not decrease"),
        (b"a b\n", ["--binary_q_bits", "99"], "--binary_q_bits 99: must be from 1 to 25"),
        (
            b"a b\n",
            ["--max_arpa_memory", "1K"],
            "--max_arpa_memory 1K: KenLM cannot use this value",
        ),
        (b"a b\n", ["--input_txt", "none.txt"], "--input_txt none.txt: no such file"),
        (b"a b\n", ["--output_dir", "/dev/null/lm"], "--output_dir /dev/null/lm: /dev/null is a "),
    ],
)
def test_bad_text(
    content: bytes,
    flags: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(content)
    command = ["--input_txt", str(text), "--output_dir", str(tmp_path / "lm"), *SMALL, *flags]
    assert run(generate_lm.main, command) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@needs_tools
def test_small_texts_are_told_what_helps(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--input_txt", str(text), "--output_dir", str(tmp_path), "--max_arpa_memory", "64M"]
    assert run(generate_lm.main, flags) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: the text is too short")
    assert "add --discount_fallback" in error
    assert ".cc" not in error, "no places in KenLM's sources"
    empty = tmp_path / "empty.txt"
    empty.touch()
    assert run(generate_lm.main, [*flags, "--input_txt", str(empty)]) == 2
    assert "empty.txt: no words found" in capsys.readouterr().err


@needs_tools
@pytest.mark.parametrize(
    ("case", "hint"),
    [
        ("--normalize_text false --keep_case", "2 words left out only for upper case letters"),
        ("--normalize_text false", "3 words left out only for punctuation"),
        ("", "2 words in the scorer, 0 left out"),
    ],
)
def test_words_left_out_for_one_reason_have_a_hint(
    case: str, hint: str, alphabet_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The cat, THE CAT. the cat!\n")
    flags = ["--input_txt", text, "--alphabet", alphabet_file, "--package", tmp_path / "x.scorer"]
    assert run(build_scorer.main, [*map(str, flags), *SMALL, *case.split()]) == 0
    assert hint in capsys.readouterr().out


@needs_tools
@pytest.mark.parametrize(
    ("labels", "words", "said"),
    [
        (" THECA", {"THE", "CAT"}, "Letter case of the text: upper (the alphabet has only upper"),
        (
            " TheCcat",
            {"The", "Cat", "the", "cat"},
            "Letter case of the text: unchanged (the alphabet",
        ),
        (" theca", {"the", "cat"}, "2 words in the scorer, 0 left out"),
        (
            " theıca",
            {"the", "cat"},
            "Letter case of the text: lower, I as ı and İ as i (the alphabet has",
        ),
    ],
)
def test_the_case_of_words_is_that_of_the_alphabet(
    labels: str, words: set[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, alphabet = tmp_path / "text.txt", tmp_path / "alphabet.txt"
    text.write_text("The Cat the cat\n" * 3)
    alphabet.write_text("".join(f"{label}\n" for label in labels))
    flags = ["--input_txt", text, "--alphabet", alphabet, "--package", tmp_path / "x.scorer"]
    order = ["--arpa_order", "2"]  # less than the n-grams that are pruned by default
    assert run(build_scorer.main, [*map(str, flags), *SMALL, *order]) == 0
    shown = capsys.readouterr().out
    assert said in shown
    assert f"{len(words)} words in the scorer, 0 left out" in shown


def test_letters_with_and_without_dots_change_case_as_an_alphabet_says(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Iğdır İzmir ılık\n")
    for labels, lines in (
        (" ığdrizmlk", "ığdır izmir ılık"),
        (" IĞDRİZMLK", "IĞDIR İZMİR ILIK"),
        (" ığdrizmlkIİ", "Iğdır İzmir ılık"),
        (" iğdrzmlk", "iğdır izmir ılık"),
    ):
        assert list(read_lines([text], case_of(Alphabet.from_labels(labels)))) == [lines]


@needs_tools
def test_what_writes_capitals_is_told_what_a_text_without_lacks(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(generate_lm.main, ["--input_txt", str(text), "--output_dir", str(tmp_path), *SMALL])
        == 0
    )
    assert (
        "Text is converted to lower case; for a model that also writes capitals"
        in capsys.readouterr().out
    )
    for labels, status, said in (
        (f"{LABELS}T", 0, "The alphabet has upper case letters, but no word here has one"),
        (
            LABELS.upper(),
            2,
            "10 words left out only for lower case letters, which the alphabet lacks",
        ),
    ):
        (tmp_path / "alphabet.txt").write_text("".join(f"{label}\n" for label in labels))
        flags = [
            "--lm", tmp_path / "lm.binary", "--vocab", tmp_path / "vocab-500000.txt",
            "--alphabet", tmp_path / "alphabet.txt", "--package", tmp_path / "x.scorer",
            "--default_alpha", 1, "--default_beta", 1,
        ]  # fmt: skip
        assert run(generate_scorer_package.main, list(map(str, flags))) == status
        printed = capsys.readouterr()
        assert said in printed.out + printed.err


@needs_tools
def test_words_of_another_script_are_refused_with_the_reason(
    alphabet_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("мяу мяу мур\n")
    flags = ["--input_txt", text, "--alphabet", alphabet_file, "--package", tmp_path / "x.scorer"]
    assert run(build_scorer.main, [*map(str, flags), *SMALL]) == 2
    error = capsys.readouterr().err
    assert "the alphabet cannot write any of 2 words of the text" in error
    assert "U+043C CYRILLIC SMALL LETTER EM" in error


def test_what_cannot_become_a_scorer_is_found_before_the_language_model_is_made(
    text: Path, alphabet_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alphabet_file.write_text("a\nb\n")
    flags = ["--input_txt", str(text), "--alphabet", str(alphabet_file)]
    for more, message in (
        (["--package", str(tmp_path / "x.scorer")], "the alphabet has no space"),
        (["--package", str(tmp_path)], "is a folder; give a file"),
        (["--package", str(alphabet_file / "x.scorer")], "is a file, not a folder"),
        (["--package", "x.scorer", "--left_out", "/dev/null"], "/dev/null: is not a regular file"),
        (["--package", "x.scorer", "--tune_on", "a.csv"], "--tune_on needs a model to tune with"),
        (["--package", "x.scorer", "--checkpoint", "x", "--tune_on", "a.csv"], "a.csv: no such fi"),
        (["--package", "x.scorer", "--n_trials", "0"], "--n_trials 0: must be greater than 0"),
    ):
        assert run(build_scorer.main, [*flags, *more]) == 2
        printed = capsys.readouterr()
        assert message in printed.err
        assert not printed.out


def test_missing_tools_and_files(
    tmp_path: Path, text: Path, alphabet_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--input_txt", str(text), "--output_dir", str(tmp_path), "--kenlm_bins", str(tmp_path)]
    assert run(generate_lm.main, flags) == 2
    assert "no lmplz in this folder" in capsys.readouterr().err
    with pytest.raises(ScorerError, match="generate_lm writes it"):
        generate_scorer_package.main(
            f"--alphabet {alphabet_file} --lm none --vocab {text} --package x "
            "--default_alpha 1 --default_beta 1".split()
        )
    flags = ["--alphabet", str(alphabet_file), "--lm", str(text), "--vocab", str(text)]
    flags += ["--package", str(tmp_path / "x"), "--default_alpha", "1", "--default_beta", "1"]
    assert run(generate_scorer_package.main, flags) == 2
    assert "KenLM" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_posteriors_of_another_alphabet_are_refused(tmp_path: Path) -> None:
    alphabet = Alphabet.from_labels("abc")
    path = tmp_path / "posteriors.npz"
    save_posteriors(path, PosteriorSet([say("abc", alphabet)], ["abc"]), alphabet)
    with pytest.raises(ValueError, match="another alphabet"):
        load_posteriors(path, Alphabet.from_labels("abd"))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="compute them again"):
        load_posteriors(path, alphabet)


def write_untrained(folder: Path, alphabet: Alphabet) -> Path:
    """Write the checkpoint folder of an untrained model, as `train` does."""
    geometry = Geometry(n_hidden=16, n_classes=alphabet.size + 1)
    random = np.random.default_rng(3)
    tensors = {
        name: random.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in geometry.tensor_shapes().items()
    }
    CheckpointFolder(folder).save(
        "last", Checkpoint(geometry, alphabet, FeatureConfig(), tensors, 1)
    )
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_untrained(tmp_path_factory.mktemp("checkpoint"), Alphabet.from_labels(LABELS))


@pytest.fixture(scope="module")
def dev_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dev")
    lines = ["wav_filename,wav_filesize,transcript"]
    for number in range(3):
        noise = np.random.default_rng(number).normal(0, 0.1, 16000).astype(np.float32)
        soundfile.write(folder / f"{number}.wav", noise, 16000, "PCM_16")
        lines.append(f"{number}.wav,{(folder / f'{number}.wav').stat().st_size},the cat")
    (folder / "dev.csv").write_text("\n".join(lines) + "\n")
    return folder / "dev.csv"


@needs_tools
def test_a_model_of_bytes_writes_letters_in_the_case_of_the_data_to_tune_on(
    text: Path, dev_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the [train] extra is not installed")
    model = write_untrained(tmp_path / "bytes", UTF8Alphabet())
    data = dev_csv.with_name("capitals.csv")
    data.write_text(dev_csv.read_text().replace("the cat", "The cat"))
    common = ["--input_txt", str(text), "--checkpoint", str(model), *SMALL]
    for tuned_on, said in (
        ([], "Letter case of the text: lower (most models that write bytes write lower case; if"),
        (["--tune_on", str(data), "--n_trials", "1"],
         "Letter case of the text: unchanged (the tuning data has upper and lower case letters"),
    ):  # fmt: skip
        package = tmp_path / f"{len(tuned_on)}.scorer"
        assert run(build_scorer.main, [*common, *tuned_on, "--package", str(package)]) == 0
        assert said in capsys.readouterr().out
        scorer = Scorer(scorer_path=package, alphabet=UTF8Alphabet())
        assert scorer.knows("T") == bool(tuned_on)


@needs_tools
def test_one_command_with_a_checkpoint_tunes(
    text: Path,
    alphabet_file: Path,
    checkpoint: Path,
    dev_csv: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="the [train] extra is not installed")
    package = tmp_path / "my.scorer"
    flags = ["--input_txt", str(text), "--checkpoint", str(checkpoint), "--package", str(package)]
    command = [*flags, "--tune_on", str(dev_csv), "--n_trials", "3", *SMALL]
    assert run(build_scorer.main, command) == 0
    printed = capsys.readouterr().out
    assert "Best params: lm_alpha=" in printed
    assert "That is the best of 3 trials" in printed
    tuned = Scorer(scorer_path=package, alphabet=Alphabet.from_labels(LABELS))
    assert (
        f"Wrote lm_alpha {tuned.alpha:.6g} and lm_beta {tuned.beta:.6g} into {package}" in printed
    )
    assert Path(f"{package}.png").read_bytes().startswith(b"\x89PNG")
    assert "Trial" not in printed
    assert "Without a scorer: WER " in printed
    results = json.loads(Path(f"{package}.json").read_text())
    assert len(results["trials"]) == 3
    assert results["trials"][0]["lm_alpha"] == pytest.approx(tuned.alpha)

    kept = tmp_path / "posteriors.npz"
    before = package.read_bytes()
    again = ["--checkpoint_dir", str(checkpoint), "--scorer_path", str(package), "--n_trials", "4"]
    again += ["--posteriors", str(kept), "--journal", str(tmp_path / "other"), "--beam_width", "9"]
    assert run(lm_optimize.main, again) == 2
    assert "no data to tune on" in capsys.readouterr().err
    assert run(lm_optimize.main, [*again, "--test_files", str(dev_csv)]) == 0
    assert run(lm_optimize.main, again) == 0, "what the model said is kept"
    printed = capsys.readouterr().out
    assert f"{package} is unchanged; to use the values: --lm_alpha" in printed
    assert package.read_bytes() == before, "a file of the user's does not change unasked"
    assert run(lm_optimize.main, [*again, "--write_scorer", "true"]) == 0
    assert f"into {package}" in capsys.readouterr().out
    for flags_, message in (
        (["--scorer_path", "none"], "--scorer_path none: no such file"),
        (["--plot", str(tmp_path)], f"--plot {tmp_path}: is a folder"),
        (["--posteriors", "", "--test_files", str(dev_csv), "--normalize_sample_rate", "false",
          "--audio_sample_rate", "8000"], "0.wav has 16000 Hz, the model 8000 Hz"),
    ):  # fmt: skip
        assert run(lm_optimize.main, [*again, *flags_]) == 2
        assert message in capsys.readouterr().err

    other = tmp_path / "other.txt"
    other.write_text(" \na\nb\n")
    assert run(build_scorer.main, [*flags, "--alphabet", str(other), *SMALL]) == 2
    assert "differs from that of" in capsys.readouterr().err


def test_words_that_nothing_unseen_may_follow_are_no_obstacle(tmp_path: Path) -> None:
    """For some small texts, lmplz writes a backoff of -inf, which build_binary refuses."""
    arpa = tmp_path / "lm.arpa"
    arpa.write_text(
        "\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-1\t<unk>\t0\n0\t<s>\t-0.3\n-0.5\t</s>\t0\n"
        "-0.5\ta\t-inf\n\n\\2-grams:\n-0.2\t<s> a\n-0.2\ta </s>\n\n\\end\\\n"
    )
    binary = tmp_path / "lm.binary"
    run_build_binary(find_program("build_binary"), arpa, binary, a_bits=255, q_bits=8, kind="trie")
    assert binary.stat().st_size > 0
