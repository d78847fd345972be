"""A template's task, in the words of `docker run`."""

from tests.container.task import described


def test_a_container_runs_as_its_task_is_described() -> None:
    web, worker = described("WebTask"), described("WorkerTask")
    assert web.command[0] == "gunicorn"
    assert worker.command == ("python", "-m", "service.worker")
    assert (web.stop_seconds, worker.stop_seconds) == (60, 120)
    assert {"--read-only", "--init", "--cap-drop", "--user", "--tmpfs", "--memory"} <= set(
        web.options
    )
    assert "/tmp:size=64m,mode=1777,noexec,nosuid,nodev" in web.options
    assert web.options[web.options.index("--stop-timeout") + 1] == "60"
