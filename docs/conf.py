"""The documentation as a site: `make docs` builds it from the pages here, and warnings are errors.

What follows from the code is generated anew each time, into `docs/reference`: the flags of every
command, as its `--help` has them, and the Python interfaces, as their docstrings have them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

project = "Coqui STT on PyTorch"
author = "its contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "README"
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["build"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a page may begin a part at the level that fits it

# Docstrings mark names with single backticks, as Markdown does.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True

_GENERATED = ("reference/commands", "reference/interfaces", "reference/changes")
# (title, module) of what programs may use.
INTERFACES = (
    ("Training, evaluation, export", "coqui_stt_training"),
    ("The runtime", "stt"),
    ("The decoder", "coqui_stt_ctcdecoder"),
)


def _help_of(command: str, entry: Any) -> str:
    """Return what a command says of itself, as it would be typed."""
    said = io.StringIO()
    columns, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "88"
    argv, sys.argv = sys.argv, [f"python -m coqui_stt_training.{entry.module}"]
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(io.StringIO()),  # notes of commands with another's name
            contextlib.suppress(SystemExit),
        ):
            entry(["--help"])
    finally:
        sys.argv = argv
        if columns is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = columns
    text = said.getvalue().strip()
    if not text.startswith("usage"):
        raise RuntimeError(f"{command} --help says nothing")
    return text


def _write_commands(folder: Path) -> None:
    from coqui_stt_training.cli.commands import COMMANDS

    pages = []
    for name, entry in COMMANDS.items():
        pages.append(name)
        (folder / f"{name}.md").write_text(
            f"# `{name}`\n\n{entry.description[0].upper()}{entry.description[1:]}.\n\n"
            f"`python -m coqui_stt_training.{entry.module}`, or `stt {name}`.\n\n"
            f"```text\n{_help_of(name, entry)}\n```\n",
            encoding="utf-8",
        )
    toc = "\n".join(pages)
    (folder / "commands.md").write_text(
        f"# Commands and flags\n\n```{{toctree}}\n:maxdepth: 1\n\n{toc}\n```\n", encoding="utf-8"
    )


def _write_interfaces(folder: Path) -> None:
    parts = []
    for title, module in INTERFACES:
        parts.append(f"# {title}: `{module}`\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n")
        public = importlib.import_module(module)
        for name in public.__all__:
            member = getattr(public, name)
            kind = "autoclass" if isinstance(member, type) else "autofunction"
            if not callable(member):
                continue
            options = ["no-index", *(["members"] if kind == "autoclass" else [])]
            if name == "Model":  # what it decodes with is told by a class that it is made of
                options.append("inherited-members")
            shown = "".join(f"\n   :{option}:" for option in options)
            parts.append(f"```{{eval-rst}}\n.. {kind}:: {module}.{name}{shown}\n```\n")
    (folder / "interfaces.md").write_text("\n".join(parts), encoding="utf-8")


def _generate(_: Any) -> None:
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.md"):
        old.unlink()
    _write_commands(folder)
    _write_interfaces(folder)
    changes = (HERE.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    (folder / "changes.md").write_text(changes.replace("(docs/", "(../"), encoding="utf-8")
    tour = (HERE.parent / "examples/tour/README.md").read_text(encoding="utf-8")
    (folder / "tour.md").write_text(tour.replace("../../docs/", "../"), encoding="utf-8")


def _in_the_site(_: Any, page: str, source: list[str]) -> None:
    """Let links lead to copies in the site, and the first page's table be the table of contents."""
    for beside, copy in (("../examples/tour/README.md", "tour"), ("../CHANGELOG.md", "changes")):
        source[0] = source[0].replace(beside, f"reference/{copy}.md")
    if page == root_doc:
        named = re.findall(r"^\| \[.*?\]\(([\w/-]+)\.md\)", source[0], re.MULTILINE)
        pages = "\n".join([*named, *_GENERATED])
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"


def _without_empty_headings(_: Any, doctree: Any) -> None:
    """Leave out headings of tables that have no words: screen readers would read them out."""
    from docutils import nodes

    for head in list(doctree.findall(nodes.thead)):
        if not head.astext().strip():
            head.parent.remove(head)


def _for_the_keyboard(_: Any, page: str, template: str, context: dict[str, Any], __: Any) -> None:
    """Let the keyboard reach blocks of code, to scroll those that are wide."""
    if "body" in context:
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _without_empty_headings)
    app.connect("html-page-context", _for_the_keyboard)
    app.connect("builder-inited", _generate)
    app.connect("source-read", _in_the_site)
