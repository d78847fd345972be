"""`release/pause`, `release/resume` and `release/restart`: every service of the deployment."""

from tests.release.machine import Machine


def test_a_pause_suspends_scaling_before_it_stops_the_tasks(deployed: Machine) -> None:
    deployed.set(min_tasks={"web": 3, "worker": 2})
    done = deployed.run("pause")
    assert done.returncode == 0, done.stderr
    assert deployed.account["ecs_calls"] == [
        *(["web", True], ["web", "0"]),
        *(["worker", True], ["worker", "0"]),
    ]
    assert deployed.account["tasks"] == {"web": 0, "worker": 0}


def test_a_pause_needs_a_confirmation(deployed: Machine) -> None:
    done = deployed.run("pause", yes="")
    assert (done.returncode, deployed.account["ecs_calls"]) == (1, [])


def test_a_resumed_deployment_has_its_minimum_of_tasks_before_it_scales(deployed: Machine) -> None:
    deployed.set(min_tasks={"web": 3, "worker": 2})
    done = deployed.run("resume")
    assert done.returncode == 0, done.stderr
    assert deployed.account["ecs_calls"] == [
        *(["web", "3"], ["web", False]),
        *(["worker", "2"], ["worker", False]),
    ]


def test_a_stage_that_does_not_scale_is_paused_and_resumed_too(deployed: Machine) -> None:
    assert deployed.run("pause").returncode == 0
    assert deployed.account["tasks"] == {"web": 0, "worker": 0}
    assert deployed.run("resume").returncode == 0
    assert deployed.account["tasks"] == {"web": 1, "worker": 1}
    assert [call for call in deployed.account["ecs_calls"] if isinstance(call[1], bool)] == []


def test_a_restart_replaces_the_tasks_of_every_service(deployed: Machine) -> None:
    assert deployed.run("restart").returncode == 0
    assert deployed.account["ecs_calls"] == [["web", "anew"], ["worker", "anew"]]


def test_what_does_not_exist_is_neither_paused_nor_resumed(machine: Machine) -> None:
    for script in ("pause", "resume", "restart"):
        done = machine.run(script)
        assert (done.returncode, machine.account["ecs_calls"]) == (1, [])
        assert "does not exist" in done.stderr
