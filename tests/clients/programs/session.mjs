// Runs docs/examples/session.js as an app does: `node session.mjs MODULE URL ID_TOKEN`. A page is
// simulated by a fetch that keeps cookies and sends an Origin, as browsers do.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [, , module, url, idToken, page] = process.argv;
const { farebox, SignInNeeded } = await import(pathToFileURL(module));
const real = globalThis.fetch;
const sent = [];
let lose = 0;

function browser(jar) {
  return async (address, options = {}) => {
    const headers = { ...options.headers, Origin: page };
    if (options.credentials === "include" && jar.cookie) headers.Cookie = jar.cookie;
    const response = await real(address, { ...options, headers });
    const [set] = response.headers.getSetCookie();
    if (set && options.credentials === "include") jar.cookie = set.split(";")[0];
    return response;
  };
}

function counted(next) {
  return async (address, options) => {
    sent.push(new URL(address).pathname);
    const response = await next(address, options);
    if (lose > 0 && String(address).endsWith("/auth/refresh")) {
      lose -= 1;
      throw new TypeError("the response was lost");
    }
    return response;
  };
}

async function credits(app) {
  const response = await app.call("/credits");
  assert.equal(response.status, 200);
  return (await response.json()).data;
}

async function lives(app, another) {
  const user = await app.signIn(idToken, "fp-of-a-laptop");
  assert.equal(user.userId, "ann");
  assert.equal((await credits(app)).registered, true);
  // A page that is loaded again has no access token; ten calls at once renew it once.
  const again = another();
  sent.length = 0;
  await Promise.all(Array.from({ length: 10 }, () => credits(again)));
  assert.equal(sent.filter((path) => path === "/auth/refresh").length, 1);
  // A refresh whose response is lost is repeated, and the session goes on.
  lose = 1;
  assert.equal((await again.resume()).userId, "ann");
  assert.equal((await credits(again)).registered, true);
  await again.signOut();
  await assert.rejects(another().resume(), SignInNeeded);
}

let kept = null;
const store = { load: async () => kept, save: async (token) => void (kept = token) };
globalThis.fetch = counted(real);
await lives(farebox({ url, store }), () => farebox({ url, store }));

const jar = {};
globalThis.fetch = counted(browser(jar));
await lives(farebox({ url, cookie: true }), () => farebox({ url, cookie: true }));
console.log("done");
