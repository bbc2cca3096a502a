"""What a training command will do, decided before anything is computed or written.

flags -> start (continue, or begin from a source) -> plan -> specification, alphabet, features
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted
from stt.frontends import FrontEnd
from stt.output_path import check_output_file, check_output_folder

from ..bootstrapping.alphabets import choose_alphabet
from ..bootstrapping.plan import BootstrapPlan, from_scratch
from ..bootstrapping.planner import plan_bootstrap
from ..bootstrapping.request import Head, Request
from ..bootstrapping.similar_labels import similar_labels
from ..checkpoints.lineage import Lineage, frozen_epochs
from ..checkpoints.source import SourceModel
from ..cli.config import TrainConfig
from ..cli.flags import as_dict
from ..cli.launch import Launch
from ..cli.training_flags import BootstrapFlags
from ..corpus import CorpusFiles, expand_file_list, plan_split, split_shares
from ..errors import FlagError
from ..models.encoder import EncoderSpecification
from ..models.specification import Specification
from ..report.evaluation_files import check_report_flags
from .announcements import log_costly_characters, log_unspoken_characters
from .features import choose_features, fixed_features
from .geometry import check_architecture, described_model, geometry_notes
from .identity import run_identity
from .own_command import transfer_command
from .recipes import keep_recipe, use_recipe
from .starting_point import Start, describe_changes, find_start

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Session:
    """A run that is ready to begin or to be resumed.

    Attributes:
        config: all flags, with expanded file lists.
        given: names of the flags that were given.
        start: where it starts.
        plan: what is taken from the source; None for a resumed run.
        specification: specification of the model.
        alphabet: alphabet of its output.
        features: features of its input.
        identity: identity of the run.
        files: reads the corpus files.
    """

    config: TrainConfig
    given: frozenset[str]
    start: Start
    plan: BootstrapPlan | None
    specification: Specification
    alphabet: Alphabet
    features: FrontEnd
    identity: dict[str, Any]
    files: CorpusFiles

    @property
    def frozen_epochs(self) -> dict[str, int | None]:
        """Number of first epochs in which each layer is not trained, by layer; None: all epochs."""
        kept = self.start.continued
        plan = self.plan.as_json() if self.plan else []
        return frozen_epochs(kept.lineage if kept else ({"plan": plan},))

    def alphabet_advice(self) -> str:
        """Return a remedy for characters that the alphabet lacks."""
        given = self.config.alphabet.alphabet_config_path
        if given:
            return (
                f"The alphabet is {given}: add missing characters of the language to it, one per "
                "line."
            )
        if self.start.source is None or self.config.bootstrap.extend_alphabet:
            return ""
        source = self.start.source
        return (
            f"The alphabet is that of {source.path}. To use another one: "
            f"{transfer_command(self.config, self.given, self.files, source)}\nTo add characters "
            "and keep all layers, add to your command: --extend_alphabet true"
        )


def prepare(config: TrainConfig, given: frozenset[str], files: CorpusFiles) -> Session:
    """Decide where to start and what to take from the source, and log it.

    Args:
        config: flags, from `expand_data`.
        given: names of the flags that were given.
        files: reads the corpus files, from `expand_data`.

    Raises:
        UserError: there is no data or folder, the source is missing or does not fit, ...
    """
    if not config.data.train_files:
        raise FlagError(
            "no training data; give --train_files. To evaluate a checkpoint: python -m "
            "coqui_stt_training.evaluate"
        )
    if not config.checkpoints.save_dir:
        raise FlagError("no output folder; give --checkpoint_dir or --save_checkpoint_dir")
    _check_outputs(config)
    identity = run_identity(
        config.data, config.alphabet, config.checkpoints, config.bootstrap, files,
        config.self_training.unlabelled_files,
    )  # fmt: skip
    start = find_start(config.checkpoints, config.bootstrap, identity)
    _log.info(start.reason)
    if start.source:
        log_loading(start.source)
        check_architecture(start.source.specification, start.source.path, config.geometry, given)
    elif start.continued:
        save_dir = Path(config.checkpoints.save_dir)
        check_architecture(start.continued.specification, save_dir, config.geometry, given)
    config = _settle_recipe(config, given, start, files)
    for note in _idle_flags(config):
        _log.warning(note)
    asked = as_dict(config)
    config = _settle_normalization(config, start)
    if start.continued is None:
        return _begin(config, given, start, identity, files)
    kept = start.continued
    for change in describe_changes(asked, kept.flags, given):
        _log.info(change)
    _log_frozen_layers(kept.lineage, given)
    return Session(
        config=config, given=given, start=start, plan=None, specification=kept.specification,
        alphabet=kept.alphabet, features=kept.features, identity=identity, files=files,
    )  # fmt: skip


def _begin(
    config: TrainConfig, given: frozenset[str], start: Start, identity: dict[str, Any],
    files: CorpusFiles,
) -> Session:  # fmt: skip
    """Return a new run, with its alphabet, plan and features."""
    bootstrap = config.bootstrap
    if not start.drops_layers:
        bootstrap = replace(
            bootstrap, drop_source_layers=0, map_shared_characters=False, map_alphabet="",
            extend_alphabet=False,
        )  # fmt: skip
    data = config.data
    alphabet = choose_alphabet(
        config.alphabet,
        bootstrap,
        start.source.alphabet if start.source else None,
        data.all_files,
        data.normalize_transcripts == "true",
        files,
    )
    source = start.source
    retry_command = transfer_command(config, given, files, source, alphabet) if source else ""
    plan = _plan(config, start, bootstrap, alphabet, given, retry_command)
    target = plan.specification
    if start.source is None and isinstance(target, EncoderSpecification):
        features = fixed_features(target.architecture, target.front_end, given)
    else:
        features = choose_features(config.features, start.source, given)
    return Session(
        config=config, given=given, start=start, plan=plan, specification=target,
        alphabet=alphabet, features=features, identity=identity, files=files,
    )  # fmt: skip


def _settle_recipe(
    config: TrainConfig, given: frozenset[str], start: Start, files: CorpusFiles
) -> TrainConfig:
    """Apply the flags of `--recipe`; a resumed run keeps those that it began with."""
    if start.continued:
        return keep_recipe(config, given, start.continued.flags, files)
    return use_recipe(config, given, start.source, files, keeps_head=_keeps_head(config, start))


def _keeps_head(config: TrainConfig, start: Start) -> bool:
    """Whether a new run keeps the trained head of its source."""
    dropped = start.drops_layers and config.bootstrap.drop_source_layers > 0
    has_own = start.source is not None and start.source.has_output
    return has_own and not dropped and config.bootstrap.head == "auto"


def _settle_normalization(config: TrainConfig, start: Start) -> TrainConfig:
    """Replace `--normalize_transcripts auto` by true or false; a resumed run keeps its value."""
    asked = config.data.normalize_transcripts
    if start.continued:
        normalizes = start.continued.flags.get("normalize_transcripts") == "true"
    elif start.source:
        normalizes = start.source.normalizes_transcripts(asked)
    else:
        normalizes = asked == "true"
    data = replace(config.data, normalize_transcripts="true" if normalizes else "false")
    return replace(config, data=data)


def log_loading(source: SourceModel) -> None:
    """Log, in upstream's words, which checkpoint of a folder was read."""
    kinds = {"best": "best validating checkpoint", "last": "most recent checkpoint"}
    kind = kinds.get(str(source.details.get("checkpoint")), "the model")
    _log.info("Loading %s from %s", kind, source.path)


