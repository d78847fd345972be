// Buying credits. `call` is `fetch`, signed in: that of session.js, say.
//
// const { packages, checkout, subscribe, settled } = shop({ call });
// Embedded: const { clientSecret } = await checkout("credits-500");
//           const page = await Stripe(publishableKey).createEmbeddedCheckoutPage({ clientSecret });
//           page.mount("#checkout");
// Hosted:   location.assign((await checkout("credits-500", { uiMode: "hosted" })).url);
// On your return page: const order = await settled(new URLSearchParams(location.search).get("order_id"));

const REPEATS = 4;
const WAIT_SECONDS = 20;
const OPEN = ["created", "pending"];

export class BuyingFailed extends Error {}

export function shop({ call, pause = (seconds) => new Promise((wake) => setTimeout(wake, 1000 * seconds)) }) {
  /** Sends a request until there is a definite response; the same key makes that safe. */
  async function send(path, options) {
    for (let tries = 1; ; tries += 1) {
      const response = await call(path, options).catch(() => null);
      const mayHelp = !response || response.status === 429 || response.status >= 500;
      if (!mayHelp || tries === REPEATS) return unwrapped(response);
      await pause(Number(response?.headers.get("Retry-After") ?? 1));
    }
  }

  async function unwrapped(response) {
    if (!response) throw new BuyingFailed("Farebox cannot be reached.");
    const content = await response.json();
    if (!content.success) throw Object.assign(new BuyingFailed(content.error), content);
    return content.data;
  }

  /** What can be bought: `packageId`, `name`, `totalCredits`, `amountCents`, `currency`. */
  const packages = async () => (await send("/credits/packages")).packages;

  /** Begins a purchase. One `key` for each click: a repeated request goes on with the same order. */
  const checkout = (packageId, options) => begin({ packageId }, options);

  /** Begins a subscription; `GET /subscription/plans` lists the `priceId` of each plan. */
  const subscribe = (priceId, options) => begin({ priceId }, options);

  function begin(what, { uiMode = "embedded", key = crypto.randomUUID() } = {}) {
    return send("/stripe/checkout", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      body: JSON.stringify({ ...what, uiMode }),
    });
  }

  /** The order once it has been paid or has ended. A bank debit stays `pending` for days. */
  async function settled(orderId, { seconds = 60 } = {}) {
    const until = Date.now() + 1000 * seconds;
    const path = `/stripe/orders/${encodeURIComponent(orderId)}?wait=${WAIT_SECONDS}`;
    for (;;) {
      const order = await send(path);
      if (!OPEN.includes(order.status) || Date.now() > until) return order;
      await pause(1); // A busy service may respond before the order has ended.
    }
  }

  return { packages, checkout, subscribe, settled };
}
