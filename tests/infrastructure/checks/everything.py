"""All checks by name."""

from collections.abc import Callable, Iterator
from types import ModuleType

from tests.infrastructure.checks import (
    account_parts,
    alarms,
    balancer,
    bounds,
    build_files,
    choices,
    containers,
    dashboard,
    deploy_denials,
    deploy_rights,
    deployers,
    doors,
    elsewhere,
    environment,
    firewall,
    forwarder,
    identity,
    identity_values,
    image,
    kept,
    labels,
    limits,
    local_stack,
    network,
    order,
    own_calls,
    packet_walk,
    paging,
    pipeline,
    publishers,
    receivers,
    relay,
    release_calls,
    requests,
    roles,
    running,
    scaling,
    server,
    services,
    stack_rights,
    stacks,
    storage,
    stored,
    trust,
    watching,
    workflows,
)
from tests.infrastructure.deployments import Deployment

Check = Callable[[Deployment], Iterator[str]]
_THEMES = (
    stacks,
    storage,
    network,
    balancer,
    firewall,
    limits,
    roles,
    containers,
    image,
    environment,
    services,
    watching,
    dashboard,
    paging,
    packet_walk,
    trust,
    own_calls,
    publishers,
    receivers,
    relay,
    alarms,
    scaling,
    kept,
    order,
    elsewhere,
    choices,
    stored,
    running,
    requests,
    server,
    labels,
    doors,
    release_calls,
    pipeline,
    build_files,
    local_stack,
    workflows,
    identity,
    forwarder,
    identity_values,
    deployers,
    stack_rights,
    deploy_rights,
    deploy_denials,
    bounds,
    account_parts,
)


# Of what dev does without (`stacks.only_dev_is_without_firewall_alarms_and_scaling`).
_OF_GUARDED_STAGES = (alarms, scaling)
_EVERYWHERE = {scaling.tasks_on_demand_come_first_and_spot_after}


def checks() -> dict[str, Check]:
    """Every check, by `theme.name`. A check yields one sentence for each fault of a deployment."""
    return {
        f"{_theme(module)}.{name}": _where_guarded(check)
        if module in _OF_GUARDED_STAGES and check not in _EVERYWHERE
        else check
        for module in _THEMES
        for name, check in _of(module).items()
    }


def _where_guarded(check: Check) -> Check:
    def guarded(deployment: Deployment) -> Iterator[str]:
        if deployment.guarded:
            yield from check(deployment)

    return guarded


def _of(module: ModuleType) -> dict[str, Check]:
    return {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
        and getattr(value, "__annotations__", {}).get("deployment") is Deployment
        and value.__annotations__.get("return") == Iterator[str]
        and not name.startswith("_")
        and value.__code__.co_argcount == 1
    }


def _theme(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]
