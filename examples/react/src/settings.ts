const env = import.meta.env;

/** Where Farebox is. */
export const FAREBOX_URL: string = env.VITE_FAREBOX_URL ?? "http://127.0.0.1:8080";

/** Your OAuth client id. Empty: sign in at the simulated Google of `make run`. */
export const GOOGLE_CLIENT_ID: string = env.VITE_GOOGLE_CLIENT_ID ?? "";

/** The simulators of `make run`. Only used without a client id or a key of Stripe's. */
export const SIMULATORS_URL: string = env.VITE_SIMULATORS_URL ?? "http://127.0.0.1:8090";

/** Your publishable key (`pk_live_…`). Empty: pay at the simulated Stripe of `make run`. */
export const STRIPE_KEY: string = env.VITE_STRIPE_KEY ?? "";
