// The payment page. Embedded, it reports to the page around it; hosted, it leads back itself.
const embedded = document.body.classList.contains("embedded");
const secret = location.hash.slice(1);
const pay = document.getElementById("pay");
const bank = document.getElementById("bank");
const outcome = document.getElementById("outcome");

const report = (message) => {
  if (embedded) parent.postMessage({ source: "simulated-stripe", ...message }, "*");
};

const show = (text, bad = false) => {
  outcome.textContent = text;
  outcome.classList.toggle("is-bad", bad);
  report({ type: "resize", height: document.documentElement.scrollHeight });
};

const send = async (form, path, fields) => {
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  show("Paying …");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...fields, secret }),
    });
    after(await response.json());
  } catch (error) {
    show(`The simulator did not respond: ${error.message}`, true);
  } finally {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
};

const after = ({ status, message, redirect }) => {
  pay.hidden = status !== "open";
  bank.hidden = status !== "requires_action";
  show(message, status === "open");
  if (status !== "complete") return;
  if (embedded) report({ type: "complete", redirect });
  else if (redirect) location.assign(redirect);
};

pay?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(pay, pay.action, Object.fromEntries(new FormData(pay)));
});
bank?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(bank, `${pay.action}/authenticate`, { passed: event.submitter.value === "yes" });
});
// From here on a click is a payment; before, the browser would have sent the form itself.
pay?.querySelector("button").removeAttribute("disabled");
report({ type: "resize", height: document.documentElement.scrollHeight });
