import ast
from pathlib import Path

import devstack.simulators

ALLOWED = ("devstack.simulators", "service.core.clock", "service.core.ids")


def test_the_simulators_import_no_product_code() -> None:
    files = list(Path(devstack.simulators.__file__).parent.rglob("*.py"))
    assert len(files) > 10
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not [
                name
                for name in names
                if name.startswith("service") and not name.startswith(ALLOWED)
            ], file
