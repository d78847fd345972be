import { SIMULATORS_URL, STRIPE_KEY } from "./settings";

interface CheckoutPage {
  mount(place: HTMLElement): void;
  destroy(): void;
}

interface StripeJs {
  createEmbeddedCheckoutPage(options: { clientSecret: string }): Promise<CheckoutPage>;
}

declare global {
  interface Window {
    Stripe?: (key: string) => StripeJs;
  }
}

// Stripe wants its library loaded from its own address, and never bundled.
const LIBRARY = STRIPE_KEY ? "https://js.stripe.com/dahlia/stripe.js" : `${SIMULATORS_URL}/stripe/js`;

/** Shows the payment page in that place. Once it is paid, Stripe leads to the return page. */
export async function showCheckout(clientSecret: string, place: HTMLElement): Promise<CheckoutPage> {
  if (!window.Stripe) await load(LIBRARY);
  const stripe = window.Stripe!(STRIPE_KEY || "pk_test_local");
  const page = await stripe.createEmbeddedCheckoutPage({ clientSecret });
  page.mount(place);
  return page;
}

function load(address: string): Promise<void> {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => done();
    script.onerror = () => failed(new Error("The payment page cannot be loaded. Try again."));
    document.head.append(script);
  });
}
