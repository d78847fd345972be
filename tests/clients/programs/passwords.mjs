// Runs docs/examples/passwords.js as pages do: `node passwords.mjs FOLDER URL SIMULATORS`. The mails
// are read from the simulated mailbox.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [, , folder, url, simulators] = process.argv;
const { farebox } = await import(pathToFileURL(`${folder}/session.mjs`));
const { Refused, changePassword, passwordAccounts, tokenOf } = await import(
  pathToFileURL(`${folder}/passwords.mjs`)
);

const email = "ann@example.org";
const device = "fp-of-a-laptop";
const [first, second, third] = ["seven tired otters", "eight tired otters", "nine tired otters"];
const accounts = passwordAccounts({ url });

async function mailedLink(count) {
  for (let tries = 0; tries < 900; tries += 1) {
    const response = await fetch(`${simulators}/ses/__mailbox?to=${email}`);
    const { mails } = await response.json();
    if (mails.length >= count) return mails.at(-1).text.match(/https:\S+#token=\S+/)?.[0];
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error("no mail");
}

function refused(code) {
  return (error) => error instanceof Refused && error.code === code;
}

await assert.rejects(accounts.register(email, "short", device), (error) => {
  assert.equal(error.code, "PASSWORD_REJECTED");
  assert.equal(error.details.reason, "too_short");
  return error instanceof Refused;
});
await accounts.register(email, first, device);
const link = await mailedLink(1);
assert.equal(new URL(link).pathname, "/verify-email");
await assert.rejects(accounts.verify(tokenOf(link), second), refused("REGISTRATION_PASSWORD_WRONG"));
const verified = await accounts.verify(tokenOf(link), first);
assert.equal(verified.email, email);

const app = farebox({ url });
await assert.rejects(app.signInWithPassword(email, second), { code: "INVALID_CREDENTIALS" });
const user = await app.signInWithPassword(email, first);
assert.equal(user.userId, verified.userId);
const response = await app.call("/credits");
assert.equal((await response.json()).data.registered, true);

await assert.rejects(changePassword(app.call, third, second), refused("INVALID_CREDENTIALS"));
await changePassword(app.call, first, second);
assert.equal((await app.resume()).userId, verified.userId);
await mailedLink(2);

await accounts.forgot(email);
const resetLink = await mailedLink(3);
assert.equal(new URL(resetLink).pathname, "/reset-password");
await accounts.reset(tokenOf(resetLink), third);
await assert.rejects(accounts.reset(tokenOf(resetLink), first), refused("LINK_INVALID"));
await assert.rejects(app.resume(), Error);
assert.equal((await farebox({ url }).signInWithPassword(email, third)).userId, verified.userId);
console.log("done");
