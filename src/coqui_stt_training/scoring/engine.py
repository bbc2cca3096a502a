"""Checkpoints, on PyTorch, where that is installed: for trying a model before it is exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import UserError
from stt.engines import CREATE_MODEL, FloatArray, ModelInfo, State
from stt.errors import ErrorCode, ModelError
from stt.frontends.mfcc import FeatureConfig

from ..checkpoints.loading import load_source
from ..checkpoints.source import SourceModel
from ..models.deepspeech.lstm import LstmState
from ..models.deepspeech.model import DeepSpeech
from .evaluation import build_model

_N_STEPS = 16
_BEAM_WIDTH = 500  # what export writes by default


class CheckpointEngine:
    """Runs a checkpoint, on a GPU where there is one. It also takes many utterances at a time.

    Args:
        source: the checkpoint, read.
        alphabet: its labels.
    """

    def __init__(self, source: SourceModel, alphabet: Alphabet) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        model, features = build_model(source, self._device), source.features or FeatureConfig()
        if not isinstance(model, DeepSpeech) or not isinstance(features, FeatureConfig):
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.MODEL_INCOMPATIBLE,
                f"{source.path} is a {source.specification.architecture} model, which does not "
                "run here yet; coqui_stt_training.training_graph_inference transcribes with it",
            )
        self._model = model
        self._info = ModelInfo(
            alphabet=alphabet,
            features=features,
            n_steps=_N_STEPS,
            n_context=model.geometry.n_context,
            beam_width=_BEAM_WIDTH,
        )

    @classmethod
    def open(cls, folder: Path) -> CheckpointEngine:
        """Read a checkpoint folder: its best checkpoint, or else its last.

        Raises:
            ModelError: there is none, or it does not say its alphabet.
        """
        try:
            source = load_source(folder)
        except UserError as error:
            raise ModelError(CREATE_MODEL, ErrorCode.FAIL_INIT_MMAP, str(error)) from None
        if source.alphabet is None:
            raise ModelError(
                CREATE_MODEL,
                ErrorCode.INVALID_ALPHABET,
                f"{folder}: neither the checkpoint nor a file beside it says its alphabet; put its "
                "alphabet.txt into the folder",
            )
        return cls(source, source.alphabet)

    @property
    def info(self) -> ModelInfo:
        """What the model says of itself."""
        return self._info

    def initial_state(self) -> State:
        """Return the state at the start of an utterance: zeros."""
        return tuple(part.cpu().numpy() for part in self._model.initial_state(1))

    @torch.inference_mode()
    def run(self, windows: FloatArray, state: State) -> tuple[FloatArray, State]:
        """Compute the probabilities of `n_steps` windows; see `Engine.run`."""
        rows = self._tensor(windows.reshape(len(windows), 1, -1))
        c, h = (self._tensor(part) for part in state)
        logits, new_state = self._model.forward_windows(
            rows, torch.tensor([len(windows)]), LstmState(c, h)
        )
        probabilities: FloatArray = logits[:, 0].softmax(-1).cpu().numpy()
        return probabilities, tuple(part.cpu().numpy() for part in new_state)

    @torch.inference_mode()
    def run_batch(self, features: Sequence[FloatArray]) -> list[FloatArray]:
        """Compute the probabilities of whole utterances; see `BatchEngine.run_batch`."""
        lengths = torch.tensor([len(frames) for frames in features])
        padded = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(frames) for frames in features], batch_first=True
        )
        emissions = self._model(padded.to(self._device), lengths)
        return [
            np.ascontiguousarray(rows[:length])
            for rows, length in zip(emissions.posteriors(), emissions.lengths.tolist(), strict=True)
        ]

    def close(self) -> None:
        """Free the model."""
        del self._model

    def _tensor(self, array: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._device)
