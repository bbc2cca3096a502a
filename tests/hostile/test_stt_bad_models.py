"""Broken models and other files: a typed error that names the file, never a crash."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stt
from coqui_stt_ctcdecoder.errors import UserError
from coqui_stt_training.exporting.deepspeech.tflite_writer import tflite_model
from stt.tflite.graph import TensorType
from stt.tflite.reader import read_graph
from stt.tflite.writer import write_graph
from stt_models import noise, random_deployment, write_random_model


@pytest.fixture(scope="module")
def genuine(tmp_path_factory):
    return write_random_model(tmp_path_factory.mktemp("model")).read_bytes()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", 0x3000),
        (bytes(100), 0x3000),
        (b"not a model, only a text\n" * 100, 0x3000),
        (b"\x1c\x00\x00\x00TFL3" + bytes(100), 0x3000),
        (b"\x1c\x00\x00\x00TFL3", 0x3000),
    ],
)
def test_files_that_are_no_models(tmp_path, content, code):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"CreateModel failed with.*model\.tflite") as caught:
        stt.Model(str(path))
    assert caught.value.code == code


def test_paths_that_lead_nowhere(tmp_path):
    with pytest.raises(stt.ModelError, match=r"0x1000.*empty"):
        stt.Model("")
    with pytest.raises(stt.ModelError, match=r"0x3000.*No such file"):
        stt.Model(tmp_path / "missing.tflite")
    with pytest.raises(stt.ModelError):
        stt.Model(tmp_path)  # an empty folder
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x08" + bytes(50))
    with pytest.raises(stt.ModelError, match=r"broken\.onnx"):
        stt.Model(tmp_path / "broken.onnx")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_truncated_models(tmp_path, genuine, share):
    path = tmp_path / "model.tflite"
    path.write_bytes(genuine[: int(len(genuine) * share)])
    with pytest.raises(stt.ModelError):
        stt.Model(path)


def without_outputs(graph, *names):
    kept = tuple(index for index in graph.outputs if graph.tensors[index].name not in names)
    return replace(graph, outputs=kept)


def with_integer(graph, name, value):
    """Return the graph with another value of an integer constant that is one of its outputs."""
    old = graph.constant_output(name)
    assert old.type == TensorType.INT32
    new = replace(old, data=np.array([value], np.int32).tobytes())
    return replace(graph, tensors=tuple(new if t is old else t for t in graph.tensors))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: without_outputs(g, "metadata_version"), "metadata_version"),
        (lambda g: without_outputs(g, "metadata_alphabet"), "metadata_alphabet"),
        (lambda g: without_outputs(g, "metadata_beam_width"), "metadata_beam_width"),
        (lambda g: without_outputs(g, "logits"), "logits"),
        (lambda g: without_outputs(g, "new_state_c"), "new_state_c"),
        (lambda g: replace(g, inputs=g.inputs[1:]), "input_node|previous_state"),
        (lambda g: with_integer(g, "metadata_version", 5), "0x2003.*metadata_version is 5"),
        (
            lambda g: with_integer(g, "metadata_beam_width", 0),
            "beam width is 0; it must be from 1 to",
        ),
        (
            lambda g: with_integer(g, "metadata_beam_width", -3),
            "beam width is -3; it must be from 1 to",
        ),
        (lambda g: with_integer(g, "metadata_sample_rate", 0), "a positive whole number"),
        (lambda g: with_integer(g, "metadata_feature_win_len", -1), "a positive whole number"),
    ],
)
def test_models_whose_metadata_is_missing_or_absurd(tmp_path, genuine, change, message):
    path = tmp_path / "model.tflite"
    path.write_bytes(write_graph(change(read_graph(genuine))))
    with pytest.raises(RuntimeError, match=message):
        stt.Model(path)


def test_absurd_feature_sizes_are_refused_before_memory_is_taken(tmp_path, genuine):
    path = tmp_path / "model.tflite"
    graph = with_integer(read_graph(genuine), "metadata_feature_win_len", 2**31 - 1)
    path.write_bytes(write_graph(graph))
    with pytest.raises(RuntimeError, match="window"):
        stt.Model(path)


def test_an_alphabet_that_does_not_fit_is_refused(tmp_path, genuine):
    from coqui_stt_ctcdecoder import Alphabet
    from stt.tflite.graph import pack_strings

    graph = read_graph(genuine)
    old = graph.constant_output("metadata_alphabet")
    for blob, message in (
        (Alphabet.from_labels("ab").serialize(), "2 labels, but the model has 10 classes"),
        (b"\xff\xff\x00", "0x2000"),
    ):
        new = replace(old, data=pack_strings([blob]))
        changed = replace(graph, tensors=tuple(new if t is old else t for t in graph.tensors))
        path = tmp_path / "model.tflite"
        path.write_bytes(write_graph(changed))
        with pytest.raises(stt.ModelError, match=message):
            stt.Model(path)


def _load_mutants(content, seeds, report):
    """Load mutants of a model; run in a child process, so that the test notices a crash."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for seed in seeds:
            random = np.random.default_rng(seed)
            mutant = bytearray(content)
            for position in random.integers(0, len(mutant), random.integers(1, 8)):
                mutant[position] = random.integers(0, 256)
            path.write_bytes(mutant)
            try:
                model = stt.Model(path, threads=1, parallel=1)
                model.set_beam_width(4)
                model.stt(noise(0.5))
            except RuntimeError:
                pass
            except UserError:  # for example because probabilities are NaN
                pass
        report.put("survived")


def test_models_with_some_bytes_changed_are_refused_or_run():
    content = tflite_model(random_deployment(n_hidden=8), quantize=False)
    context = multiprocessing.get_context("spawn")
    report = context.Queue()
    process = context.Process(target=_load_mutants, args=(content, range(150), report))
    process.start()
    process.join(timeout=120)
    assert process.exitcode == 0
    assert report.get(timeout=5) == "survived"


@settings(max_examples=50, deadline=None)
@given(content=st.binary(max_size=400))
def test_noise_after_the_mark_is_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("noise") / "model.tflite"
    path.write_bytes(b"\x10\x00\x00\x00TFL3" + content)
    with pytest.raises(stt.ModelError):
        stt.Model(path)


def test_a_long_recording_in_one_call_takes_bounded_memory(tmp_path):
    import resource

    model = stt.Model(write_random_model(tmp_path, n_hidden=8))
    model.setBeamWidth(2)
    quarter = np.tile(noise(10), 90)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert isinstance(model.stt(quarter), str)
    grown_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_megabytes < 200


def test_int8_models_with_some_bytes_changed_are_refused_or_run(tmp_path, monkeypatch):
    from stt.engines import native
    from stt.engines.litert import read_model

    monkeypatch.setattr(native, "_LARGE", 1)
    content = tflite_model(random_deployment(n_hidden=16), quantize=True)
    ran = 0
    for seed in range(120):
        random = np.random.default_rng(seed)
        mutant = bytearray(content)
        for position in random.integers(0, len(mutant), random.integers(1, 6)):
            mutant[position] = random.integers(0, 256)
        try:
            graph, info = read_model(bytes(mutant), tmp_path)
        except RuntimeError:
            continue
        if not native.NativeEngine.suits(graph):
            continue
        engine = native.NativeEngine(graph, info, threads=1)
        windows = np.ones((info.n_steps, 2 * info.n_context + 1, 26), np.float32)
        with np.errstate(all="ignore"):
            posteriors, _ = engine.run(windows, engine.initial_state())
        assert posteriors.shape == (info.n_steps, info.n_classes)
        ran += 1
    assert ran > 2
