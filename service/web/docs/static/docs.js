"use strict";

// The reference validates with Zod, which tries out whether it may generate code. This page's policy forbids that, and the attempt
// alone would be reported as a violation.
globalThis.__zod_globalConfig = { jitless: true };

// The page's policy takes <style> elements with this nonce only. The reference gives it to one of them, and creates others without
// (its notifications', its theme's and its editor's).
const nonce = document.querySelector("meta[property=csp-nonce]").content;
const createElement = document.createElement.bind(document);
document.createElement = (name, options) => {
  const element = createElement(name, options);
  if (name === "style") element.nonce = nonce;
  return element;
};

const OPENAPI = "/openapi.json";
const TOKEN_SECONDS = 8 * 3600;
const USER_KEY = "farebox-local-user";
const byId = (id) => document.getElementById(id);

function selectText(block) {
  const range = document.createRange();
  range.selectNodeContents(block);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

async function copy(button) {
  const block = button.closest("figure").querySelector("code");
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(block.textContent);
    label.textContent = "Copied";
  } catch {
    // Browsers close the clipboard to pages without https: the text is left selected for the keyboard.
    selectText(block);
    label.textContent = "Selected";
  }
  byId("status").textContent = label.textContent;
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}

function prepareCommands() {
  for (const place of document.querySelectorAll(".address")) place.textContent = location.origin;
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

function openErrors() {
  if (location.hash.startsWith("#error")) byId("errors").open = true;
}

function newUser() {
  const digits = crypto.getRandomValues(new Uint32Array(2)).join("").padStart(20, "0").slice(-20);
  return { subject: `1${digits}`, fingerprint: `fp-${digits}` };
}

/** The simulated user of this browser: the same after a reload, so that jobs and credits stay. */
function localUser() {
  try {
    const user = JSON.parse(localStorage.getItem(USER_KEY)) ?? newUser();
    localStorage.setItem(USER_KEY, JSON.stringify(user));
    return user;
  } catch {
    return newUser();
  }
}

/** An ID token from the local stack's simulated Google. Only there does the page know an address to get one from. */
async function localToken(user, url) {
  // A plain string is sent as text/plain, for which browsers ask no permission beforehand.
  const body = JSON.stringify({ sub: user.subject, email: "you@example.com", expires_in: TOKEN_SECONDS });
  const response = await fetch(url, { method: "POST", body });
  return (await response.json()).token;
}

/** The document with a new key in place of its example: one that was used with another body is refused. */
function withNewKey(text) {
  // Browsers have randomUUID for https and this machine only.
  const key = crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
  const parameters = JSON.parse(text).paths["/videos"]?.post.parameters ?? [];
  const example = parameters.find((each) => each.name === "Idempotency-Key")?.schema.example;
  return example ? text.replaceAll(example, key) : text;
}

/** A text with the document's example device replaced: it belongs to the first user who makes a video on it. */
function onDevice(text, example, user) {
  return text.replaceAll(example.Fingerprint, user.fingerprint);
}

function showLocalUser(user, token, example) {
  byId("local-user").textContent = user.subject;
  byId("token").textContent = token;
  for (const call of document.querySelectorAll(".call")) call.textContent = onDevice(call.textContent, example, user);
  byId("local").hidden = false;
  byId("new-user").addEventListener("click", () => {
    localStorage.removeItem(USER_KEY);
    location.reload();
  });
}

async function signInLocally(text, url) {
  const user = localUser();
  const token = await localToken(user, url);
  const example = JSON.parse(text).paths["/videos"].post.requestBody.content["application/json"].example;
  showLocalUser(user, token, example);
  return [onDevice(text, example, user), token];
}

async function readDocument() {
  const text = withNewKey(await (await fetch(OPENAPI)).text());
  const url = document.body.dataset.localTokenUrl;
  try {
    return url ? await signInLocally(text, url) : [text, ""];
  } catch {
    return [text, ""];
  }
}

async function showReference() {
  const [text, token] = await readDocument();
  Scalar.createApiReference("#reference", {
    content: JSON.parse(text),
    // Calls go to where the page came from: its policy allows no other host.
    servers: [{ url: location.origin }],
    authentication: { preferredSecurityScheme: "googleIdToken", securitySchemes: { googleIdToken: { token } } },
    withDefaultFonts: false,
    telemetry: false,
    agent: { disabled: true },
    mcp: { disabled: true },
    hideClientButton: true,
    showDeveloperTools: "never",
    documentDownloadType: "none",
    defaultOpenAllTags: true,
    defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  });
}

function showFailure(error) {
  byId("failure").textContent = `The reference could not be shown: ${error.message}`;
  byId("failure").hidden = false;
}

prepareCommands();
openErrors();
addEventListener("hashchange", openErrors);
addEventListener("DOMContentLoaded", () => showReference().catch(showFailure));
