import { showPackages } from "./buy.js";

const APP = document.body.dataset.appUrl;
const SIMULATORS = location.origin;
const TOKEN_SECONDS = 8 * 3600;
const USER_KEY = "farebox-start-user";
const JOBS_SHOWN = 8;
const LONG_POLL_SECONDS = 20;
const SHORTEST_POLL_MS = 1000;

const FAULTS = [
  { name: "The job fails", effect: "Kling cannot make the video: the held credit comes back.", operation: "create", fault: "job-fails" },
  { name: "The response is lost", effect: "Kling gets the request, its response never arrives: nothing is sent twice, and the video still comes.", operation: "create", fault: "lost-answer" },
  { name: "The content is rejected", effect: "CONTENT_REJECTED: nothing is charged.", operation: "create", fault: "status:400:1301" },
  { name: "Kling is busy", effect: "PROVIDER_BUSY: nothing is charged, repeat with the same key.", operation: "create", fault: "status:429:1303", count: 6 },
  { name: "Kling responds 503", effect: "It is unknown whether Kling has the request: the credit stays held for half a minute, then comes back.", operation: "create", fault: "status:503:5001" },
];

const byId = (id) => document.getElementById(id);
const isOpen = (job) => job.status === "SUBMITTING" || job.status === "SUBMITTED";
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

let user = { subject: "", token: "" };
/** The key of a request whose outcome is not final: sending it again cannot charge twice. */
let openKey = "";
let accounts = [];
let latestFollower = 0;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function show(text, bad = false) {
  byId("outcome").textContent = text;
  byId("outcome").classList.toggle("is-bad", bad);
}

/** The page arrives with its buttons disabled: a click before its script responds would be lost, or send a form natively. */
function enable(buttons) {
  for (const button of document.querySelectorAll(buttons)) button.disabled = false;
}

function showError(error) {
  show(error.code ? `${error.message} (${error.code})` : `The simulators: ${error.message}`, true);
}

// Calls

class Refusal extends Error {
  constructor(body, status) {
    super(body?.error ?? "There is no response.");
    this.code = body?.code ?? "NO_RESPONSE";
    this.repeatable = status === undefined || status === 429 || status >= 500;
  }
}

/** One call of the service. Raises `Refusal`. */
async function call(path, { method = "GET", body, key, token = user.token } = {}) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  let response, envelope;
  try {
    response = await fetch(APP + path, { method, headers, body: body && JSON.stringify(body) });
    envelope = await response.json();
  } catch {
    throw new Refusal(undefined, response?.status);
  }
  if (!envelope.success) throw new Refusal(envelope, response.status);
  return envelope.data;
}

async function simulators(path, method = "GET", body = undefined) {
  const response = await fetch(SIMULATORS + path, { method, body: body && JSON.stringify(body) });
  return response.json();
}

// The user

function newSubject() {
  const digits = crypto.getRandomValues(new Uint32Array(2)).join("").padStart(20, "0").slice(-20);
  return `1${digits}`;
}

async function signIn(sub) {
  const email = accounts.find((account) => account.sub === sub)?.email ?? `user-${sub}@example.com`;
  const { token } = await simulators("/google/__token", "POST", { sub, email, expires_in: TOKEN_SECONDS });
  if (!user.token) enable("button.of-user");
  user = { subject: sub, token };
  openKey = "";
  localStorage.setItem(USER_KEY, sub);
  byId("token-command").textContent = `curl -s ${SIMULATORS}/google/__token -d '${JSON.stringify({ sub, email })}'`;
  await showAccounts();
  await showShop();
  await follow();
}

/** What the user can buy, and a top-up of theirs that the bank wants confirmed. */
async function showShop() {
  await showPackages(byId("packages"), call, guarded, async () => {
    // The shop settles the payment: the credits are in the wallet afterwards.
    await showShop();
    await follow();
  });
}

/** Everybody who has signed in at the simulated Google, from this page or from an app. */
async function showAccounts() {
  ({ accounts } = await simulators("/google/__accounts"));
  byId("user").replaceChildren(...accounts.map(({ sub, email }) => new Option(email ? `${email} (${sub})` : sub, sub)));
  byId("user").value = user.subject;
}

function showCredits({ credits, held, registered }) {
  byId("available").textContent = credits;
  byId("held").textContent = held;
  byId("registration").textContent = registered ? "" : "New here: the first video opens the account with free credits.";
}

// Jobs

function cost({ held, captured, released }) {
  if (captured) return `${captured} charged`;
  return held ? `${held} held` : `${released} returned`;
}

function jobCard(job) {
  const time = new Date(job.createdAt).toLocaleTimeString();
  const card = element("li", {},
    element("div", { className: "head" },
      element("span", { className: `status ${job.status}`, textContent: job.status }),
      element("span", { textContent: cost(job.credits) })),
    element("span", { className: "quiet", textContent: `${job.promptKey} at ${time}` }));
  if (job.error) card.append(element("span", { textContent: `${job.error.message} (${job.error.code})` }));
  if (job.videoUrl) {
    card.append(element("video", { src: job.videoUrl, controls: true, loop: true, muted: true, autoplay: !calm, ariaLabel: `Video of ${time}` }));
  }
  card.append(element("code", { textContent: job.jobId }));
  card.dataset.shown = JSON.stringify(job);
  return card;
}

