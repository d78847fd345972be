"""The Dockerfile, as far as the task definitions rely on it."""

import re
from collections.abc import Iterator

from tests.infrastructure.deployments import Deployment

BUILT = "production"


def instructions(deployment: Deployment, word: str) -> list[str]:
    """The arguments of every such instruction, in order, over all stages of the build."""
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", deployment.dockerfile, flags=re.MULTILINE))
    return [found.strip() for found in re.findall(rf"^{word}\s+(.+)$", text, re.MULTILINE)]


def what_is_built_by_default_is_what_is_deployed(deployment: Deployment) -> Iterator[str]:
    """The last stage of the Dockerfile is the production image, which holds nothing of
    `devstack`."""
    last = instructions(deployment, "FROM")[-1]
    if not last.endswith(f" AS {BUILT}"):
        yield f"the last stage is {last}: it must be {BUILT}, which a plain build makes"
    for path in copied_into(deployment, BUILT):
        if path.startswith("devstack"):
            yield f"{path} is in the production image: copy it in local-code only"


def copied_into(deployment: Deployment, stage: str) -> Iterator[str]:
    """The sources that a build stage holds: its own, and those of the stages it starts from or
    copies from."""
    text = re.sub(r"\\\n", " ", deployment.dockerfile)
    parts = re.split(r"^FROM (\S+)(?: AS (\S+))?$", text, flags=re.MULTILINE)[1:]
    stages = {parts[i + 1]: (parts[i], parts[i + 2]) for i in range(0, len(parts), 3)}
    if stage not in stages:
        return
    base, body = stages[stage]
    yield from copied_into(deployment, base)
    for options, arguments in re.findall(r"^COPY((?: --\S+)*)\s+(.+)$", body, re.MULTILINE):
        source = re.search(r"--from=(\S+)", options)
        if source:
            yield from copied_into(deployment, source[1])
        else:
            yield from arguments.split()[:-1]


def the_image_runs_as_the_user_of_the_tasks(deployment: Deployment) -> Iterator[str]:
    users = {str(container.definition.get("User")) for container in deployment.containers}
    if users != set(instructions(deployment, "USER")) or len(users) != 1:
        yield (
            f"the image runs as {instructions(deployment, 'USER')}, the tasks as {sorted(users)}: "
            "use one user in both"
        )


def the_image_exposes_the_port_of_the_task(deployment: Deployment) -> Iterator[str]:
    if [int(port) for port in instructions(deployment, "EXPOSE")] != deployment.web.ports:
        yield (
            f"the image exposes {instructions(deployment, 'EXPOSE')}, the task "
            f"{deployment.web.ports}: use one port in both"
        )


def the_image_stops_by_the_signal_that_drains(deployment: Deployment) -> Iterator[str]:
    if instructions(deployment, "STOPSIGNAL") not in ([], ["SIGTERM"]):
        yield f"the image stops by {instructions(deployment, 'STOPSIGNAL')}: only SIGTERM drains"


def every_command_finds_its_files(deployment: Deployment) -> Iterator[str]:
    """Relative paths start in the working folder, and every file of ours that a command names is
    copied there."""
    (folder,) = set(instructions(deployment, "WORKDIR"))
    copied = " ".join(instructions(deployment, "COPY"))
    for container in deployment.containers:
        words = [str(word) for word in container.definition["Command"]]
        if "-c" in words and words[0] == "gunicorn":
            path = words[words.index("-c") + 1]
            if path not in copied or not (deployment.root / path).exists() or folder != "/app":
                yield f"{container.name} runs {path}, which the image does not hold in /app"
        if words[0] == "farebox" and "docker/farebox /usr/local/bin/farebox" not in copied:
            yield f"{container.name} runs farebox, which the image does not hold"
        for module in (word for word in words if word.startswith("service.")):
            file = module.partition(":")[0].replace(".", "/") + ".py"
            if not (deployment.root / file).exists():
                yield f"{container.name} runs {module}, which does not exist"


def the_base_image_names_its_version(deployment: Deployment) -> Iterator[str]:
    bases = [
        arguments
        for arguments in instructions(deployment, "ARG")
        if arguments.startswith("BASE_IMAGE=")
    ]
    if len(bases) != 1 or not re.search(r":\d+\.\d+\S*$", bases[0]):
        yield f"the base image is {bases}: name one version, such as python:3.13-slim"
    stages = {arguments.rpartition(" AS ")[2] for arguments in instructions(deployment, "FROM")}
    for arguments in instructions(deployment, "FROM"):
        if arguments.partition(" AS ")[0] not in {"${BASE_IMAGE}", *stages}:
            yield f"a stage starts from {arguments}: use BASE_IMAGE or another stage"


def nothing_is_installed_that_is_not_pinned(deployment: Deployment) -> Iterator[str]:
    steps = [step for run in instructions(deployment, "RUN") for step in run.split("&&")]
    for step in steps:
        if "pip" in step and re.search(r"\binstall\b", step) and "--require-hashes" not in step:
            yield f"packages are installed without --require-hashes: {step.strip()[:80]}"
    for add in instructions(deployment, "ADD"):
        yield f"ADD {add} may download anything: use COPY"


def no_secret_is_built_in(deployment: Deployment) -> Iterator[str]:
    words = ("API_KEY", "SECRET", "PASSWORD", "PEPPER", "TOKEN", "MAC_KEY", "AWS_ACCESS")
    for arguments in instructions(deployment, "ENV") + instructions(deployment, "ARG"):
        yield from (
            f"{word} in {arguments[:60]}: the image must not hold a secret"
            for word in words
            if word in arguments.upper()
        )
