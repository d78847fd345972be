"""The Dockerfile and the compose file as data: what is in each image, how each container is closed
in, what can be reached from outside."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infrastructure.checks.image import instructions
from tests.infrastructure.deployments import Deployment
from tests.infrastructure.facts import differing
from tests.infrastructure.texts import plain_yaml

HEALTH = (
    "--interval=10s --timeout=5s --start-period=30s --retries=3 "
    'CMD ["python", "-I", "/app/docker/healthcheck.py"]'
)
# What each stage of the build starts from.
STARTS = {
    "packages": "${BASE_IMAGE}",
    "code": "packages",
    "runtime": "${BASE_IMAGE}",
    "local-packages": "packages",
    "local-code": "code",
    "local": "runtime",
    "production": "runtime",
}
ENVIRONMENT = {
    "PATH": '"/opt/farebox/bin:$PATH"',
    "PYTHONPATH": "/app",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "HOST": "0.0.0.0",
    "LIVE_HOST": "0.0.0.0",
    "PORT": "8080",
}
# What the instructions of a stage must contain, and why.
NEEDED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "packages": (
        ("--without-pip", "nothing more can be installed into the environment"),
        ("--require-hashes", "what is installed is what was pinned"),
        ("--only-binary :all:", "no code of a package runs while it is installed"),
        ("--no-compile", "times in the compiled files differ from build to build"),
        ("--invalidation-mode unchecked-hash", "the same input makes the same files"),
        ("--requirement /build/base.txt", "production has what it needs and no more"),
    ),
    "code": (("unchecked-hash", "the file system is read-only where it runs"),),
    "runtime": (
        ("--gid 10001 farebox", "the group of the tasks"),
        ("--uid 10001 --gid 10001", "the user of the tasks"),
        ("--no-create-home", "there is nothing to write to"),
        ("/usr/sbin/nologin", "no one logs in"),
        ("pip uninstall --yes", "nothing can be installed where strangers are served"),
        ("pip setuptools wheel", "nothing can be installed where strangers are served"),
        ("ensurepip", "pip cannot be unpacked again"),
        ("-perm /6000", "no file runs as somebody else"),
        ("chmod a-s", "no file runs as somebody else"),
    ),
    "local-packages": (
        ("--require-hashes", "what is installed is what was pinned"),
        ("--only-binary :all:", "no code of a package runs while it is installed"),
    ),
}
IGNORED = [
    "*",
    "!service",
    "!devstack",
    "!docker/farebox",
    "!docker/gunicorn.conf.py",
    "!docker/healthcheck.py",
    "!requirements/base.txt",
    "!requirements/local.txt",
    "!cloudformation/data/table.yaml",
    "**/__pycache__",
    "**/*.pyc",
]
# The container ports that this machine publishes, on loopback alone.
PUBLISHED = {
    "web": "8080",
    "relay": "8080",
    "simulators": "8090",
    "dynamodb": "8000",
    "browser": "8001",
}
ENDING = {"table", "welcome"}
GRACEFUL = {"web", "worker", "relay", "dynamodb"}


def each_stage_of_the_image_is_made_as_it_must_be(deployment: Deployment) -> Iterator[str]:
    stages = _stages(deployment)
    found = {name: base for name, (base, _) in stages.items()}
    if found != STARTS:
        yield f"the stages of the image start from {found}"
    for name, needed in NEEDED.items():
        yield from (
            f"{name} lacks {part}: {reason}"
            for part, reason in needed
            if part not in stages[name][1]
        )
    for name, (_, body) in stages.items():
        if re.search(r"^ADD |apt-get|curl |wget ", body, re.MULTILINE):
            yield f"{name} takes something from the network that no hash pins"


def the_image_starts_as_it_must(deployment: Deployment) -> Iterator[str]:
    (health,) = instructions(deployment, "HEALTHCHECK")
    if " ".join(health.split()) != HEALTH:
        yield f"the image is probed by {' '.join(health.split())}"
    commands = instructions(deployment, "CMD")
    if commands != ['["gunicorn", "-c", "docker/gunicorn.conf.py", "service.wsgi:app"]']:
        yield f"the image runs {commands}"
    if instructions(deployment, "ENTRYPOINT") or instructions(deployment, "VOLUME"):
        yield "the image has an entry point or a volume of its own"
    variables = dict(re.findall(r"(\w+)=(\S+)", instructions(deployment, "ENV")[0]))
    if variables != ENVIRONMENT:
        yield f"the image's environment is {variables}"
    if instructions(deployment, "WORKDIR") != ["/app"]:
        yield f"the image works in {instructions(deployment, 'WORKDIR')}"
    copied = set(instructions(deployment, "COPY"))
    for needed in (
        "service /app/service",
        "docker/gunicorn.conf.py docker/healthcheck.py /app/docker/",
        "--from=packages /opt/farebox /opt/farebox",
        "docker/farebox /usr/local/bin/farebox",
        "--from=code /app /app",
    ):
        if needed not in copied:
            yield f"the image does not copy {needed}"


def nothing_else_is_sent_to_the_builder(deployment: Deployment) -> Iterator[str]:
    """A checkout holds keys and what was built before."""
    text = (deployment.root / ".dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    if lines != IGNORED:
        yield f".dockerignore is {lines}"


def each_container_of_the_local_stack_is_closed_in(deployment: Deployment) -> Iterator[str]:
    for name, service in _compose(deployment)["services"].items():
        own = service["image"] == "farebox:local"
        tmpfs = "/tmp:size=64m,mode=1777," + ("noexec" if name != "dynamodb" else "exec")
        wanted = {
            "read_only": True,
            "init": True,
            "cap_drop.0": "ALL",
            "cap_drop.1": None,
            "cap_add.0": "DAC_OVERRIDE" if name == "dynamodb" else None,
            "cap_add.1": None,
            "security_opt.0": "no-new-privileges:true",
            "tmpfs.0": f"{tmpfs},nosuid,nodev",
            "logging.driver": "json-file",
            "logging.options.max-size": "10m",
            "logging.options.max-file": "3",
            "privileged": None,
            "network_mode": None,
            "pid": None,
            "user": {"dynamodb": "0:0", "browser": "10001:10001"}.get(name),
            "pull_policy": ("build" if name == "table" else "never") if own else None,
        }
        yield from differing(name, service, wanted)
        if not own and not re.search(r":\d+\.\d+\.\d+}?$", service["image"]):
            yield f"{name} runs {service['image']}, which names no version"


def the_local_stack_is_reached_from_this_machine_alone(deployment: Deployment) -> Iterator[str]:
    for name, service in _compose(deployment)["services"].items():
        ports = [str(port) for port in service.get("ports", [])]
        wanted = PUBLISHED.get(name)
        fits = [re.fullmatch(rf"127\.0\.0\.1:\$\{{\w+:-\d+\}}:{wanted}", port) for port in ports]
        if len(ports) != bool(wanted) or not all(fits):
            yield f"{name} publishes {ports}"
        if "expose" in service or "networks" in service:
            yield f"{name} has a network of its own"


def the_local_stack_keeps_running_and_keeps_its_data(deployment: Deployment) -> Iterator[str]:
    body = _compose(deployment)
    if list(body["volumes"]) != ["data"] or body["name"] != "farebox":
        yield f"the local stack is {body['name']} with {list(body['volumes'])}"
    for name, service in body["services"].items():
        restart = None if name in ENDING or name == "browser" else "unless-stopped"
        wanted = {
            "restart": restart,
            "stop_grace_period": "60s" if name in GRACEFUL else None,
            "volumes.0": "data:/data" if name == "dynamodb" else None,
            "volumes.1": None,
            "profiles.0": "browser" if name == "browser" else None,
        }
        yield from differing(name, service, wanted)
        health = service.get("healthcheck", {})
        if "test" in health:
            times = {"interval": "2s", "timeout": "5s", "start_period": "30s", "retries": 5}
            yield from differing(name, health, times)
    if "-sharedDb" not in body["services"]["dynamodb"]["command"]:
        yield "tools and services would have tables of their own"


def no_key_of_the_local_stack_is_one_of_production(deployment: Deployment) -> Iterator[str]:
    """Every key says what it is worth, or is the name of something made up."""
    settings = _compose(deployment)["x-settings"]
    for name, value in settings.items():
        secret = re.search(r"(KEY|SECRET|PEPPER|PASSWORD)S?$", name)
        default = str(value).partition(":-")[2].removesuffix("}")
        if secret and default and not re.search(r"local|sk_test_|\{OPERATOR|bG9jYWw", default):
            yield f"{name} has the default {default}"
    for name, value in {"HOST": "0.0.0.0", "PORT": "8080", "STAGE": "${STAGE:-dev}"}.items():
        if settings.get(name) != value:
            yield f"the local stack sets {name} to {settings.get(name)}"


def _stages(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Each stage of the build: what it starts from, and its instructions."""
    text = re.sub(r"^#.*\n", "", deployment.dockerfile, flags=re.MULTILINE)
    parts = re.split(r"^FROM (\S+) AS (\S+)$", text, flags=re.MULTILINE)[1:]
    return {parts[i + 1]: (parts[i], parts[i + 2]) for i in range(0, len(parts), 3)}


def _compose(deployment: Deployment) -> dict[str, Any]:
    text = (deployment.root / "docker-compose.yml").read_text(encoding="utf-8")
    made: dict[str, Any] = plain_yaml(text)
    return made
