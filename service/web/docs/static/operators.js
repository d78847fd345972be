"use strict";

// Token and proof are kept in these variables alone: no storage of the browser outlives the page.
let token = "";
let proof = "";
let operatorId = "";

const byId = (id) => document.getElementById(id);

const fromBase64url = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

const toBase64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function newKey() {
  // Browsers have randomUUID for https and localhost only, as they have passkeys.
  return crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
}

/** One call of the operators' API. Throws an error with the service's own sentence. */
async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (proof) headers["X-Second-Factor"] = proof;
  if (body) Object.assign(headers, { "Content-Type": "application/json", "Idempotency-Key": newKey() });
  const response = await fetch(`/admin/passkeys${path}`, { method, headers, body: body && JSON.stringify(body), credentials: "omit" });
  const content = await response.json();
  if (!content.success) throw new Error(`${content.error} (${content.code})`);
  return content.data;
}

/** Runs what a person has started, and shows what comes of it. */
function run(button, work) {
  return async (event) => {
    event.preventDefault();
    byId("failure").hidden = true;
    byId("status").textContent = "";
    button.disabled = true;
    try {
      byId("status").textContent = await work();
    } catch (error) {
      byId("failure").textContent = error.message;
      byId("failure").hidden = false;
    } finally {
      button.disabled = false;
    }
  };
}

function withBytes(descriptors) {
  return (descriptors ?? []).map((each) => ({ ...each, id: fromBase64url(each.id) }));
}

async function created() {
  const { options } = await call("GET", "/options?purpose=enrol");
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: fromBase64url(options.challenge),
      user: { ...options.user, id: fromBase64url(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  const { response } = credential;
  return asJson(credential, {
    clientDataJSON: toBase64url(response.clientDataJSON),
    attestationObject: toBase64url(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  });
}

async function used() {
  const { options } = await call("GET", "/options?purpose=prove");
  const credential = await navigator.credentials.get({
    publicKey: { ...options, challenge: fromBase64url(options.challenge), allowCredentials: withBytes(options.allowCredentials) },
  });
  const { response } = credential;
  return asJson(credential, {
    clientDataJSON: toBase64url(response.clientDataJSON),
    authenticatorData: toBase64url(response.authenticatorData),
    signature: toBase64url(response.signature),
    userHandle: response.userHandle ? toBase64url(response.userHandle) : null,
  });
}

function asJson(credential, response) {
  return { id: credential.id, rawId: toBase64url(credential.rawId), type: credential.type, response };
}

async function showPasskeys() {
  const found = await call("GET", "");
  operatorId = found.operatorId;
  byId("operator").textContent = operatorId;
  byId("none").hidden = found.passkeys.length > 0;
  byId("passkeys").replaceChildren(...found.passkeys.map(passkeyRow));
}

function passkeyRow(passkey) {
  const row = byId("passkey").content.cloneNode(true);
  const used = passkey.usedAt ? `last used ${new Date(passkey.usedAt).toLocaleString()}` : "never used";
  row.querySelector(".name").textContent = passkey.name;
  row.querySelector(".facts").textContent = `enrolled ${new Date(passkey.addedAt).toLocaleDateString()}, ${used}`;
  const button = row.querySelector(".remove");
  button.setAttribute("aria-label", `Remove ${passkey.name}`);
  button.addEventListener("click", run(button, () => remove(passkey)));
  return row;
}

async function signIn(given) {
  token = given.trim();
  proof = "";
  byId("proof-result").hidden = true;
  byId("signed-in").hidden = true;
  await showPasskeys();
  byId("code-operator").value = operatorId;
  byId("signed-in").hidden = false;
  return `Signed in as ${operatorId}.`;
}

async function signInLocally() {
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub: "operator", email: "operator@example.com", auth_time: now, expires_in: 900 };
  // A plain string is sent as text/plain, for which browsers ask no permission beforehand.
  const response = await fetch(document.body.dataset.localTokenUrl, { method: "POST", body: JSON.stringify(claims) });
  const given = (await response.json()).token;
  byId("token").value = given;
  return signIn(given);
}

async function enrol() {
  const body = { code: byId("code").value, name: byId("name").value, credential: await created(), reason: "Enrolled at /docs/operators." };
  await call("POST", "", body);
  byId("enrol").reset();
  await showPasskeys();
  return `${body.name} is enrolled.`;
}

async function prove() {
  const made = await call("POST", "/proofs", { credential: await used() });
  proof = made.proof;
  byId("proof").textContent = proof;
  byId("proof-end").textContent = new Date(made.expiresAt).toLocaleTimeString();
  byId("proof-end").dateTime = made.expiresAt;
  byId("proof-result").hidden = false;
  await showPasskeys();
  return "Here is your proof.";
}

async function remove(passkey) {
  await call("POST", `/${encodeURIComponent(passkey.passkeyId)}/remove`, { reason: "Removed at /docs/operators." });
  await showPasskeys();
  return `${passkey.name} is removed.`;
}

async function makeCode() {
  const made = await call("POST", "/codes", { operatorId: byId("code-operator").value.trim(), reason: byId("code-reason").value });
  byId("code-made").textContent = made.code;
  byId("code-result").hidden = false;
  return `Good until ${new Date(made.expiresAt).toLocaleTimeString()}.`;
}

async function copy() {
  await navigator.clipboard.writeText(proof);
  return "Copied.";
}

// Buttons that a person can see at once arrive disabled: before this script responds, a click would send the form natively.
function onSubmit(id, work) {
  const button = byId(id).querySelector("[type=submit]");
  byId(id).addEventListener("submit", run(button, work));
  button.disabled = false;
}

function onClick(id, work) {
  const button = byId(id);
  if (!button) return;
  button.addEventListener("click", run(button, work));
  button.disabled = false;
}

onSubmit("sign-in", () => signIn(byId("token").value));
onSubmit("enrol", enrol);
onSubmit("make-code", makeCode);
onClick("local-sign-in", signInLocally);
onClick("prove", prove);
onClick("copy", copy);
