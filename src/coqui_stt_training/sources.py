"""List public pre-trained models that a run can start from. Nothing is downloaded.

python -m coqui_stt_training.sources --language uk
"""

from __future__ import annotations

import json
from dataclasses import asdict

from .bootstrapping.public_sources import MANY_LANGUAGES, describe_sources, find_sources
from .cli.command import ArgumentParser, command

_ADVICE = """\
Download the named files from the page, read its license, and give them to train:
  the same alphabet   python -m coqui_stt_training.train --load_checkpoint_dir ... \\
                          --save_checkpoint_dir my-model --train_files ... --dev_files ...
  another alphabet    the same, with: --drop_source_layers 1 --map_shared_characters true \\
                          --alphabet_config_path my-alphabet.txt
To see what you downloaded: python -m coqui_stt_training.inspect FILE_OR_FOLDER"""


@command
def main(argv: list[str]) -> int:
    """Run the command."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training.sources",
        description="List public pre-trained models to start from. Nothing is downloaded.",
    )
    parser.add_argument(
        "--language",
        default="",
        metavar="TAG",
        help="list only models of this language, by tag or English name: uk, pt-BR, Welsh",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)

    found = find_sources(arguments.language)
    if arguments.json:
        listed = [{**asdict(source), "how_to_use": source.how_to_use} for source in found]
        print(json.dumps(listed, ensure_ascii=False, indent=2))
        return 0
    if arguments.language and all(source.tag == MANY_LANGUAGES for source in found):
        print(
            f"No model for {arguments.language} alone is known here. A model of another language "
            "is a good start, too; larger is better: see the English ones.\n"
        )
        found = [*find_sources("en")]
    print(f"{describe_sources(found)}\n\n{_ADVICE}")
    return 0


if __name__ == "__main__":
    main()
