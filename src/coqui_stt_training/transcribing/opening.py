"""The model that transcribes, as the flags choose it. It is opened here or in a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stt import Model

from ..cli.config import AlphabetFlags, ScorerFlags, SourceFlags
from ..cli.feature_flags import FeatureFlags
from ..errors import FlagError


@dataclass(frozen=True)
class ModelChoice:
    """A model, and how it decodes.

    Attributes:
        file: exported model, `.tflite` or `.onnx`; empty: a checkpoint.
        source: flags that choose the checkpoint.
        alphabet: flags for the checkpoint's alphabet.
        features: flags for the checkpoint's features.
        decoder: flags for the scorer and the beam search.
        given: names of the flags that were given.
    """

    file: str
    source: SourceFlags
    alphabet: AlphabetFlags
    features: FeatureFlags
    decoder: ScorerFlags
    given: frozenset[str]

    def open(self, cores: int) -> Model:
        """Load the model.

        Args:
            cores: number of cores to use.

        Raises:
            UserError: no model is chosen, or it cannot be used.
        """
        if self.file:
            model = Model(self.file, threads=1, parallel=cores)
        else:
            model = self._open_checkpoint()
        if "beam_width" in self.given or not self.file:
            model.set_beam_width(self.decoder.beam_width)
        if self.decoder.scorer_path:
            weights = self.decoder.weights(self.given)
            model.enable_external_scorer(self.decoder.scorer_path, *weights)
        return model

    def check(self) -> None:
        """Check that a model is chosen.

        Raises:
            FlagError: no model is chosen.
        """
        if not self.file and not self.source.load_dir:
            raise FlagError("no model; give --checkpoint_dir FOLDER or --model FILE.tflite")

    def _open_checkpoint(self) -> Model:
        self.check()
        from ..runs.evaluation import load_for_inference
        from ..runs.features import choose_features
        from ..scoring.engine import checkpoint_engine

        source, alphabet = load_for_inference(self.source, self.alphabet)
        features = choose_features(self.features, source, self.given)
        return Model.from_engine(checkpoint_engine(replace(source, features=features), alphabet))
