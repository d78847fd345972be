// Says when a newer mail has come, and shows it at once if none was being read.
const PAUSE_MILLISECONDS = 2000;
const latest = document.body.dataset.latest;

async function check() {
  try {
    const response = await fetch("/ses/__mailbox", { headers: { Accept: "application/json" } });
    const { mails } = await response.json();
    const newest = mails.at(-1)?.id ?? "";
    if (newest && newest !== latest) return announce();
  } catch {
    // The stack is being restarted: try again.
  }
  setTimeout(check, PAUSE_MILLISECONDS);
}

function announce() {
  if (location.pathname === "/ses/__mailbox") return location.reload();
  const link = document.createElement("a");
  link.href = "/ses/__mailbox";
  link.textContent = "A new mail has come: show it";
  document.getElementById("news").replaceChildren(link);
}

setTimeout(check, PAUSE_MILLISECONDS);
