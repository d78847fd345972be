"""`make transcripts`: writes what every release script calls, writes and
says in every situation, one file for each script. A change of a script is reviewed there, as what
it does and not only as how it is written."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.infrastructure.deployments import ROOT
from tests.infrastructure.situation import Situation
from tests.infrastructure.situations import situations

FOLDER = Path(__file__).parent / "transcripts"


def transcripts(root: Path) -> Mapping[str, Mapping[str, str]]:
    """For each script of this checkout: what it does, by situation."""
    made: dict[str, dict[str, str]] = defaultdict(dict)
    for situation in situations():
        script, title = situation.words[0], _title(situation)
        if title in made[script]:
            raise ValueError(f"two situations are called {title}")
        made[script][title] = situation.run(root).transcript
    return made


def written(parts: Mapping[str, str]) -> str:
    return "\n".join(f"# {title}\n{text}" for title, text in parts.items())


def recorded(script: str) -> str:
    """What was written last; nothing for a script without."""
    file = FOLDER / f"{script}.txt"
    return file.read_text(encoding="utf-8") if file.exists() else ""


def differences(root: Path) -> Iterator[str]:
    """Each script that does something else than what was written, and the first such line."""
    made = transcripts(root)
    for script, parts in made.items():
        ours, theirs = written(parts).splitlines(), recorded(script).splitlines()
        if ours != theirs:
            pairs = zip([*ours, ""], [*theirs, ""], strict=False)
            line = next((found for found, before in pairs if found != before), "the end")
            yield f"{script}: {line} (if it is meant: make transcripts)"
    for file in FOLDER.glob("*.txt"):
        if file.stem not in made:
            yield f"{file.stem}: written, but in no situation"


def _title(situation: Situation) -> str:
    given = [f"{name}={value}" for name, value in situation.environment.items()]
    return f"{' '.join([*given, 'release/' + situation.words[0], *situation.words[1:]])}" + (
        f": {situation.name}"
    )


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for script, parts in transcripts(ROOT).items():
        (FOLDER / f"{script}.txt").write_text(written(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
