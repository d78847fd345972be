// Runs the example of back ends: a page spends what its back end lends it, and no more.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const [module, url, serverKey, page] = process.argv.slice(2);
const { fareboxBackEnd, fareboxPage } = await import(pathToFileURL(module).href);

const backEnd = fareboxBackEnd({ url, serverKey });
let fetched = 0;
const fromPage = { Origin: page };
const app = fareboxPage({
  url,
  getSession: () => {
    fetched += 1;
    return backEnd.sessionFor(
      { id: "customer-42", email: "ada@example.com", emailVerified: true },
      { origins: [page], creditLimit: 1 },
    );
  },
});
const video = {
  method: "POST",
  headers: fromPage,
  body: {
    Fingerprint: "fp-of-a-customer",
    imageUrl: "https://images.example.com/astronaut.jpg",
    promptKey: "foo_prompt",
  },
};

const job = await app.call("/videos", video);
assert.match(job.jobId, /^job_/);
assert.equal((await app.call("/credits", { headers: fromPage })).held, 1);
await assert.rejects(app.call("/videos", video), {
  code: "SESSION_CEILING_REACHED",
  details: { limit: 1, left: 0, required: 1 },
});
assert.equal(fetched, 1);
await assert.rejects(app.call("/credits", { headers: { Origin: "https://evil.example" } }), {
  code: "ORIGIN_NOT_ALLOWED",
});
await assert.rejects(app.call("/me/sessions", { headers: fromPage }), { code: "SCOPE_MISSING" });

const another = fareboxBackEnd({ url, serverKey: `${serverKey}x` });
await assert.rejects(another.sessionFor({ id: "customer-42" }, { origins: [] }), {
  code: "TOKEN_REJECTED",
});
console.log("done");