def _check_outputs(config: TrainConfig) -> None:
    if Path(config.checkpoints.checkpoint_dir or ".").is_file():
        raise FlagError(
            f"--checkpoint_dir {config.checkpoints.checkpoint_dir} is a file, so nothing can be "
            "saved to it; give the model with --load_checkpoint_dir, and an output folder with "
            "--save_checkpoint_dir"
        )
    for flag, folder in (
        ("--checkpoint_dir" if config.checkpoints.checkpoint_dir else "--save_checkpoint_dir",
         config.checkpoints.save_dir),
        ("--summary_dir", config.output.summary_dir),
        ("--feature_cache", config.data.feature_cache),
    ):  # fmt: skip
        if folder:
            check_output_folder(flag, folder)
    check_report_flags(config.evaluation)
    if config.evaluation.test_output_file:
        check_output_file("--test_output_file", config.evaluation.test_output_file)


def _plan(
    config: TrainConfig,
    start: Start,
    bootstrap: BootstrapFlags,
    alphabet: Alphabet,
    given: frozenset[str],
    retry_command: str,
) -> BootstrapPlan:
    if start.source is None:
        plan = from_scratch(described_model(config.geometry, alphabet.size + 1))
        for note in geometry_notes(plan.specification, config.geometry, given):
            _log.warning(note)
    else:
        for note in geometry_notes(start.source.specification, config.geometry, given):
            _log.warning(note)
        for note in start.source.notes:
            _log.info(note)
        request = bootstrap_request(bootstrap, start.source, alphabet)
        plan = plan_bootstrap(start.source, alphabet, request, retry_command)
        _note_unfrozen_layers(start.source, plan)
    if "head_blocks" in given:
        _note_head_blocks(bootstrap.head_blocks, plan.specification)
    if start.source and start.keeps_optimizer:
        step = start.source.step
        plan = plan.going_on(step)
        _log.info("Continuing the run at step %d, layer by layer:\n%s", step, plan.describe())
    else:
        _log.info("The plan, layer by layer:\n%s", plan.describe())
        known = start.source.alphabet if start.source else None
        is_new = known is None or known.labels != alphabet.labels
        if is_new and not alphabet.is_bytes:
            log_unspoken_characters(alphabet)
            if "normalize_transcripts" not in given:
                log_costly_characters(alphabet)
    return plan


def _note_head_blocks(asked: int, specification: Specification) -> None:
    """Log if the head reads another number of blocks than the flag says."""
    has = getattr(specification, "head_blocks", 1)
    if has != asked:
        _log.warning(
            "--head_blocks %d: the head reads %s, because the source's head does or there are no "
            "more; --head lstm makes a new one",
            asked, counted(has, "block"),
        )  # fmt: skip


