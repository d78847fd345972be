import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from devstack.simulators.__main__ import main
from devstack.simulators.configuration import SimulatorSettings
from devstack.simulators.server import SimulatorServer
from tests.devstack.simulators.stack import Stack
from tests.doubles.eventually import eventually


def test_a_hundred_parallel_clients_are_all_served(stack: Stack) -> None:
    with ThreadPoolExecutor(100) as clients:
        codes = list(clients.map(lambda _: stack.create().json()["code"], range(200)))
    assert codes == [0] * 200
    assert len(stack.tasks()) == 200


def test_a_stopped_server_refuses_connections_and_frees_its_port() -> None:
    with SimulatorServer(SimulatorSettings(port=0)) as server:
        port = server.settings.port
        idle = socket.create_connection(("127.0.0.1", port), timeout=30)
        assert requests.get(f"{server.url}/health", timeout=30).status_code == 200
    with idle:
        assert idle.recv(1) == b""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/health", timeout=30)
    with SimulatorServer(SimulatorSettings(port=port)) as again:
        assert requests.get(f"{again.url}/health", timeout=30).status_code == 200


def test_by_the_real_clock_a_video_takes_its_seconds() -> None:
    with SimulatorServer(SimulatorSettings(port=0, video_seconds=0.1)) as server:
        base, headers = (
            f"{server.url}/kling/v1/videos/image2video",
            {"Authorization": "Bearer kling-local-api-key"},
        )
        body = {"image": "https://pictures.example/cat.png"}
        task_id = requests.post(base, json=body, headers=headers, timeout=30).json()["data"][
            "task_id"
        ]

        def queried() -> dict[str, Any]:
            data: dict[str, Any] = requests.get(
                f"{base}/{task_id}", headers=headers, timeout=30
            ).json()["data"]
            return data

        eventually(lambda: queried()["task_status"] == "succeed")
        data = queried()
        assert data["updated_at"] - data["created_at"] >= 100
        assert requests.get(data["task_result"]["videos"][0]["url"], timeout=30).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_serves_and_stops_soon_after_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "devstack.simulators", "--port", "0", "--video-seconds", "0.5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            url = process.stdout.readline().split()[-1]
            for _ in range(3):
                assert requests.get(f"{url}/health", timeout=30).json() == {"status": "healthy"}
            process.send_signal(number)
            assert process.wait(timeout=30) == 0
            assert process.stderr.read() == "", "the log is quiet"
        finally:
            process.kill()


def test_a_taken_port_is_said_in_one_sentence(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert main(["--port", str(stack.server.settings.port)]) == 1
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert "cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        ["--kling-callback-secret", "whsec_!"],
        ["--port", "70000"],
        ["--public-url", "ftp://x"],
        ["--video-seconds", "-1"],
        ["--kling-concurrency", "many"],
    ],
    ids=lambda option: option[0],
)
def test_an_option_that_cannot_be_used_is_refused_with_a_sentence(
    capsys: pytest.CaptureFixture[str], option: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(option)
    assert stopped.value.code == 2
    assert option[0].strip("-").replace("-", "_") in capsys.readouterr().err.replace("-", "_")
