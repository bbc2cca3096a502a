"""Engines that run checkpoints with PyTorch, so that a model can be tried before its export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import UserError
from stt.audio.pcm import Pcm, scaled
from stt.engines import CREATE_MODEL, BatchEngine, FloatArray
from stt.engines.chunked import ChunkedEngine, ChunkedInfo
from stt.engines.utterance import LONGEST_SECONDS, UtteranceEngine, UtteranceInfo
from stt.engines.windowed import State, WindowedEngine, WindowedInfo, utterance_features
from stt.errors import ErrorCode, ModelError
from stt.frontends import FrontEnd
from stt.frontends.mfcc_config import FeatureConfig

from ..checkpoints.loading import load_source
from ..checkpoints.source import SourceModel
from ..models.acoustic_model import AcousticModel
from ..models.deepspeech.lstm import LstmState
from ..models.deepspeech.model import DeepSpeech
from ..models.encoder import EncoderSpecification
from ..models.encoder_model import EncoderModel
from ..models.specification import step_seconds
from ..models.streaming.model import StreamingConformer, state_of
from .evaluation import build_model

_N_STEPS = 16
_BEAM_WIDTH = 500  # the default of `export`
_CLIPS_AT_A_TIME = 16


def open_checkpoint(path: Path) -> BatchEngine:
    """Open a checkpoint as an engine; of a folder the best one, otherwise the last.

    Raises:
        ModelError: there is no checkpoint, or it has no output layer or no alphabet.
    """
    return checkpoint_engine(*read_usable(path))


def read_usable(path: Path) -> tuple[SourceModel, Alphabet]:
    """Read a checkpoint that has an output layer, and its alphabet.

    Raises:
        ModelError: there is no checkpoint, or it has no output layer or no alphabet.
    """
    try:
        source = load_source(path)
    except UserError as error:
        raise ModelError(CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, str(error)) from None
    if not source.has_output:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.MODEL_INCOMPATIBLE,
            f"{path} is an encoder without an output layer, which writes nothing yet; train one "
            f"first: python -m coqui_stt_training.train --load_checkpoint_dir {path} ...",
        )
    if source.alphabet is None:
        raise ModelError(
            CREATE_MODEL,
            ErrorCode.INVALID_ALPHABET,
            f"{path}: no alphabet in the checkpoint or beside it; put its alphabet.txt beside it",
        )
    return source, source.alphabet


def checkpoint_engine(source: SourceModel, alphabet: Alphabet) -> BatchEngine:
    """Return an engine for a checkpoint, on the GPU if there is one.

    Args:
        source: contents of the checkpoint.
        alphabet: alphabet of the model.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return model_engine(build_model(source, device), source.features or FeatureConfig(), alphabet)


def model_engine(model: AcousticModel, front_end: FrontEnd, alphabet: Alphabet) -> BatchEngine:
    """Return an engine for a model, on the model's device.

    Args:
        model: model in evaluation mode.
        front_end: front end of the model.
        alphabet: alphabet of the model.
    """
    if isinstance(model, DeepSpeech) and isinstance(front_end, FeatureConfig):
        return WindowedCheckpoint(model, front_end, alphabet)
    if isinstance(model, StreamingConformer) and model.specification.head == "linear":
        return StreamingCheckpoint(model, alphabet)
    if not isinstance(model, EncoderModel):
        raise TypeError(f"no engine for {model.specification.architecture} models")
    return EncoderCheckpoint(model, front_end, alphabet)


def run_batch(model: AcousticModel, features: Sequence[FloatArray]) -> list[FloatArray]:
    """Compute clips as one batch; return their posteriors, float32 `[frames, classes]` each.

    Args:
        model: model in evaluation mode.
        features: features of each clip, float32 `[frames, values]`.
    """
    device = next(model.parameters()).device
    lengths = torch.tensor([len(frames) for frames in features])
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.from_numpy(frames) for frames in features], batch_first=True
    )
    emissions = model(padded.to(device), lengths)
    return [
        np.ascontiguousarray(rows[:length])
        for rows, length in zip(emissions.posteriors(), emissions.lengths.tolist(), strict=True)
    ]


def batched_posteriors(model: AcousticModel, features: Sequence[FloatArray]) -> list[FloatArray]:
    """Compute any number of clips in batches of similar length.

    Args:
        model: model in evaluation mode.
        features: features of each clip, float32 `[frames, values]`. A clip too short for one output
            frame gets none.

    Returns:
        Posteriors of each clip, float32 `[frames, classes]`.
    """
    specification = model.specification
    found = [np.zeros((0, specification.n_classes), np.float32)] * len(features)
    order = sorted(
        (i for i, frames in enumerate(features) if specification.output_length(len(frames)) > 0),
        key=lambda i: len(features[i]),
    )
    for start in range(0, len(order), _CLIPS_AT_A_TIME):
        chosen = order[start : start + _CLIPS_AT_A_TIME]
        together = run_batch(model, [features[i] for i in chosen])
        for index, rows in zip(chosen, together, strict=True):
            found[index] = rows
    return found


