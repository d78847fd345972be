"""`release/status`: what runs, and what it costs while no one uses it."""

import json

from tests.release.machine import ROOT, Machine


def test_the_status_says_what_the_stage_costs_idle(deployed: Machine) -> None:
    figures = json.loads((ROOT / "release" / "idle_costs.json").read_text())["dev"]
    done = deployed.run("status")
    assert done.returncode == 0, done.stderr
    wanted = f"about {figures['running']} dollars a month, paused {figures['paused']}"
    assert wanted in done.stdout
