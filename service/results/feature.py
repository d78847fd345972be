"""Results, as a feature: storage for kinds of work that deliver more than a job's item takes."""

from service.core.sweep import Background
from service.feature import Core, Declaration, Feature, Parts
from service.results import keys
from service.results.checks import result_checks
from service.results.operations import Results
from service.results.personal_data import ResultData
from service.results.sweeps import UnfinishedResults


def build(core: Core, parts: Parts) -> Feature:
    del parts
    results = Results(core.table, core.data_keys, core.clock, core.ids, core.keyring.mac_key)
    personal = ResultData(results)

    def sweeps(background: Background) -> tuple[UnfinishedResults]:
        return (UnfinishedResults(results, background.stopping),)

    return Feature(
        operations={Results: results},
        sweeps=sweeps,
        checks=result_checks(core.keyring.mac_key),
        erasure=personal.steps,
        exports=personal.exports,
    )


RESULTS = Declaration(name="results", build=build, items=keys.ITEMS, due=keys.DUE)
