"""The user's own command, changed to do what is advised, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..bootstrapping.alphabets import alphabet_of_data
from ..bootstrapping.new_output import OUTPUT_OF_ROWS, new_output_flags
from ..checkpoints.source import SourceModel
from ..cli.config import TrainConfig
from ..cli.flags import as_dict
from ..cli.launch import Launch
from ..cli.spelling import spell_flags
from ..corpus import CorpusFiles

_OF_OUTPUT = frozenset({"head", "map_shared_characters", "map_alphabet"})


def transfer_command(
    config: TrainConfig,
    given: frozenset[str],
    files: CorpusFiles,
    source: SourceModel,
    alphabet: Alphabet | None = None,
) -> str:
    """Return the user's own command, changed to do transfer-learning.

    Args:
        config: the flags of the command.
        given: names of the flags that were given.
        files: reads the corpus files.
        source: the model to start from.
        alphabet: alphabet of the new model; None: that of the data.

    Raises:
        CorpusError: the data is needed, but cannot be read.
    """
    output = OUTPUT_OF_ROWS
    if not _OF_OUTPUT & given:  # their own flags say what the output is
        data = config.data
        normalizes = data.normalize_transcripts == "true"
        output = new_output_flags(
            source, alphabet or alphabet_of_data(data.all_files, normalizes, files)
        )
    flags = config.checkpoints
    apart = flags.save_dir != flags.load_dir
    changed = {
        **output,
        "load_checkpoint_dir": flags.load_dir,
        "save_checkpoint_dir": flags.save_dir if apart else f"{flags.save_dir}-transfer",
    }
    left_out = {"checkpoint_dir", "extend_alphabet", *vars(config.geometry)}
    named = {"auto_input_dataset"} if files.dataset else {"train_files", "dev_files", "test_files"}
    wanted = (given | named) - left_out
    own = {**as_dict(config), "auto_input_dataset": files.dataset}
    for name in ("train_files", "unlabelled_files"):
        own[name] = [files.as_given(path) for path in own[name]]
    kept = {name: value for name, value in own.items() if name in wanted and value != []}
    return _spell_command({**changed, **kept, **changed})


def longer_command(config: TrainConfig, given: frozenset[str], epochs: int) -> str:
    """Return the user's own command, changed to train twice as many epochs."""
    flags = as_dict(config)
    asked = {name: value for name, value in flags.items() if name in given}
    return _spell_command({**asked, "epochs": 2 * epochs, "run": "continue"})


def _spell_command(flags: Mapping[str, Any]) -> str:
    program = Launch.read().program
    return shlex.join([*program, "-m", "coqui_stt_training.train", *spell_flags(flags)])