def bootstrap_request(flags: BootstrapFlags, source: SourceModel, alphabet: Alphabet) -> Request:
    """Return the bootstrapping request that the flags describe; it may determine the alphabet."""
    head = Head(flags.head, flags.head_layers, flags.head_size) if flags.head != "auto" else None
    names = {field.name for field in fields(Request)} - {"head", "similar_labels"}
    request = Request(**{name: getattr(flags, name) for name in names}, head=head)
    if not flags.map_alphabet:
        return request
    if source.alphabet is None or not source.has_output:
        raise FlagError(
            f"--map_alphabet: {source.path} has no output layer to copy rows from; leave the flag "
            "out"
        )
    similar = similar_labels(flags.map_alphabet, source.alphabet, alphabet)
    shown = ", ".join(f"{label} from {'+'.join(ones)}" for label, ones in similar.items())
    _log.info("Characters that sound similar: %s", shown)
    return replace(request, similar_labels=similar)


def _log_frozen_layers(lineage: Lineage, given: frozenset[str]) -> None:
    """Log which layers a resumed run does not train although the command does not say so."""
    epochs = frozen_epochs(lineage)
    forever = [layer for layer, count in epochs.items() if count is None]
    for_a_while = [layer for layer, count in epochs.items() if count]
    if "freeze_source_layers" in given:
        return
    if forever:
        _log.info(
            "Still frozen by --freeze_source_layers of this run's first command: %s. To train "
            "them too, begin a new run: --run new",
            ", ".join(forever),
        )
    if for_a_while:
        _log.info(
            "Frozen for the first epochs of this run, as configured at its start: %s",
            ", ".join(for_a_while),
        )


def _note_unfrozen_layers(source: SourceModel, plan: BootstrapPlan) -> None:
    """Log which layers are trained that were frozen in the training of the source."""
    frozen = frozen_epochs(source.details.get("lineage", ()))
    forever = [layer for layer, epochs in frozen.items() if epochs is None]
    trained = [
        layer.layer for layer in plan.layers if layer.action == "kept" and layer.frozen_epochs == 0
    ]
    unfrozen = [layer for layer in forever if layer in trained]
    if unfrozen:
        _log.info(
            "Frozen when the source was trained, but trained now: %s. To keep them frozen: "
            "--freeze_source_layers %d",
            ", ".join(unfrozen), len(forever),
        )  # fmt: skip


def _idle_flags(config: TrainConfig) -> list[str]:
    """Return sentences about flags that have no effect in combination with the others."""
    notes = [config.checkpoints.overruled()]
    for name in ("early_stop", "reduce_lr_on_plateau"):
        if getattr(config.schedule, name) and not config.data.dev_files:
            notes.append(
                f"--{name} has no effect without --dev_files, because there is no validation"
            )
    if config.training.shard_weights and Launch.read().size == 1:
        notes.append(
            "--shard_weights has no effect with one process; start several with torchrun "
            "--nproc-per-node (see docs/scaling.md)"
        )
    if config.data.augment_variants and not config.data.augment:
        notes.append("--augment_variants has no effect without --augment")
    late = config.bootstrap.unfreeze_after_epochs
    if late >= config.training.epochs > 0 and late:
        notes.append(
            f"--unfreeze_after_epochs {late} is never reached: the run has "
            f"{counted(config.training.epochs, 'epoch')}"
        )
    return [note for note in notes if note]


def expand_data(config: TrainConfig) -> tuple[TrainConfig, CorpusFiles]:
    """Split `--auto_input_dataset` and file lists in older syntax; a dry run writes no sets."""
    data, files = config.data, CorpusFiles()
    if data.auto_input_dataset:
        split = plan_split(
            data.auto_input_dataset,
            seed=config.training.random_seed,
            alphabet_path=config.alphabet.alphabet_config_path or None,
            makes_alphabet=not config.alphabet.bytes_output_mode,
            normalizes=data.normalize_transcripts == "true",
        )
        if config.bootstrap.dry_run:
            _log.info("%s", split.describe())
        else:
            split.write()
        files = split.files
        data = replace(
            data,
            auto_input_dataset="",
            train_files=(str(split.train),),
            dev_files=(str(split.dev),),
            test_files=(str(split.test),),
        )
    labelled = expand_file_list(data.train_files)
    unlabelled = expand_file_list(config.self_training.unlabelled_files)
    named, shares = split_shares([*labelled, *unlabelled])
    train_files, unlabelled_files = named[: len(labelled)], named[len(labelled) :]
    files = replace(files, shares=shares)
    data = replace(
        data,
        train_files=tuple(train_files),
        dev_files=tuple(expand_file_list(data.dev_files)),
        test_files=tuple(expand_file_list(data.test_files)),
        metrics_files=tuple(expand_file_list(data.metrics_files)),
    )
    own = replace(config.self_training, unlabelled_files=tuple(unlabelled_files))
    return replace(config, data=data, self_training=own), files
