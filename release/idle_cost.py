"""Prints what a stage costs while no one uses it, running and paused.

Usage: idle_cost.py STAGE

The figures are in idle_costs.json, which `make documents` computes from the templates, the stage's
parameters and prices.json.
"""

import json
import sys
from pathlib import Path

_FIGURES = Path(__file__).with_name("idle_costs.json")


def sentence(stage: str, figures: dict[str, dict[str, str]]) -> str:
    """One line, in dollars a month."""
    cost = figures[stage]
    return f"Idle:    about {cost['running']} dollars a month, paused {cost['paused']}"


if __name__ == "__main__":
    figures: dict[str, dict[str, str]] = json.loads(_FIGURES.read_text(encoding="utf-8"))
    sys.stdout.write(sentence(sys.argv[1], figures) + "\n")
