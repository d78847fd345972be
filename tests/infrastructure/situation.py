"""What a release script is run with, to write down what it does."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, ignore_patterns
from tempfile import TemporaryDirectory

from tests.infrastructure.checks.release_calls import ALL, STAGING
from tests.infrastructure.scripts import Ran, Responses, run


@dataclass(frozen=True)
class Situation:
    """What a script is run with. `responses` come before those of a deployment that is well."""

    name: str
    words: tuple[str, ...]
    responses: Responses = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    typed: str | None = None
    # What the stage chooses for its identity stack, which none of our own stages has.
    identity: Mapping[str, str] | None = None

    def run(self, root: Path) -> Ran:
        if self.identity is None:
            return self._run(root)
        with TemporaryDirectory() as folder:
            return self._run(_with_identity(root, Path(folder), self.identity))

    def _run(self, root: Path) -> Ran:
        environment = STAGING | dict(self.environment)
        stage = environment["STAGE"]
        responses = tuple(
            (pattern.replace("staging", stage), text.replace("staging", stage), code)
            for pattern, text, code in self.responses + ALL
        )
        return run(root, self.words, responses, environment, self.typed)


def _with_identity(root: Path, folder: Path, chosen: Mapping[str, str]) -> Path:
    """A checkout whose staging has an identity stack."""
    for name in ("release", "cloudformation"):
        copytree(root / name, folder / name, ignore=ignore_patterns("__pycache__"))
    file = folder / "cloudformation" / "parameters" / "staging.json"
    stage = json.loads(file.read_text(encoding="utf-8"))
    # Written like the stages of the checkout, as the scripts read it.
    file.write_text(json.dumps(stage | {"identity": dict(chosen)}, indent=2), encoding="utf-8")
    return folder
