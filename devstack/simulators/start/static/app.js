// Shows what a real app would read from the address, and what became of a purchase.
const APP = document.body.dataset.appUrl;
const USER_KEY = "farebox-start-user";
const WAIT_SECONDS = 10;
const RETURN_PAGE = "/billing/return";

const byId = (id) => document.getElementById(id);
const page = location.pathname.replace(/^\/app/, "") || "/";

async function signedIn() {
  const sub = localStorage.getItem(USER_KEY);
  if (!sub) throw new Error("Sign in on the start page first.");
  const { accounts } = await (await fetch("/google/__accounts")).json();
  const email = accounts.find((account) => account.sub === sub)?.email;
  const body = JSON.stringify({ sub, email });
  const response = await fetch("/google/__token", { method: "POST", body });
  return (await response.json()).token;
}

async function call(path, token) {
  const response = await fetch(APP + path, { headers: { Authorization: `Bearer ${token}` } });
  const envelope = await response.json();
  if (!envelope.success) throw new Error(`${envelope.error} (${envelope.code})`);
  return envelope.data;
}

/** The service asks Stripe before it responds, so that no one waits for an event. */
async function showOrder() {
  const token = await signedIn();
  const orderId = new URLSearchParams(location.search).get("order_id") ?? "";
  const order = await call(`/stripe/orders/${encodeURIComponent(orderId)}?wait=${WAIT_SECONDS}`, token);
  const { credits } = await call("/credits", token);
  byId("order-status").textContent = order.status;
  byId("order-text").textContent = order.status === "paid"
    ? `${order.credits} credits are in the wallet.`
    : "Nothing has been paid so far.";
  byId("balance").textContent = credits;
}

byId("page").textContent = page;
const token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) byId("token").textContent = token;
if (page === RETURN_PAGE) {
  byId("link").hidden = true;
  byId("order").hidden = false;
  showOrder().catch((error) => { byId("order-text").textContent = error.message; });
}
