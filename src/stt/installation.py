"""Whether the files of this package are its own: other packages install files of the same names.

Coqui's `stt` (1.4 and earlier), `coqui_stt_ctcdecoder` and `coqui_stt_training` write into the same
folders as this one. pip does not see that: installing one of them overwrites files of ours, and
removing it removes them.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path

OWN_DISTRIBUTION = "coqui-stt"
_REMEDY = (
    "pip uninstall -y stt stt-tflite coqui_stt_ctcdecoder coqui_stt_training, then pip install "
    "--force-reinstall --no-deps with what you installed coqui-stt from"
)
# Whose files would be in the folders of our packages, as pip names what it installed.
_FOREIGN = ("stt", "stt_tflite", "coqui_stt_ctcdecoder", "coqui_stt_training")


class InstallationError(ImportError):
    """Files of another package are where ours should be.

    It is no `UserError`: that class may be among the files that are not ours.
    """


def check_own_files(package: str) -> None:
    """See that a package is still ours.

    Raises:
        InstallationError: another package's is in its place, or removing one took files of ours.
    """
    module = import_module(package)
    if getattr(module, "DISTRIBUTION", None) == OWN_DISTRIBUTION:
        return
    what = (
        f"{module.__file__} is of another package, installed over {OWN_DISTRIBUTION}"
        if getattr(module, "__file__", None)
        else f"files of {package} are gone, as after removing a package of the same name"
    )
    raise InstallationError(f"{what}. To mend it: {_REMEDY}")


def foreign_distributions(site_packages: Path) -> list[str]:
    """Return which packages that write into our folders are installed, as `stt 1.4.0`.

    One that holds no files, such as the one in `packaging/stt`, does no harm and is not listed.

    Args:
        site_packages: the folder that holds our packages.
    """
    found = []
    for entry in os.listdir(site_packages):  # noqa: PTH208 - every `import stt` waits for this
        name, _, version = entry.removesuffix(".dist-info").partition("-")
        if name not in _FOREIGN or not entry.endswith(".dist-info"):
            continue
        record = site_packages / entry / "RECORD"
        if record.is_file() and "/__init__.py," in record.read_text("utf-8", "replace"):
            found.append(f"{name} {version}")
    return sorted(found)


def warn_of_foreign_distributions(site_packages: Path) -> None:
    """Warn where another package's files are mixed with ours: removing it would break this one."""
    found = foreign_distributions(site_packages)
    if found:
        warnings.warn(
            f"{' and '.join(found)} and {OWN_DISTRIBUTION} write into the same folders, and pip "
            f"would remove files of one with the other. To mend it: {_REMEDY}",
            RuntimeWarning,
            stacklevel=3,
        )
