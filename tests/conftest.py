"""The option `--kernel` of all tests: the native kernels on which they run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kernel", help="run on the native kernels of this name, such as baseline")


def pytest_configure(config: pytest.Config) -> None:
    name = config.getoption("--kernel")
    if not name:
        return
    import kernels  # late: `tests` is on the path only now

    known = [choice for choice in kernels.ALL if choice.make_usual(name)]
    if not known:
        raise pytest.UsageError(f"this processor runs no kernel {name!r}")
