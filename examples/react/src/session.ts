import { GOOGLE_CLIENT_ID, SIMULATORS_URL } from "./settings";

/** Who is signed in. The token stays in memory: it is worth an hour of that user's credits. */
export interface Session {
  token: string;
  userId: string;
  email: string;
}

interface Claims {
  sub: string;
  email: string;
}

/** The session of an ID token. Farebox verifies the token; here it is only read. */
export function sessionOf(token: string): Session {
  const payload = token.split(".")[1] ?? "";
  const { sub, email }: Claims = JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")));
  return { token, userId: sub, email };
}

/** Signs anybody in, at the simulated Google of `make run`. */
export async function signInLocally(name: string): Promise<Session> {
  const body = JSON.stringify({ sub: `dev-${name}`, email: `${name}@example.com` });
  const response = await fetch(`${SIMULATORS_URL}/google/__token`, { method: "POST", body });
  return sessionOf((await response.json()).token);
}

interface GoogleIdentity {
  initialize(options: { client_id: string; callback: (response: { credential: string }) => void }): void;
  renderButton(place: HTMLElement, options: { theme: string }): void;
}

declare global {
  interface Window {
    google?: { accounts: { id: GoogleIdentity } };
  }
}

/** Shows Google's own button (https://developers.google.com/identity/gsi/web). */
export function showGoogleButton(place: HTMLElement, onSignIn: (session: Session) => void): void {
  const script = document.createElement("script");
  script.src = "https://accounts.google.com/gsi/client";
  script.onload = () => {
    const identity = window.google!.accounts.id;
    identity.initialize({
      client_id: GOOGLE_CLIENT_ID,
      callback: ({ credential }) => onSignIn(sessionOf(credential)),
    });
    identity.renderButton(place, { theme: "outline" });
  };
  document.head.append(script);
}
