"""Sign-ups that wait for an operator, because their device belongs to another user. The decision
moves the wallet in one transaction with its record.

In a file of its own because it decides on a user, and corrects no wallet."""

from service.admin.corrections import Corrected, Corrections
from service.admin.entities import Action, NothingToReview
from service.admin.operations import Actions, Performed
from service.core.amounts import Amount
from service.core.clock import Clock
from service.ledger.details import Details
from service.ledger.entities import Movement, UserNotFound, Wallet
from service.ledger.movements import thaw
from service.ledger.opening import welcome_later
from service.ledger.operations import ConditionalWrite, Proposal, Snapshot
from service.storage.codec import Item
from service.users.directory import UserDirectory
from service.users.entities import Review, ReviewDecision, is_open
from service.users.operations import Users
from service.users.sharing import review_from, review_key, reviewed_write


class Reviews:
    """Approves and rejects sign-ups under review."""

    def __init__(
        self,
        users: Users,
        directory: UserDirectory,
        actions: Actions,
        corrections: Corrections,
        clock: Clock,
        welcome_amount: Amount,
    ) -> None:
        self._users = users
        self._directory = directory
        self._actions = actions
        self._corrections = corrections
        self._clock = clock
        self._welcome_amount = welcome_amount

    def waiting(self) -> list[Review]:
        """Oldest first, at most 100. Raises `StorageUnavailable`."""
        return self._users.waiting_reviews()

    def approve(self, action: Action) -> Corrected:
        """Lets the user spend, with the welcome credits if their address allows it and they have
        not had them before an erasure. Raises `NothingToReview`, `DataKeyUnavailable`,
        `DataUnreadable`, and what `Corrections.correct` raises."""
        # The address may have been verified since the sign-up.
        owns_mailbox = self._directory.owns_mailbox(action.subject or "")

        def propose(snapshot: Snapshot, now: int, details: Details) -> Proposal:
            wallet, review = _reviewed(snapshot, action)
            write = reviewed_write(wallet.user_id, ReviewDecision.APPROVED, now)
            is_welcome = not wallet.welcomed and (review.may_be_welcomed or owns_mailbox)
            movement = self._let_in(wallet, action, now, details, is_welcome=is_welcome)
            return Proposal(movement, [ConditionalWrite(write, NothingToReview())])

        return self._corrections.correct(action, propose, review_key(action.subject or ""))

    def _let_in(
        self, wallet: Wallet, action: Action, now: int, details: Details, *, is_welcome: bool
    ) -> Movement:
        """The record names the last entry. A wallet that an operator has thawed meanwhile is
        thawed again, so that there is an entry to name."""
        welcomed = Movement(wallet)
        if is_welcome:
            welcomed = welcome_later(wallet, self._welcome_amount, now, details=details)
        thawed = thaw(welcomed.wallet, f"{action.name}:{action.digest}", now, details=details)
        return Movement(thawed.wallet, welcomed.entries + thawed.entries)

    def reject(self, action: Action) -> Performed:
        """Leaves the wallet frozen. Raises `NothingToReview`, and what `Actions.perform`
        raises."""
        now = self._clock.now()

        def change(snapshot: Snapshot) -> list[ConditionalWrite]:
            wallet, _ = _reviewed(snapshot, action)
            write = reviewed_write(wallet.user_id, ReviewDecision.REJECTED, now)
            return [ConditionalWrite(write, NothingToReview())]

        return self._actions.perform(action, change, related=(review_key(action.subject or ""),))


def _reviewed(snapshot: Snapshot, action: Action) -> tuple[Wallet, Review]:
    wallet = snapshot.wallet
    if wallet is None or not is_open(wallet):
        raise UserNotFound
    item: Item | None = snapshot.item(review_key(action.subject or ""))
    review = review_from(item) if item else None
    if review is None or review.decision is not None:
        raise NothingToReview
    return wallet, review
