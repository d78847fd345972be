"""What can be bought now: packages from the reviewed data file, and plans.

In a file of its own because prices and credits of an order come from nowhere else."""

from collections.abc import Callable, Sequence

from service.billing.order_entities import (
    OrderKind,
    OrderTerms,
    Package,
    PackageNotFound,
    PlanNotFound,
    UiMode,
    package_terms,
)
from service.billing.stripe_client import Stripe
from service.entitlements.entities import Plan, Plans


class Offers:
    """Every method raises `BillingNotConfigured` where nothing is sold."""

    def __init__(
        self,
        stripe: Stripe,
        packages: Sequence[Package],
        plans: Plans,
        had_trial: Callable[[str], bool],
    ) -> None:
        """`had_trial` says whether the person behind a user has had a trial."""
        self._stripe = stripe
        self._packages = {package.package_id: package for package in packages}
        self._plans = plans
        self._had_trial = had_trial

    def packages(self) -> tuple[Package, ...]:
        """In the order of the file."""
        self._stripe.require_configured()
        return tuple(self._packages.values())

    def package_terms(self, package_id: str, ui_mode: UiMode, *, saves_method: bool) -> OrderTerms:
        """Raises `PackageNotFound`."""
        self._stripe.require_configured()
        package = self._packages.get(package_id)
        if package is None:
            raise PackageNotFound
        return package_terms(package, ui_mode, saves_method=saves_method)

    def plan_terms(self, user_id: str, price_id: str, ui_mode: UiMode) -> OrderTerms:
        """Without a trial for whoever has had one. Raises `PlanNotFound`, also for a price of
        Stripe's that is no plan of ours and for a plan that is retired, what `Stripe` raises, and
        `StorageUnavailable`."""
        self._stripe.require_configured()
        plan = self._plans.by_price(price_id)
        if plan is None or plan.retired:
            raise PlanNotFound
        tries = plan.trial_days > 0 and not self._had_trial(user_id)
        return _terms_of(plan, ui_mode, plan.trial_days if tries else 0)


def _terms_of(plan: Plan, ui_mode: UiMode, trial_days: int) -> OrderTerms:
    return OrderTerms(
        kind=OrderKind.SUBSCRIPTION,
        product_id=plan.price_id,
        name=plan.name,
        credits=0,
        bonus=0,
        amount_cents=plan.amount_cents,
        currency=plan.currency,
        ui_mode=ui_mode,
        trial_days=trial_days,
    )
