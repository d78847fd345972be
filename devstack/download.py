"""Process entry `python -m devstack.download DIRECTORY`: downloads DynamoDB Local's archives, once
per machine."""

import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext

from devstack.errors import LocalSetupError
from devstack.jars import DOWNLOAD_SECONDS, VERSION, Jar, differing, listed
from devstack.locks import locked_file
from devstack.terminal import Say, complain, output
from service.core.clock import Clock, SystemClock

_PARALLEL = 8
_TRIES = 3
_REQUEST_SECONDS = 15
_PROGRESS_SECONDS = 2.0

Fetch = Callable[[str, Path], None]
"""Downloads the file with that repository path to the same path below the folder. Raises `OSError`
or `RuntimeError`."""


def fetch_from_maven(path: str, into: Path) -> None:
    """`Fetch` by jgo: this one file from Maven Central, without its dependencies."""
    *group, artifact, version, name = PurePosixPath(path).parts
    context = MavenContext(repo_cache=into, timeout=_REQUEST_SECONDS)
    component = context.project(".".join(group), artifact).at_version(version)
    component.artifact(packaging=PurePosixPath(name).suffix[1:]).resolve()


class Download:
    """Fills one directory with the listed archives.

    Processes may run this concurrently: one downloads, the others wait. The directory appears
    complete and verified, or not at all; a damaged one is replaced."""

    def __init__(
        self, directory: Path, jars: Sequence[Jar], fetch: Fetch, say: Say, clock: Clock
    ) -> None:
        self._directory = directory
        self._jars = jars
        self._fetch = fetch
        self._say = say
        self._clock = clock

    def run(self) -> None:
        """Raises `LocalSetupError` without a network, if a file differs from the list, if the
        directory cannot be written, or after 15 minutes."""
        lock, waiting = self._directory.parent / f".{self._directory.name}.lock", DOWNLOAD_SECONDS
        try:
            self._directory.parent.mkdir(parents=True, exist_ok=True)
            with locked_file(
                lock,
                "Another download of DynamoDB Local takes too long; stop it.",
                waiting,
                self._clock,
            ):
                if differing(self._directory, self._jars):
                    self._download()
        except OSError as error:
            raise LocalSetupError(
                f"DynamoDB Local cannot be kept in {self._directory}: {error}."
            ) from error

    def _download(self) -> None:
        prefix = f".{self._directory.name}."
        for abandoned in self._directory.parent.glob(f"{prefix}*.part"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with TemporaryDirectory(dir=self._directory.parent, prefix=prefix, suffix=".part") as work:
            staging = Path(work) / "jars"
            staging.mkdir()
            self._fetch_all(staging)
            self._refuse_wrong(differing(staging, self._jars))
            if self._directory.exists():
                self._directory.rename(Path(work) / "replaced")
            staging.rename(self._directory)

    def _refuse_wrong(self, paths: Sequence[str]) -> None:
        if paths:
            raise LocalSetupError(
                "The download of DynamoDB Local is damaged "
                f"({len(paths)} of {len(self._jars)} files, first "
                f"{PurePosixPath(paths[0]).name}); nothing was kept, try again."
            )

    def _fetch_all(self, staging: Path) -> None:
        start = self._clock.monotonic()
        self._say(f"Downloading DynamoDB Local {VERSION} (once, about 45 MB) …")
        with ThreadPoolExecutor(_PARALLEL) as pool:
            try:
                open_files = {pool.submit(self._fetch_one, jar, staging) for jar in self._jars}
                while open_files:
                    done, open_files = wait(open_files, _PROGRESS_SECONDS)
                    for file in done:
                        file.result()
                    self._report(len(self._jars) - len(open_files), self._clock.monotonic() - start)
            finally:
                pool.shutdown(cancel_futures=True)

    def _report(self, fetched: int, seconds: float) -> None:
        if seconds > DOWNLOAD_SECONDS:
            raise LocalSetupError("The download of DynamoDB Local takes too long; try again later.")
        self._say(f"  {fetched} of {len(self._jars)} files, {seconds:.0f} s")

    def _fetch_one(self, jar: Jar, staging: Path) -> None:
        fault: Exception | None = None
        for _ in range(_TRIES):
            try:
                self._fetch(jar.path, staging)
                return
            except (OSError, RuntimeError) as error:
                fault = error
                (staging / jar.path).unlink(missing_ok=True)
        raise LocalSetupError(
            "DynamoDB Local could not be downloaded "
            f"({PurePosixPath(jar.path).name} failed {_TRIES} times): the first "
            "start needs the network, check the connection and try again."
        ) from fault


def main(arguments: Sequence[str]) -> int:
    """Downloads into the directory given as the only argument. Returns 1, with one sentence on
    standard error, if that fails."""
    try:
        Download(Path(arguments[0]), listed(), fetch_from_maven, output().say, SystemClock()).run()
    except LocalSetupError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
