"""The linters and the AWS CLI, in a virtual environment of their own: checkov pins a boto3 that is
years old."""

from tests.installs import ROOT, python_tools

REQUIREMENTS = ROOT / "requirements" / "infrastructure.txt"
_FOLDER = ROOT / ".venv-infrastructure"


def tool(name: str) -> str:
    """The path of a command. Installs the pinned tools first if needed; raises when that fails."""
    python_tools(_FOLDER, REQUIREMENTS)
    if name == "docker-compose":
        # The wrapper of that name always exits 0.
        (found,) = _FOLDER.glob("lib/python*/site-packages/compose/docker-compose")
        return str(found)
    return str(_FOLDER / "bin" / name)
