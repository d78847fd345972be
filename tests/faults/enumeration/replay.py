"""Recording a flow once, and playing it again with faults: every effect with every fault of its
kind, and pairs of them."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.faults.enumeration.flows import Flow
from tests.faults.enumeration.invariants import Verdict
from tests.faults.enumeration.run import Effect
from tests.faults.enumeration.stage import Beginning, Scenario, Stage
from tests.faults.enumeration.vendor import VIDEO_SECONDS
from tests.faults.library.effects import FAULTS, Fault, Kind, Meanwhile
from tests.simulation.checks import Violation, require
from tests.simulation.journal import Journal
from tests.simulation.logs import INJECTED, counted_logs


@dataclass(frozen=True)
class Hit:
    """One fault at one effect."""

    effect: Effect
    fault: Fault

    def __str__(self) -> str:
        return f"{self.effect.number}:{self.fault.name}"


@dataclass(frozen=True)
class Replay:
    """A flow played with those faults: the effects it then had, and the promise that broke (empty:
    none)."""

    flow: str
    hits: tuple[Hit, ...]
    effects: tuple[Effect, ...]
    violation: str = ""

    def __str__(self) -> str:
        """What happened, and how to have it happen again."""
        faults = "\n".join(f"    {hit.effect} met {hit.fault.name}" for hit in self.hits)
        only = ",".join(map(str, self.hits))
        again = f"python -m tests.faults.enumeration {self.flow}" + (
            f" --only {only}" if only else ""
        )
        return f"flow {self.flow}:\n{faults}\n    {self.violation}\n    again: {again}"


class Enumeration:
    """Plays flows on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def record(self, flow: Flow) -> Replay:
        """The flow without any fault. Raises `Violation` when even that breaks a promise."""
        recorded = self.play(flow, ())
        require(not recorded.violation, f"{flow.name} undisturbed: {recorded.violation}")
        return recorded

    def singles(self, flow: Flow, *, thorough: bool = True) -> Iterator[tuple[Hit, ...]]:
        """Each effect of the recording with each fault of its kind; of the same read again and
        again only the first, unless thorough."""
        effects = self.record(flow).effects
        for hit in rows(flow, effects if thorough else unrepeated(effects)):
            yield (hit,)

    def pairs(self, flow: Flow) -> Iterator[tuple[Hit, ...]]:
        """Each of those, followed by each fault at each later effect of the run as it then goes."""
        for (first,) in self.singles(flow):
            later = self.play(flow, (first,)).effects[first.effect.number + 1 :]
            for second in rows(flow, later):
                yield first, second

    def some_pairs(self, flow: Flow, number: int, rng: random.Random) -> list[tuple[Hit, ...]]:
        """As many pairs, drawn: first the one, then one of those that can follow it."""
        firsts = list(self.singles(flow))
        return [
            pair for _ in range(number) if (pair := self._drawn_pair(flow, rng.choice(firsts), rng))
        ]

    def _drawn_pair(
        self, flow: Flow, first: tuple[Hit, ...], rng: random.Random
    ) -> tuple[Hit, ...]:
        seconds = list(rows(flow, self.play(flow, first).effects[first[0].effect.number + 1 :]))
        return (*first, rng.choice(seconds)) if seconds else ()

    def play(self, flow: Flow, hits: tuple[Hit, ...]) -> Replay:
        """One run from the flow's beginning to its judgement."""
        return self._play(flow, hits, {hit.effect.number: hit.fault for hit in hits})

    def play_named(self, flow: Flow, only: Mapping[int, str]) -> Replay:
        """Faults by effect number and name; what kind of effect the number is shows only in the run
        before it."""
        hits: tuple[Hit, ...] = ()
        for number, name in sorted(only.items()):
            effect = self.play(flow, hits).effects[number]
            hits += (
                Hit(effect, next(fault for fault in FAULTS[effect.kind] if fault.name == name)),
            )
        return self.play(flow, hits)

    def _play(self, flow: Flow, hits: tuple[Hit, ...], plan: dict[int, Fault]) -> Replay:
        beginning = self._beginning(flow)
        self._stage.table.put_back(beginning.items)
        scenario = Scenario(self._stage, beginning, flow.habits, plan)
        journal, violation = Journal(), ""
        with counted_logs(journal) as broken:
            self._stage.door.run = scenario.run
            try:
                flow.play(scenario)
                scenario.settle()
                # Whatever the provider has begun comes to its end, whether anybody looks or not.
                scenario.wait(VIDEO_SECONDS + 1)
                Verdict(flow, scenario, beginning.items, scenario.read_items()).check_invariants()
                require(not broken, f"the service logged {broken}")
                require(not journal.counts[f"log: {INJECTED}"], "a create broke")
                require(
                    scenario.run.met == set(plan), f"only {scenario.run.met} of the faults were met"
                )
            except Exception as error:
                violation = (
                    str(error) if isinstance(error, Violation) else f"the run broke: {error!r}"
                )
            finally:
                self._stage.door.run = None
        return Replay(flow.name, hits, tuple(scenario.run.effects), violation)

    def _beginning(self, flow: Flow) -> Beginning:
        """Made once by the real operations."""
        known = self._stage.beginnings.get(flow.name)
        if known is None:
            self._stage.table.put_back([])
            scenario = Scenario(self._stage, None, flow.habits, {})
            with counted_logs(Journal()):
                flow.begin(scenario)
            known = Beginning(self._stage.table.items(), scenario.clock.now())
            self._stage.beginnings[flow.name] = known
        return known


def rows(flow: Flow, effects: tuple[Effect, ...]) -> Iterator[Hit]:
    """Every fault that each of these effects can meet."""
    for effect in effects:
        for fault in FAULTS[effect.kind]:
            if possible(flow, effect, fault):
                yield Hit(effect, fault)


def unrepeated(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Without reads that follow the same read in the same step: nothing has changed in between."""
    before: tuple[Effect | None, ...] = (None, *effects)
    return tuple(
        each for last, each in zip(before, effects, strict=False) if not _same_read(last, each)
    )


def _same_read(last: Effect | None, effect: Effect) -> bool:
    same = last is not None and (last.step, last.what) == (effect.step, effect.what)
    return same and effect.kind is Kind.READ


def possible(flow: Flow, effect: Effect, fault: Fault) -> bool:
    """A twin needs a key; a plain read has nothing to conflict with."""
    if fault.meanwhile is Meanwhile.TWIN:
        return flow.keyed
    if fault.name == "conflicted" and effect.kind is Kind.READ:
        return effect.what.startswith("Transact")
    return True