class WindowedCheckpoint(WindowedEngine):
    """Runs a checkpoint of the DeepSpeech graph; whole utterances also in batches."""

    def __init__(self, model: DeepSpeech, features: FeatureConfig, alphabet: Alphabet) -> None:
        self._model = model
        self._device = next(model.parameters()).device
        self.info = WindowedInfo(
            alphabet=alphabet,
            features=features,
            n_steps=_N_STEPS,
            n_context=model.geometry.n_context,
            beam_width=_BEAM_WIDTH,
        )

    def initial_state(self) -> State:
        """Return the state at the start of an utterance, which is zeros."""
        return tuple(part.cpu().numpy() for part in self._model.initial_state(1))

    @torch.inference_mode()
    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of `n_steps` windows; see `WindowedEngine.run`."""
        rows = self._tensor(windows.reshape(len(windows), 1, -1))
        c, h = (self._tensor(part) for part in state)
        logits, new_state = self._model.forward_windows(
            rows, torch.tensor([len(windows)]), LstmState(c, h)
        )
        posteriors: FloatArray = logits[:, 0].softmax(-1).cpu().numpy()
        return posteriors, tuple(part.cpu().numpy() for part in new_state)

    @torch.inference_mode()
    def batch_posteriors(self, utterances: Sequence[Pcm]) -> list[FloatArray]:
        """Return the posteriors of whole utterances, float32 `[frames, classes]` each."""
        return run_batch(
            self._model, [utterance_features(audio, self.mfcc) for audio in utterances]
        )

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _tensor(self, array: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._device)


class StreamingCheckpoint(ChunkedEngine):
    """Runs a checkpoint of the streaming encoder; whole utterances also in batches."""

    def __init__(self, model: StreamingConformer, alphabet: Alphabet) -> None:
        specification = model.specification
        self._model = model
        self._device = next(model.parameters()).device
        self.info = ChunkedInfo(
            alphabet=alphabet,
            front_end=specification.front_end,
            chunk_frames=specification.chunk_frames * specification.reduction,
            reduction=specification.reduction,
            beam_width=_BEAM_WIDTH,
        )

    def initial_state(self) -> State:
        """Return the state at the start of an utterance."""
        return _arrays(self._model.initial_state(1).tensors())

    @torch.inference_mode()
    def run(self, features: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the posteriors of chunks; see `ChunkedEngine.run`."""
        before = tuple(torch.from_numpy(part).to(self._device) for part in state)
        logits, after = self._model.stream(
            torch.from_numpy(features[None]).to(self._device),
            state_of(self._model.specification, before),
        )
        posteriors: FloatArray = logits[0].softmax(-1).cpu().numpy()
        return posteriors, _arrays(after.tensors())

    @torch.inference_mode()
    def batch_posteriors(self, utterances: Sequence[Pcm]) -> list[FloatArray]:
        """Return the posteriors of whole utterances, float32 `[frames, classes]` each."""
        longest = int(LONGEST_SECONDS * self.info.sample_rate_hz)
        extract = self.info.front_end.extractor(np)
        short = [index for index, audio in enumerate(utterances) if 0 < len(audio) <= longest]
        rows = batched_posteriors(self._model, [extract(scaled(utterances[i])) for i in short])
        together = dict(zip(short, rows, strict=True))
        return [
            together[index] if index in together else self.posteriors(audio)
            for index, audio in enumerate(utterances)
        ]

    def close(self) -> None:
        """Free the model."""
        del self._model


def _arrays(tensors: Sequence[torch.Tensor]) -> State:
    return tuple(tensor.cpu().numpy() for tensor in tensors)


def longest_seconds(specification: EncoderSpecification) -> float:
    """Return the length of the longest clip that is computed in one piece."""
    step = step_seconds(specification, specification.front_end)
    return min(LONGEST_SECONDS, specification.most_frames * step)


class EncoderCheckpoint(UtteranceEngine):
    """Runs a checkpoint of an encoder."""

    def __init__(self, model: EncoderModel, front_end: FrontEnd, alphabet: Alphabet) -> None:
        self._model = model
        self._extract = front_end.extractor(np)
        self.info = UtteranceInfo(
            alphabet=alphabet,
            sample_rate_hz=front_end.sample_rate_hz,
            step_seconds=step_seconds(model.specification, front_end),
            beam_width=_BEAM_WIDTH,
            longest_seconds=longest_seconds(model.specification),
        )

    @torch.inference_mode()
    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        """Compute the posteriors of clips; see `UtteranceEngine.run_clips`."""
        return batched_posteriors(self._model, [self._extract(clip) for clip in clips])

    def close(self) -> None:
        """Free the model."""
        del self._model
