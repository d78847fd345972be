// A back end that lends its browser a session of Farebox: copy this file. It has no dependencies and
// runs in Node.js 20 or newer, in a route handler of Next.js as well as anywhere else.
//
// The server key stays on your server. What the browser receives works for fifteen minutes, for your
// pages alone, and for as many credits as you say.

/** `url` is where Farebox is, `serverKey` the key that `farebox server-key` printed. */
export function fareboxBackEnd({ url, serverKey }) {
  return {
    /**
     * A session for a user of yours. `user` is `{ id, email, emailVerified }`: the id is your own
     * and names no person; leave the address out unless you have one. One that you have verified
     * brings the welcome credits, and needs a key with the scope `verified_emails`. Returns what
     * the browser may have: `{ accessToken, expiresIn }`. Throws an error with `code` and `details`.
     */
    async sessionFor(user, { origins, creditLimit, scopes }) {
      const response = await fetch(`${url}/auth/sessions`, {
        method: "POST",
        headers: { Authorization: `Bearer ${serverKey}`, "Content-Type": "application/json" },
        body: JSON.stringify({
          externalId: user.id,
          ...(user.email && { email: user.email, emailVerified: user.emailVerified === true }),
          origins,
          ...(creditLimit !== undefined && { creditLimit }),
          ...(scopes && { scopes }),
        }),
        signal: AbortSignal.timeout(10_000),
      });
      const body = await response.json();
      if (!response.ok) {
        throw Object.assign(new Error(body.error), { code: body.code, details: body.details });
      }
      const { accessToken, expiresIn } = body.data;
      return { accessToken, expiresIn };
    },
  };
}

/**
 * For the browser: calls Farebox with a token that `getSession` fetches from your own back end, as
 * `{ accessToken, expiresIn }`. It is fetched again shortly before it ends, and once when it is
 * refused.
 */
export function fareboxPage({ url, getSession }) {
  let session;
  let usableUntil = 0;

  async function token(isRefused) {
    if (isRefused || Date.now() >= usableUntil) {
      session = await getSession();
      usableUntil = Date.now() + (session.expiresIn - 30) * 1000;
    }
    return session.accessToken;
  }

  async function send(path, { method = "GET", body, headers = {} }, isRefused) {
    return fetch(`${url}${path}`, {
      method,
      headers: {
        ...headers,
        Authorization: `Bearer ${await token(isRefused)}`,
        ...(body && { "Content-Type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  }

  return {
    /** Returns `data` of the response. Throws an error with its `code` and `details`. */
    async call(path, request = {}) {
      let response = await send(path, request, false);
      if (response.status === 401) response = await send(path, request, true);
      const body = await response.json();
      if (body.success) return body.data;
      throw Object.assign(new Error(body.error), { code: body.code, details: body.details });
    },
  };
}
