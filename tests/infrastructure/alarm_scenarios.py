"""For each alarm: what must set it off, after how long, and what must not.

Written from what the alarms are for (docs/runbook.md), in counts and levels of each minute. Keys
are metrics with the labels that distinguish them: `Refusals web INTERNAL_ERROR`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.infrastructure.sounding import Samples, Series

Data = Mapping[str, Series]
_ERRORS, _REQUESTS = "HTTPCode_Target_5XX_Count", "RequestCount"
_ELB, _DUE = "HTTPCode_ELB_5XX_Count", "OldestDueJobSeconds worker"


@dataclass(frozen=True)
class Scenario:
    """The alarm goes off on each of `sounding`, exactly `after` minutes from its beginning, and on
    none of `quiet`. It `stays` on when no more data arrives, or goes off."""

    sounding: tuple[Data, ...]
    after: int
    quiet: tuple[Data, ...]
    stays: bool = False


def total(keys: str, threshold: int, period: int, needed: int = 1, of: int = 1) -> Scenario:
    """Events, counted over all keys: at least `threshold` in each of `needed` periods of `of`."""
    names = keys.split(", ")
    enough = dict.fromkeys(range(needed), threshold)
    quiet = [dict.fromkeys(range(2 * of), threshold - 1)]
    if needed > 1:
        quiet.append({**dict.fromkeys(range(needed - 1), threshold), of + needed: threshold})
    between = _between(names[0], threshold, period) if period > 1 and threshold > 1 else {}
    sounding = [_spread(names, enough, period)]
    sounding += [_spread([name], enough, period) for name in names]
    return Scenario(
        tuple(sounding),
        needed * period,
        (*(_spread(names, one, period) for one in quiet), between),
    )


def level(
    key: str, value: float, below: float, period: int, needed: int = 1, *, stays: bool = False
) -> Scenario:
    """A level that is reported every minute: at least once `value` in each of `needed` periods."""
    high: Samples = ((value, 1), (0, 3))
    enough = {key: {place * period: high for place in range(needed)}}
    short = {key: {place * period: high for place in range(needed - 1)}}
    low = {key: dict.fromkeys(range((needed + 1) * period), ((below, 3),))}
    return Scenario((enough,), needed * period, (low, short), stays)


def _between(name: str, threshold: int, period: int) -> Data:
    """Enough events, of which the last falls into the next period."""
    return {name: {period - 1: ((1, threshold - 1),), period: ((1, 1),)}}


def _spread(names: Sequence[str], counts: Mapping[int, int], period: int) -> Data:
    """The counts of each period, spread over its minutes and over the names."""
    made: dict[str, dict[int, list[tuple[float, int]]]] = {name: {} for name in names}
    for place, count in counts.items():
        parts = len(names) * period
        for part in range(parts):
            share = count // parts + (part < count % parts)
            if share:
                minute = place * period + part % period
                made[names[part // period]].setdefault(minute, []).append((1, share))
    return made


def _both(requests: int, errors: int, minutes: Sequence[int], key: str = _ERRORS) -> Data:
    return {
        _REQUESTS: {minute: ((1, requests),) for minute in minutes if requests},
        key: dict.fromkeys(minutes, ((1, errors),)),
    }


def _each(key: str, samples: Samples, minutes: int, start: int = 0) -> Data:
    return {key: dict.fromkeys(range(start, start + minutes), samples)}


_LATE, _PAID = "TargetResponseTime", "RequestLatency web POST /videos"
_HOSTS, _CPU = "HealthyHostCount", "CPUUtilization"
_LOST, _REFUSED = "StripeWebhooksNotStored web", "StripeWebhooksRefused web"
_DAYS = "DaysToExpiry"
_NEGLIGIBLE: Samples = ((0.2, 995), (27, 5))
_PAYMENTS = "PaymentAlarms web, PaymentAlarms worker, OrderMismatches web, OrderMismatches worker"
_THROTTLES = ", ".join(
    f"{way}ThrottleEvents{index}" for way in ("Read", "Write") for index in ("", " GSI1", " GSI2")
)


def _days(*left: float) -> Data:
    """Days that a certificate has left, as they are reported every twelve hours."""
    return {_DAYS: {place * 720: ((days, 1),) for place, days in enumerate(left)}}


def _pair(name: str) -> str:
    return f"{name} web, {name} worker"


def _three(name: str) -> str:
    return f"{_pair(name)}, {name} relay"


_VENDOR_FAULTS = (
    "LiveEndings relay vendor_fault, Refusals relay PROVIDER_UNAVAILABLE, "
    "Refusals relay PROVIDER_BUSY"
)
_NO_TABLE = ", ".join(
    f"Refusals {process} STORAGE_UNAVAILABLE" for process in ("web", "worker", "relay")
)
_BROKEN_SESSIONS = (
    "LiveEndings relay not_extended, LiveNotSettled relay, Refusals relay INTERNAL_ERROR"
)


SCENARIOS: Mapping[str, Scenario] = {
    "WorkerBehindAlarm": level(_DUE, 30, 29, 1, 2),
    "WorkerIdleAlarm": Scenario(
        (_each(_DUE, ((9, 2),), 15),),
        15,
        (_each(_DUE, ((10, 1), (0, 3)), 30), _each(_DUE, ((9, 1),), 14), {}),
    ),
    "TargetErrorsAlarm": Scenario(
        (_both(100, 6, (0, 1)), _both(20, 2, (0, 1)), _both(100, 30, (0, 1))),
        2,
        (_both(100, 5, range(9)), _both(19, 19, range(9)), _both(100, 90, (0, 3, 6))),
    ),
    "FewTargetErrorsAlarm": Scenario(
        (_both(1, 1, (0, 3, 6, 9, 14)), _both(5, 2, (4,)), _both(100, 21, (7,))),
        15,
        (_both(10, 2, (4,)), _both(4, 4, (14,)), _both(1, 1, (10, 12, 14, 16, 18))),
    ),
    "InternalErrorsAlarm": total("Refusals web INTERNAL_ERROR", 3, 1, 2, 3),
    "FewInternalErrorsAlarm": total("Refusals web INTERNAL_ERROR", 3, 15),
    "BalancerErrorsAlarm": total(_ELB, 10, 1, 2, 3),
    "FewBalancerErrorsAlarm": Scenario(
        (_both(0, 1, (0, 7, 14), _ELB), _both(9, 3, (4,), _ELB)),
        15,
        (_both(12, 3, (4,), _ELB), _both(0, 1, (0, 7), _ELB), _both(0, 1, (13, 14, 16), _ELB)),
    ),
    "TargetLatencyAlarm": Scenario(
        (_each(_LATE, ((0.2, 98), (27, 2)), 4),),
        4,
        (
            _each(_LATE, _NEGLIGIBLE, 20),
            _each(_LATE, ((26, 100),), 20),
            _each(_LATE, ((27, 9),), 3),
            _each(_LATE, ((27, 9),), 3) | {"": {}},
            {_LATE: dict.fromkeys((0, 1, 2, 5, 6), ((27, 9),))},
        ),
    ),
    "PaidRequestLatencyAlarm": Scenario(
        (_each(_PAID, ((500, 93), (6001, 7)), 15),),
        15,
        (
            _each(_PAID, ((500, 96), (60000, 4)), 60),
            _each(_PAID, ((6000, 9),), 60),
            _each(_PAID, ((6001, 9),), 10),
            {_PAID: dict.fromkeys((0, 5, 15, 20), ((6001, 9),))},
        ),
    ),
    "NoHealthyTargetsAlarm": Scenario(
        ({}, _each(_HOSTS, ((0, 2),), 3)),
        3,
        (_each(_HOSTS, ((0, 1), (1, 1)), 60), _each(_HOSTS, ((2, 3),), 60, start=2)),
        stays=True,
    ),
    "RelayNoHealthyTargetsAlarm": Scenario(
        ({}, _each(_HOSTS, ((0, 2),), 3)),
        3,
        (_each(_HOSTS, ((0, 1), (1, 1)), 60), _each(_HOSTS, ((2, 3),), 60, start=2)),
        stays=True,
    ),
    "CertificateEndsAlarm": Scenario(
        (_days(20, 20, 19, 19), _days(21, 20)),
        1440,
        # Renewed in time, and one that is not reported until its third day.
        (_days(23, 22, 22, 21, 21, 197), {_DAYS: {2900: ((21, 1),)}}),
        stays=True,
    ),
    "RelayErrorsAlarm": total(_ERRORS, 5, 5),
    "OldestDueJobAlarm": level(_DUE, 301, 300, 1, 5),
    "ErasureOverdueAlarm": level("ErasureAgeSeconds worker", 48 * 3600 + 1, 48 * 3600, 60),
    "WorkerSilentAlarm": Scenario(
        ({},),
        5,
        (_each(_DUE, ((0, 1),), 60), _each(_DUE, ((0, 1),), 60, start=4)),
        stays=True,
    ),
    "JobsNeedAttentionAlarm": total(_three("JobAlarms"), 5, 15),
    "UsageFaultsAlarm": total(_three("UsageFaults"), 3, 60),
    "GrantsNeedAttentionAlarm": total(_pair("GrantAlarms"), 1, 5),
    "WebhooksNeedAttentionAlarm": total("DeadLetters worker, WebhooksDisabled worker", 1, 5),
    "PaymentsNeedAttentionAlarm": total(_PAYMENTS, 1, 5),
    "MoneyBackDebtAlarm": total(_pair("MoneyBackDebtCredits"), 1000, 60),
    "StripeEventsStuckAlarm": level("StripeDeadEvents worker", 1, 0, 5),
    "StripeEventsLateAlarm": level("StripeEventAgeSeconds worker", 15 * 60, 15 * 60 - 1, 5),
    "StripeEventsMissedAlarm": total("StripeEventsMissed worker", 1, 5),
    "StripeSearchStoppedAlarm": level("StripeSearchAgeSeconds worker", 86400, 86399, 5),
    "StripeWebhooksFailAlarm": Scenario(
        (_each(_LOST, ((1, 1),), 1), {_REFUSED: {0: ((1, 5),), 14: ((1, 5),)}}),
        15,
        (_each(_REFUSED, ((1, 9),), 1), {_REFUSED: {14: ((1, 5),), 15: ((1, 5),)}}),
    ),
    "MailBouncesAlarm": level("Reputation.BounceRate", 0.04, 0.039, 60),
    "MailComplaintsAlarm": level("Reputation.ComplaintRate", 0.001, 0.0009, 60),
    "ManyAdjustmentsAlarm": total("Events worker credits.adjusted", 50, 60),
    "HouseLossAlarm": total(_three("HouseLossCredits"), 11, 60),
    "PasskeyCopiedAlarm": total("PasskeyCopies web", 1, 5),
    "LedgerDamagedAlarm": total(_three("LedgerDamaged"), 1, 1),
    "AuditViolationsAlarm": level("AuditViolations cli", 1, 0, 60, stays=True),
    "AuditMissingAlarm": Scenario(
        ({},),
        36 * 60,
        ({"AuditViolations cli": dict.fromkeys(range(0, 7 * 1440, 1440), ((0, 1),))},),
        stays=True,
    ),
    "TableThrottlesAlarm": total(_THROTTLES, 10, 1, 2, 3),
    "StorageUnavailableAlarm": total(_NO_TABLE, 10, 1, 2, 3),
    "ProviderRefusesUsAlarm": total(_three("ProviderRefusesUs"), 1, 5),
    "ProviderNotReachedAlarm": total("ProviderNotReached web, ProviderNotReached relay", 2, 15),
    "ProviderErrorsAlarm": total(_three("ProviderErrors"), 50, 5, 2, 3),
    "ProviderSilentAlarm": total(_pair("ProviderSilent"), 10, 5, 2, 3),
    "VideoCopiesAlarm": total("VideoCopyFailures worker", 5, 5, 2, 3),
    "TextSaturatedAlarm": total("Refusals web TEXT_SATURATED", 10, 5, 2, 3),
    "LiveSaturatedAlarm": total("Refusals relay LIVE_SATURATED", 10, 5, 2, 3),
    "LiveVendorFaultsAlarm": total(_VENDOR_FAULTS, 5, 5, 2, 3),
    "LiveSessionsBrokenAlarm": total(_BROKEN_SESSIONS, 3, 15),
    "ForeignTaskAlarm": total(_pair("ProviderForeignTasks"), 1, 5),
    "CreditStormAlarm": total("Refusals web INSUFFICIENT_CREDITS", 500, 5),
    "UserCapNearAlarm": level("UserCapUsedPercent web", 90, 89, 5, stays=True),
    "UserCapReachedAlarm": total("UserCapRefusals web", 1, 5),
    "HouseBudgetNearAlarm": level("HouseBudgetUsedPercent web", 80, 79, 5, stays=True),
    "HouseBudgetUsedUpAlarm": total("HouseLimitRefusals web, HouseLimitRefusals relay", 1, 5),
    "BlockedRequestsAlarm": total("BlockedRequests", 5000, 5, 2, 2),
    "WebBusyAlarm": Scenario(
        (_each(_CPU, ((86, 1), (86, 1)), 10),),
        10,
        (_each(_CPU, ((100, 1), (70, 1)), 60), _each(_CPU, ((99, 2),), 9)),
    ),
}

_DAY = 1440
# An ordinary day. A level is reported every minute, and a count where something was counted.
QUIET_DAY: Data = {
    _REQUESTS: dict.fromkeys(range(_DAY), ((1, 300),)),
    _ERRORS: dict.fromkeys(range(0, _DAY, 40), ((1, 1),)),
    _ELB: dict.fromkeys(range(0, _DAY, 120), ((1, 1),)),
    _LATE: dict.fromkeys(range(_DAY), ((0.1, 290), (25.2, 10))),
    _PAID: dict.fromkeys(range(0, _DAY, 2), ((700, 19), (3500, 1))),
    _HOSTS: dict.fromkeys(range(_DAY), ((3, 2),)),
    **_days(150, 149),
    _DUE: dict.fromkeys(range(_DAY), ((12, 2),)),
    _CPU: dict.fromkeys(range(_DAY), ((45, 3),)),
    "Refusals web INTERNAL_ERROR": {300: ((1, 1),)},
    "Refusals web INSUFFICIENT_CREDITS": dict.fromkeys(range(_DAY), ((1, 3),)),
    "JobAlarms worker": {100: ((1, 1),)},
    "ProviderErrors worker": dict.fromkeys(range(0, _DAY, 3), ((1, 1),)),
    "ProviderSilent web": dict.fromkeys(range(0, _DAY, 90), ((1, 1),)),
    "ProviderNotReached web": {77: ((1, 1),)},
    "UsageFaults worker": {90: ((1, 1),)},
    "LiveEndings relay vendor_fault": dict.fromkeys(range(0, _DAY, 90), ((1, 1),)),
    "Refusals relay PROVIDER_BUSY": dict.fromkeys(range(0, _DAY, 60), ((1, 1),)),
    "LiveEndings relay not_extended": {88: ((1, 1),)},
    "HouseLossCredits worker": {200: ((4, 1),)},
    "AuditViolations cli": {20: ((0, 1),)},
    "UserCapUsedPercent web": {30: ((60, 1),)},
    "HouseBudgetUsedPercent web": dict.fromkeys(range(0, _DAY, 10), ((20, 2),)),
    "BlockedRequests": dict.fromkeys(range(_DAY), ((1, 50),)),
    "Reputation.BounceRate": dict.fromkeys(range(0, _DAY, 60), ((0.01, 1),)),
    "Events worker credits.adjusted": dict.fromkeys(range(500, 520), ((1, 1),)),
}
