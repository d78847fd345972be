"""Which native library and which Java are taken on which machine."""

from pathlib import Path

import pytest

from devstack.dynamodb import DynamoDbLocal
from devstack.errors import LocalSetupError
from devstack.jars import VERSION, cache_directory
from devstack.jvm import Machine, bundled_jvm, native_library

MAIN_JAR = f"software/amazon/dynamodb/DynamoDBLocal/{VERSION}/DynamoDBLocal-{VERSION}.jar"


@pytest.fixture
def jars(dynamodb: DynamoDbLocal, tmp_path: Path) -> Path:
    """The main archive (there is one, for a server runs) in a folder of its own."""
    (tmp_path / MAIN_JAR).parent.mkdir(parents=True)
    (tmp_path / MAIN_JAR).symlink_to(cache_directory() / MAIN_JAR)
    return tmp_path


@pytest.mark.parametrize(
    ("machine", "folder", "name", "magic"),
    [
        (Machine("Linux", "x86_64"), "Linux-x86_64", "libsqlite4java.so", b"\x7fELF"),
        (Machine("Linux", "aarch64"), "Linux-aarch64", "libsqlite4java.so", b"\x7fELF"),
        (Machine("Darwin", "arm64"), "Mac-aarch64", "libsqlite4java.dylib", b"\xcf\xfa\xed\xfe"),
        (Machine("Darwin", "x86_64"), "Mac-x86_64", "libsqlite4java.dylib", b"\xca\xfe\xba\xbe"),
    ],
)
def test_the_library_for_each_machine_comes_out_of_the_archive(
    jars: Path, machine: Machine, folder: str, name: str, magic: bytes
) -> None:
    found = native_library(jars, machine)
    assert found == jars / "native" / folder
    assert [path.name for path in found.iterdir()] == [name]
    assert (found / name).read_bytes()[:4] == magic


def test_a_damaged_library_is_put_right(jars: Path) -> None:
    library = native_library(jars, Machine("Linux", "x86_64")) / "libsqlite4java.so"
    wanted = library.read_bytes()
    library.write_bytes(b"evil")
    native_library(jars, Machine("Linux", "x86_64"))
    assert library.read_bytes() == wanted


@pytest.mark.parametrize("machine", [Machine("Linux", "riscv64"), Machine("Windows", "AMD64")])
def test_another_machine_is_pointed_to_compose(jars: Path, machine: Machine) -> None:
    with pytest.raises(
        LocalSetupError, match=r"does not run on .*; use `docker compose up` instead"
    ):
        native_library(jars, machine)


def test_the_java_of_the_python_package_is_found() -> None:
    found = bundled_jvm()
    assert found is not None
    assert found.name.startswith("libjvm.")
    assert found.is_file()
