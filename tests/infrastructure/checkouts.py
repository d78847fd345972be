"""Checkouts of which a stage chooses otherwise than ours."""

import json
from collections.abc import Mapping
from pathlib import Path
from shutil import copytree, ignore_patterns


def choosing(root: Path, folder: Path, stage: str, **sections: Mapping[str, str]) -> Path:
    """A copy of release scripts and templates in `folder`. The file of the stage has these
    sections, over what it chooses there itself."""
    for name in ("release", "cloudformation"):
        copytree(root / name, folder / name, ignore=ignore_patterns("__pycache__"))
    file = folder / "cloudformation" / "parameters" / f"{stage}.json"
    ours = json.loads(file.read_text(encoding="utf-8"))
    changed = {name: ours.get(name, {}) | dict(chosen) for name, chosen in sections.items()}
    # Written like the stages of the checkout, as the scripts read it.
    file.write_text(json.dumps(ours | changed, indent=2), encoding="utf-8")
    return folder
