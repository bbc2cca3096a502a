"""`python -m coqui_stt_training` lists the commands, or runs the command that follows."""

from __future__ import annotations

import argparse
import sys

from stt.misspelling import likely_meant

from .cli.command import ArgumentParser, command
from .cli.commands import COMMANDS, list_commands
from .errors import FlagError

_DESCRIPTION = "Run a command. `stt COMMAND` does the same. Each command has its own --help."


@command
def main(argv: list[str]) -> int:
    """List the commands, or run one; return the exit status."""
    parser = ArgumentParser(
        prog="python -m coqui_stt_training",
        usage="python -m coqui_stt_training COMMAND [--FLAG VALUE ...] ...",
        description=_DESCRIPTION,
        epilog=f"commands:\n{list_commands()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if not argv:
        parser.print_help()
        return 0
    name, *flags = argv
    if name.startswith("-"):
        parser.parse_args(argv[:1])
    if name not in COMMANDS:
        meant = likely_meant(name, COMMANDS)
        advice = f"did you mean {meant}? It" if meant else "it"
        raise FlagError(f"unknown command {name}; {advice} must be one of {', '.join(COMMANDS)}")
    return COMMANDS[name](flags)


if __name__ == "__main__":
    sys.exit(main())
