// A session with Farebox: sign in once, then call with access tokens that renew themselves.
//
// Browsers: farebox({ url, cookie: true }). The refresh token is in a cookie that no script can read.
// Extensions, phones, servers: farebox({ url, store: { load, save } }). They keep it themselves.

/** Retry a refresh for this long: the same token has the same successor for ten seconds. */
const REPEAT_MS = 8_000;
const EARLY_MS = 30_000;

export class SignInNeeded extends Error {}

export function farebox({ url, cookie = false, store = memory() }) {
  let access = null; // { token, endsAt }
  let renewal = null; // the one refresh that is under way

  async function post(path, body, token) {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (cookie) headers["X-CSRF-Protection"] = "1";
    const credentials = cookie ? "include" : "omit";
    const response = await fetch(url + path, {
      method: "POST",
      headers,
      credentials,
      body: JSON.stringify(body),
    });
    return { status: response.status, content: await response.json() };
  }

  async function accept(data) {
    access = { token: data.accessToken, endsAt: Date.now() + data.expiresIn * 1000 };
    if (!cookie) await store.save(data.refreshToken);
    return data.user;
  }

  async function open(path, fields, token) {
    const { status, content } = await post(path, { ...fields, ...(cookie && { cookie }) }, token);
    if (status !== 200) throw Object.assign(new Error(content.error), content);
    return accept(content.data);
  }

  /** Takes the token of Google or Cognito once. `device` is the Fingerprint of `POST /videos`. */
  const signIn = (idToken, device) => open("/auth/session", { Fingerprint: device }, idToken);

  /** The same with a password; accounts are made as in passwords.js. */
  const signInWithPassword = (email, password) => open("/auth/login", { email, password });

  /** Renews the access token; at the start of a page it also says who is signed in. */
  function resume() {
    renewal ??= renew().finally(() => (renewal = null));
    return renewal;
  }

  async function renew() {
    const refreshToken = cookie ? undefined : await store.load();
    if (!cookie && !refreshToken) throw new SignInNeeded();
    const giveUpAt = Date.now() + REPEAT_MS;
    for (let pause = 200; ; pause *= 2) {
      // A response that was lost: the same request again returns the same token.
      const reply = await post("/auth/refresh", { refreshToken }).catch(() => null);
      if (reply?.status === 200) return accept(reply.content.data);
      if (reply?.status === 401) {
        access = null;
        if (!cookie) await store.save(null);
        throw new SignInNeeded();
      }
      const mayHelp = !reply || reply.status === 429 || reply.status >= 500;
      if (!mayHelp || Date.now() + pause > giveUpAt) {
        throw new Error(reply?.content.error ?? "Farebox cannot be reached.");
      }
      await new Promise((wake) => setTimeout(wake, pause));
    }
  }

  /** `fetch`, signed in. Renews a token that ends soon, and once more after a 401. */
  async function call(path, options = {}) {
    if (!access || Date.now() > access.endsAt - EARLY_MS) await resume();
    const send = () =>
      fetch(url + path, {
        ...options,
        headers: { ...options.headers, Authorization: `Bearer ${access.token}` },
      });
    const response = await send();
    if (response.status !== 401) return response;
    await resume();
    return send();
  }

  /** Ends this session, or with `all` every session of the user. */
  async function signOut(all = false) {
    if (!access || Date.now() > access.endsAt - EARLY_MS) await resume();
    await post("/auth/logout", { all }, access.token);
    access = null;
    if (!cookie) await store.save(null);
  }

  return { signIn, signInWithPassword, resume, call, signOut };
}

function memory() {
  let kept = null;
  return { load: async () => kept, save: async (token) => void (kept = token) };
}
