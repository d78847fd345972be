import { useEffect, useRef, useState } from "react";
import { isUnpaid, type Farebox, type Order, type Package } from "./farebox";
import { returnedOrder, forgetReturn } from "./returned";
import { showCheckout } from "./stripe";

interface Props {
  farebox: Farebox;
  onChange: () => void;
  onProblem: (error: unknown) => void;
}

/** Sells credits, and says what became of the purchase from which the buyer has just returned. */
export function Shop({ farebox, onChange, onProblem }: Props) {
  const [packages, setPackages] = useState<Package[]>([]);
  const [secret, setSecret] = useState("");
  const [outcome, setOutcome] = useState("");
  const place = useRef<HTMLDivElement>(null);
  // Stripe allows one payment page at a time: the next waits until the last is gone.
  const gone = useRef<Promise<void>>(Promise.resolve());

  useEffect(() => {
    farebox.packages().then(setPackages, onProblem);
    const orderId = returnedOrder();
    if (!orderId) return;
    setOutcome("Looking for your payment …");
    farebox.settled(orderId).then(
      (order) => {
        forgetReturn();
        setOutcome(outcomeOf(order));
        onChange();
      },
      (error) => {
        setOutcome("");
        onProblem(error);
      },
    );
  }, [farebox, onChange, onProblem]);

  useEffect(() => {
    if (!secret) return;
    const here = place.current!;
    const shown = gone.current.then(() => showCheckout(secret, here));
    shown.catch(onProblem);
    return () => {
      gone.current = shown.then((page) => page.destroy(), () => {});
    };
  }, [secret, onProblem]);

  const buy = (packageId: string) => {
    setOutcome("");
    farebox.checkout(packageId, crypto.randomUUID()).then(setSecret, onProblem);
  };

  return (
    <section aria-label="Buy credits">
      <p className="bar">
        {packages.map((each) => (
          <button key={each.packageId} onClick={() => buy(each.packageId)}>
            Buy {each.totalCredits} credits for {priceOf(each)}
          </button>
        ))}
      </p>
      {outcome && <p role="status">{outcome}</p>}
      <div ref={place} />
    </section>
  );
}

/** A currency has its own number of decimals: `amountCents` counts its smallest unit. */
function priceOf({ amountCents, currency }: Package): string {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  return format.format(amountCents / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

function outcomeOf(order: Order): string {
  if (order.status === "paid") return `Thank you: ${order.credits} credits are in your wallet.`;
  if (isUnpaid(order)) return "Your payment is on its way. The credits come as soon as it has arrived.";
  if (order.status === "refunded") return "This purchase was paid back.";
  if (order.status === "partially_refunded") return "This purchase was paid back in part.";
  return "This purchase was not paid. Nothing was bought.";
}
