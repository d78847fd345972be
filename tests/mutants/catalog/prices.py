"""What an operation costs, which price applies, and who may change it."""

from tests.mutants.mutant import Mutant, mutant

PRICING = "tests/catalog/test_pricing.py"
LIST = "tests/catalog/test_price_list.py"
CURRENT = "tests/catalog/test_current_prices.py"
SCHEDULING = "tests/catalog/test_scheduling.py"
CHECKS = "tests/catalog/test_checks.py"
TOY = "tests/jobs/test_toy_work.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "cost-rounded-down",
        PRICING,
        "core.amounts:amount_covering",
        "-(-micros * SCALE // MICROS)",
        "micros * SCALE // MICROS",
    ),
    mutant(
        "input-not-held-at-its-dearest-rate",
        PRICING,
        "catalog.pricing:Metered.bound",
        "max(input_rates)",
        "min(input_rates)",
    ),
    mutant(
        "minimum-for-incomplete-work",
        PRICING,
        "catalog.pricing:Metered.cost",
        "if is_complete:\n    amount = max(amount, self.minimum)",
        "amount = max(amount, self.minimum)",
    ),
    mutant(
        "missing-usage-is-free",
        PRICING,
        "catalog.pricing:_part",
        "usage.get(counter)",
        "usage.get(counter, 0)",
    ),
    mutant(
        "price-applies-a-millisecond-late",
        LIST,
        "catalog.price_list:PriceList.effective",
        "starts_at(price) <= now",
        "starts_at(price) < now",
    ),
    mutant(
        "price-in-effect-forgotten",
        LIST,
        "catalog.price_list:PriceList._next",
        "starts_at(price) >= latest[price.operation]",
        "starts_at(price) > latest[price.operation]",
    ),
    mutant(
        "old-prices-charged",
        CURRENT,
        "catalog.current_prices:CurrentPrices._usable",
        "reading is None or X",
        "reading is None",
    ),
    mutant(
        "age-of-prices-from-the-end-of-the-reading",
        CURRENT,
        "catalog.current_prices:CurrentPrices._read",
        "_Reading(prices, began_at)",
        "_Reading(prices, self._clock.monotonic())",
    ),
    mutant(
        "older-list-taken",
        CURRENT,
        "catalog.current_prices:CurrentPrices._read",
        "prices.version < known",
        "False",
    ),
    mutant(
        "foreign-list-charged",
        CURRENT,
        "catalog.store:list_from",
        "holds(str(item['mac']), _list_facts(version, packed), mac_key)",
        "True",
    ),
    mutant(
        "price-without-lead",
        SCHEDULING,
        "catalog.scheduling:PriceSchedule._check_time",
        "start < now + self._lead",
        "start < now",
    ),
    mutant(
        "price-in-effect-cancelled",
        SCHEDULING,
        "catalog.scheduling:PriceSchedule.cancel_writes",
        "given.effective_at < known.now + self._lead",
        "False",
    ),
    mutant(
        "price-replaced-in-place",
        SCHEDULING,
        "catalog.scheduling:PriceSchedule.schedule_writes",
        "known.record is not None",
        "False",
    ),
    mutant(
        "price-of-what-is-not-counted",
        SCHEDULING,
        "catalog.scheduling:PriceSchedule.check",
        "uncounted(price.terms, known.counters)",
        "()",
    ),
    mutant(
        "edited-record-believed",
        CHECKS,
        "catalog.store:record_from",
        "written != X",
        "False",
    ),
    mutant(
        "charged-by-the-present-price",
        TOY,
        "jobs.work:price_of",
        "terms_from(job.price_terms) if job.price_terms else Flat(job.held)",
        "Flat(job.held)",
    ),
)
