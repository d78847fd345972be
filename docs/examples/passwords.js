// Accounts with a password: what the pages for registering, verifying and resetting send. Signing in
// is `signInWithPassword` of session.js.

/** A refusal: `code`, `details`, and for 429 and 503 how many seconds to wait. */
export class Refused extends Error {
  constructor(content, response) {
    super(content.error);
    this.code = content.code;
    this.details = content.details ?? {};
    this.retryAfter = Number(response.headers.get("Retry-After")) || null;
  }
}

export function passwordAccounts({ url }) {
  async function post(path, body) {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const content = await response.json();
    if (!response.ok) throw new Refused(content, response);
    return content.data;
  }

  return {
    /** Then say: "If the address is right, you receive a mail." Nothing else is known. */
    register: (email, password, device) =>
      post("/auth/register", { email, password, Fingerprint: device }),
    /** On the page that the mail leads to; the person types the password once more. */
    verify: (token, password) => post("/auth/verify-email", { token, password }),
    /** As `register`: the response does not say whether there is an account. */
    forgot: (email) => post("/auth/password/forgot", { email }),
    /** On the page that this mail leads to. All sessions of the person end. */
    reset: (token, password) => post("/auth/password/reset", { token, password }),
  };
}

/** For someone who is signed in: `call` is that of session.js. All other sessions end. */
export async function changePassword(call, currentPassword, newPassword) {
  const response = await call("/auth/password/change", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ currentPassword, newPassword }),
  });
  const content = await response.json();
  if (!response.ok) throw new Refused(content, response);
}

/** The token behind the # of a mailed link: `tokenOf(location.href)`. */
export function tokenOf(link) {
  return new URLSearchParams(new URL(link).hash.slice(1)).get("token");
}
