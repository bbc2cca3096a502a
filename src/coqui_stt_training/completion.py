"""Write scripts that complete commands and flags in bash, zsh and fish.

    eval "$(stt completion bash)"

The flags are read from the --help of each command, so they are always up to date.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass

from stt.client import main as transcribe

from .cli.command import ArgumentParser, command
from .cli.commands import COMMANDS

PROGRAM = "stt completion"
_FLAG = re.compile(r"^  (?:-\w, )?(--[\w-]+)(.*)$", re.M)
_CHOICES = re.compile(r"\{([\w,.|-]+)\}|(true\|false)")
_FILES = re.compile(r"(?i)\b(file|dir|folder|text|value|path)\b")


@dataclass(frozen=True)
class _Flag:
    """A flag: its name, its choices if it has any, and whether it takes files."""

    name: str
    choices: tuple[str, ...]
    takes_files: bool


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status."""
    parser = ArgumentParser(
        prog=PROGRAM,
        description="Write shell completion for stt and its commands.",
        epilog=(
            'bash: eval "$(stt completion bash)"; zsh: the same with zsh, after compinit; fish: '
            "stt completion fish | source. Put this into the shell's start-up file to have it "
            "always."
        ),
    )
    parser.add_argument("shell", choices=sorted(_WRITERS))
    flags = parser.parse_args(argv)
    found = {"": _flags_of(transcribe, [])}
    for name in COMMANDS:
        found[name] = _flags_of(COMMANDS[name], [])
    found["serve"] = _flags_of(transcribe, ["serve"])
    print(_WRITERS[flags.shell](found), end="")
    return 0


def _flags_of(run: Callable[[Sequence[str]], int], words: Sequence[str]) -> list[_Flag]:
    """Return the flags in a command's help; none if a package for it is not installed."""
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(io.StringIO()), suppress(SystemExit):
        run([*words, "--help"])
    flags = {}
    for name, rest in _FLAG.findall(text.getvalue()):
        value = rest.split("  ")[0]
        choices = _CHOICES.search(value)
        words_of = (choices[1] or choices[2]).replace("|", ",").split(",") if choices else []
        flags[name] = _Flag(name, tuple(words_of), not choices and bool(_FILES.search(value)))
    return list(flags.values())


def _bash(commands: dict[str, list[_Flag]]) -> str:
    lines = [
        "# completion of stt for bash",
        "_stt() {",
        "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command flags",
        "  command=${COMP_WORDS[1]}",
        '  [[ $command == -* || $COMP_CWORD -eq 1 ]] && command=""',
        '  case "$command $before" in',
        *(
            f'    "{name} {flag.name}") COMPREPLY=($(compgen -W "{" ".join(flag.choices)}" -- '
            '"$word")); return;;'
            for name, flags in commands.items()
            for flag in flags
            if flag.choices
        ),
        "  esac",
        '  case "$command" in',
        *(
            f'    "{name}") flags="{" ".join(flag.name for flag in flags)}";;'
            for name, flags in commands.items()
        ),
        "  esac",
        f'  [[ $COMP_CWORD -eq 1 ]] && flags="{" ".join(filter(None, commands))} $flags"',
        '  COMPREPLY=($(compgen -W "$flags" -- "$word"))',
        '  [[ $word != -* && ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$word"))',
        "}",
        "complete -o filenames -F _stt stt",
    ]
    return "\n".join(lines) + "\n"


def _zsh(commands: dict[str, list[_Flag]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(commands)


def _fish(commands: dict[str, list[_Flag]]) -> str:
    names = " ".join(filter(None, commands))
    lines = ["# completion of stt for fish"]
    for name, entry in [*COMMANDS.items(), ("serve", None)]:
        what = entry.description if entry else "start a server"
        lines.append(
            f"complete -c stt -n '__fish_is_first_arg' -a {name} -d '{what.replace(chr(39), '')}'"
        )
    for name, flags in commands.items():
        where = (
            f"__fish_seen_subcommand_from {name}"
            if name
            else f"not __fish_seen_subcommand_from {names}"
        )
        for flag in flags:
            values = f" -x -a '{' '.join(flag.choices)}'" if flag.choices else ""
            values = " -r" if flag.takes_files else values
            lines.append(f"complete -c stt -n '{where}' -l {flag.name[2:]}{values}")
    return "\n".join(lines) + "\n"


_WRITERS = {"bash": _bash, "zsh": _zsh, "fish": _fish}


if __name__ == "__main__":
    main()
