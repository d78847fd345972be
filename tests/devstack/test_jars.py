"""The archives of DynamoDB Local: the list, the check of every byte, and a download that is all or
nothing."""

import hashlib
import re
import threading
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from devstack.download import Download, main
from devstack.errors import LocalSetupError
from devstack.jars import VERSION, Jar, cache_directory, differing, listed, provide_jars
from service.core.clock import SystemClock

CONTENTS = {
    "group/first/1.0/first-1.0.jar": b"first",
    "group/second/2.0/second-2.0.jar": b"second",
    "third/3/third-3.jar": b"third",
}
JARS = tuple(Jar(path, hashlib.sha256(content).hexdigest()) for path, content in CONTENTS.items())


class Repository:
    """Serves files, fails as often as it should, and records each requested path."""

    def __init__(self, contents: dict[str, bytes] = CONTENTS, failures: int = 0) -> None:
        self.contents = contents
        self.failures = failures
        self.requested: list[str] = []

    def fetch(self, path: str, into: Path) -> None:
        self.requested.append(path)
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.requested.count(path) <= self.failures:
            target.write_bytes(b"half")
            raise OSError("connection lost")
        target.write_bytes(self.contents[path])


def download(
    directory: Path, repository: Repository, say: Callable[[str], None] = lambda _: None
) -> Download:
    return Download(directory, JARS, repository.fetch, say, SystemClock())


def test_the_committed_list_names_each_archive_once_by_its_path_in_a_maven_repository() -> None:
    paths = [jar.path for jar in listed()]
    assert len(set(paths)) == len(paths) == 77
    assert f"software/amazon/dynamodb/DynamoDBLocal/{VERSION}/DynamoDBLocal-{VERSION}.jar" in paths
    for jar in listed():
        *group, artifact, version, name = PurePosixPath(jar.path).parts
        assert group
        assert name == f"{artifact}-{version}.jar"
        assert re.fullmatch("[0-9a-f]{64}", jar.sha256)


def test_a_download_puts_every_file_in_its_place(tmp_path: Path) -> None:
    shown: list[str] = []
    repository = Repository()
    download(tmp_path / "jars", repository, shown.append).run()
    assert differing(tmp_path / "jars", JARS) == ()
    assert shown[0].startswith("Downloading DynamoDB Local")
    assert shown[-1].startswith("  3 of 3 files, ")
    assert sorted(repository.requested) == sorted(CONTENTS)


def test_what_is_there_and_right_is_not_downloaded_again(tmp_path: Path) -> None:
    download(tmp_path / "jars", Repository()).run()
    again = Repository()
    download(tmp_path / "jars", again).run()
    assert again.requested == []


@pytest.mark.parametrize(
    "harm", [lambda path: path.write_bytes(b"evil"), lambda path: path.unlink()]
)
def test_a_damaged_cache_is_noticed_and_replaced(
    harm: Callable[[Path], object], tmp_path: Path
) -> None:
    download(tmp_path / "jars", Repository()).run()
    victim = next(iter(CONTENTS))
    harm(tmp_path / "jars" / victim)
    assert differing(tmp_path / "jars", JARS) == (victim,)
    download(tmp_path / "jars", Repository()).run()
    assert differing(tmp_path / "jars", JARS) == ()


def test_a_tampered_file_spoils_the_whole_download(tmp_path: Path) -> None:
    tampered = Repository(CONTENTS | {"third/3/third-3.jar": b"evil"})
    with pytest.raises(
        LocalSetupError, match=r"1 of 3 files, first third-3\.jar\); nothing was kept"
    ):
        download(tmp_path / "jars", tampered).run()
    assert [path.name for path in tmp_path.iterdir()] == [".jars.lock"]


def test_a_file_that_fails_sometimes_is_requested_again(tmp_path: Path) -> None:
    download(tmp_path / "jars", Repository(failures=2)).run()
    assert differing(tmp_path / "jars", JARS) == ()


def test_without_network_it_says_so_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        LocalSetupError, match=r"failed 3 times\): the first start needs the network"
    ):
        download(tmp_path / "jars", Repository(failures=99)).run()
    assert [path.name for path in tmp_path.iterdir()] == [".jars.lock"]


def test_downloads_side_by_side_fetch_once(tmp_path: Path) -> None:
    repository = Repository()
    threads = [
        threading.Thread(target=download(tmp_path / "jars", repository).run) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(repository.requested) == sorted(CONTENTS)
    assert differing(tmp_path / "jars", JARS) == ()


def test_what_a_killed_download_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".jars.abandoned.part" / "jars").mkdir(parents=True)
    download(tmp_path / "jars", Repository()).run()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".jars.lock", "jars"]


def test_a_place_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main([str(tmp_path / "file" / "jars")]) == 1
    assert capsys.readouterr().err.startswith("DynamoDB Local cannot be kept in ")


def test_a_failed_download_is_reported_to_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LocalSetupError, match="cannot be kept in"):
        provide_jars(tmp_path / "file" / "jars")


def test_the_cache_is_the_users_own_or_where_xdg_says(tmp_path: Path) -> None:
    assert cache_directory(str(tmp_path)) == tmp_path / "farebox" / f"dynamodb-local-{VERSION}"
    assert cache_directory() == Path.home() / ".cache" / "farebox" / f"dynamodb-local-{VERSION}"
