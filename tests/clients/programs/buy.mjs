// Runs docs/examples/buy.js as an app does: `node buy.mjs MODULE URL SIMULATORS ID_TOKEN`.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [, , module, url, simulators, idToken] = process.argv;
const { BuyingFailed, shop } = await import(pathToFileURL(module));
let lose = 0;

async function call(path, options = {}) {
  const headers = { ...options.headers, Authorization: `Bearer ${idToken}` };
  const response = await fetch(url + path, { ...options, headers });
  if (lose > 0) {
    lose -= 1;
    throw new TypeError("the response was lost");
  }
  return response;
}

async function pay(session) {
  const body = JSON.stringify({ session });
  const response = await fetch(`${simulators}/stripe/__pay`, { method: "POST", body });
  assert.equal(response.status, 200);
}

const credits = async () => (await (await call("/credits")).json()).data.credits;

const { packages, checkout, subscribe, settled } = shop({ call, pause: async () => {} });
const [small] = await packages();
const before = await credits();

lose = 2;
const bought = await checkout(small.packageId);
assert.equal(bought.replayed, true);
assert.match(bought.clientSecret, /_secret_/);
await pay(bought.sessionId);
const order = await settled(bought.orderId);
assert.deepEqual([order.status, order.credits], ["paid", small.totalCredits]);
assert.equal(await credits(), before + small.totalCredits);

const hosted = await checkout(small.packageId, { uiMode: "hosted" });
assert.match(hosted.url, /^http/);
assert.equal((await settled(hosted.orderId, { seconds: 0 })).status, "pending");

const [plan] = (await (await call("/subscription/plans")).json()).data.plans;
const subscription = await subscribe(plan.priceId);
await pay(subscription.sessionId);
const begun = await settled(subscription.orderId);
assert.deepEqual([begun.status, begun.priceId, begun.credits], ["paid", plan.priceId, 0]);

await assert.rejects(checkout("no-such-package"), BuyingFailed);
await assert.rejects(subscribe("price_unknown"), (error) => error.code === "PLAN_NOT_FOUND");
await assert.rejects(settled("ord_unknown"), (error) => error.code === "ORDER_NOT_FOUND");
console.log("done");