/** Keeps the card of an unchanged job, so that its video plays on. */
function showJobs(jobs) {
  const cards = new Map([...byId("job-list").children].map((card) => [card.dataset.shown, card]));
  byId("job-list").replaceChildren(...jobs.map((job) => cards.get(JSON.stringify(job)) ?? jobCard(job)));
  byId("no-jobs").hidden = jobs.length > 0;
}

async function refresh() {
  const owner = user;
  const [{ jobs }, balance] = await Promise.all([call(`/jobs?limit=${JOBS_SHOWN}`), call("/credits"), showArmed()]);
  if (owner !== user) return []; // Another user has signed in meanwhile, and is shown.
  showCredits(balance);
  showJobs(jobs);
  return jobs;
}

/** Follows the open jobs of the current user until all have ended. */
async function follow() {
  const follower = ++latestFollower;
  let open = (await refresh()).find(isOpen);
  while (open && follower === latestFollower) {
    await waitFor(open, user.token);
    open = (await refresh()).find(isOpen);
  }
}

/** The job when it has ended, or as it stands after a while. A busy service may respond early. */
async function waitFor(job, token) {
  const [current] = await Promise.all([call(`/jobs/${job.jobId}?wait=${LONG_POLL_SECONDS}`, { token }), pause(SHORTEST_POLL_MS)]);
  return current;
}

async function makeVideo() {
  const { subject, token } = user;
  openKey ||= crypto.randomUUID();
  const body = {
    GoogleID: subject,
    Fingerprint: `start-page-${subject}`,
    imageUrl: byId("image").value,
    promptKey: byId("prompt").value,
  };
  let job = await call("/videos", { method: "POST", body, key: openKey, token });
  openKey = "";
  show(`${job.jobId}: ${job.credits.held} credit held, ${job.credits.remaining} left.`);
  await refresh();
  while (isOpen(job)) job = await waitFor(job, token);
  show(job.error ? `${job.error.message} (${job.error.code})` : `Done: ${cost(job.credits)}.`, Boolean(job.error));
}

async function submit() {
  byId("make").disabled = true;
  show("Sending …");
  try {
    await makeVideo();
  } catch (error) {
    if (!error.repeatable) openKey = "";
    showError(error);
  }
  byId("make").textContent = openKey ? "Repeat with the same key" : "Make a video for 1 credit";
  byId("make").disabled = false;
  await refresh();
}

// Faults

function faultButton({ name, effect, ...fault }) {
  const button = element("button", { type: "button" }, name, element("span", { textContent: effect }));
  button.addEventListener("click", guarded(async () => {
    await simulators("/__faults", "POST", { service: "kling", ...fault });
    await showArmed();
  }));
  return element("li", {}, button);
}

function nameOf({ operation, fault }) {
  return FAULTS.find((known) => known.operation === operation && known.fault === fault)?.name ?? `${operation} ${fault}`;
}

async function showArmed() {
  const { faults } = await simulators("/__faults");
  const listed = faults.map((armed) => `${nameOf(armed)} (${armed.count < 0 ? "until cleared" : `next ${armed.count}`})`);
  byId("armed").textContent = listed.length ? `Armed: ${listed.join(", ")}.` : "None is armed.";
  byId("clear").hidden = listed.length === 0;
}

// The page

/** Shows what went wrong; nothing on this page fails silently. */
function guarded(action) {
  return (event) => {
    event?.preventDefault();
    return action(event).catch(showError);
  };
}

async function copy(button, text) {
  const label = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 2000);
}

function listen(id, kind, action) {
  byId(id).addEventListener(kind, guarded(action));
}

async function changeSpeed() {
  await simulators("/__clock", "POST", { speed: Number(byId("speed").value) });
}

async function load() {
  const [{ prompts }, { speed }] = await Promise.all([call("/prompts"), simulators("/__clock")]);
  byId("prompt").replaceChildren(...prompts.map(({ promptKey }) => new Option(promptKey)));
  byId("speed").value = String(speed);
  ({ accounts } = await simulators("/google/__accounts"));
  await signIn(localStorage.getItem(USER_KEY) ?? newSubject());
}

byId("own-code").open = matchMedia("(min-width: 62rem)").matches;
byId("faults").append(...FAULTS.map(faultButton));
listen("user", "change", () => signIn(byId("user").value));
listen("new-user", "click", () => signIn(newSubject()));
listen("sign-in", "submit", () => signIn(byId("subject").value.trim()));
listen("video", "submit", submit);
listen("speed", "change", changeSpeed);
listen("refresh", "click", async () => { await showAccounts(); await showShop(); await follow(); });
listen("clear", "click", async () => { await simulators("/__faults", "DELETE"); await showArmed(); });
listen("copy-token", "click", (event) => copy(event.currentTarget, user.token));
listen("copy-command", "click", (event) => copy(event.currentTarget, byId("token-command").textContent));
addEventListener("focus", guarded(async () => { await showAccounts(); await follow(); }));
enable("#new-user, #use-subject");
guarded(load)();
