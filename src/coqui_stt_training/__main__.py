"""`python -m coqui_stt_training` lists the commands; with the name of one it runs that."""

from __future__ import annotations

import sys

from .cli.command import command
from .cli.commands import COMMANDS, list_commands
from .errors import FlagError

_INTRODUCTION = """usage: python -m coqui_stt_training COMMAND [--FLAG VALUE ...] ...

The commands, each with its own --help; `stt COMMAND` and `python -m coqui_stt_training.COMMAND` run
them, too:
"""


@command
def main(argv: list[str]) -> int:
    """List the commands, or run one; return the exit status."""
    if not argv or argv[0] in ("-h", "--help", "--helpfull"):
        print(f"{_INTRODUCTION}\n{list_commands()}")
        return 0
    name, *flags = argv
    if name not in COMMANDS:
        raise FlagError(f"unknown command {name}; it must be one of {', '.join(COMMANDS)}")
    return COMMANDS[name](flags)


if __name__ == "__main__":
    sys.exit(main())
