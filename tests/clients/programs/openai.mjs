// OpenAI's library for Node.js and the AI SDK's compatible provider against the service at the given
// URL, with the token of a user who has credits and that of one who has none. Prints "done", and the
// ids of the jobs that it made.
import assert from "node:assert/strict";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, streamText } from "ai";
import OpenAI from "openai";

const [url, token, poor] = process.argv.slice(2);
const baseURL = `${url}/v1`;
const model = "gpt-4.1-mini";
const prompt = "Describe a lighthouse.";
const messages = [{ role: "user", content: prompt }];
const jobs = [];

// Counts requests; the responses to the next `cuts` of them are lost after they were sent.
let sent = [];
let cuts = 0;
async function line(address, options) {
  sent.push(new Headers(options.headers));
  const response = await fetch(address, options);
  if (cuts > 0) {
    cuts -= 1;
    await response.arrayBuffer();
    throw new TypeError("fetch failed");
  }
  return response;
}

function job(id) {
  jobs.push(id.replace(/^(chatcmpl-|resp_)/, "job_"));
}

const client = new OpenAI({ baseURL, apiKey: token, fetch: line });

const completion = await client.chat.completions.create({ model, messages, max_tokens: 100 });
assert.equal(completion.choices[0].finish_reason, "stop");
assert.ok(completion.usage.total_tokens > completion.usage.prompt_tokens);
assert.ok(completion._request_id);
job(completion.id);

const runner = client.chat.completions.stream({
  model,
  messages,
  max_tokens: 101,
  stream_options: { include_usage: true },
});
let streamed = "";
runner.on("content", (delta) => (streamed += delta));
const final = await runner.finalChatCompletion();
assert.equal(streamed, final.choices[0].message.content);
assert.ok(final.usage.total_tokens > 0);
job(final.id);

const response = await client.responses.create({ model, input: prompt, max_output_tokens: 102 });
assert.equal(response.status, "completed");
assert.ok(response.output_text.length > 0);
job(response.id);

const events = client.responses.stream({ model, input: prompt, max_output_tokens: 103 });
let written = "";
events.on("response.output_text.delta", (event) => (written += event.delta));
const whole = await events.finalResponse();
assert.equal(written, whole.output_text);
job(whole.id);

const names = [];
for await (const each of client.models.list()) names.push(each.id);
assert.ok(names.includes(model));

sent = [];
const without = new OpenAI({ baseURL, apiKey: poor, fetch: line });
await assert.rejects(
  without.chat.completions.create({ model, messages }),
  (error) => error.status === 402 && error.code === "INSUFFICIENT_CREDITS",
);
assert.equal(sent.length, 1);

sent = [];
cuts = 1;
const retried = await client.chat.completions.create({ model, messages, max_tokens: 104 });
assert.ok(retried.choices[0].message.content);
assert.deepEqual(sent.map((headers) => headers.get("x-stainless-retry-count")), ["0", "1"]);
job(retried.id);

const left = await client.chat.completions.create({
  model,
  messages,
  max_tokens: 105,
  stream: true,
});
for await (const chunk of left) {
  job(chunk.id);
  break;
}

const farebox = createOpenAICompatible({
  name: "farebox",
  baseURL,
  apiKey: token,
  fetch: line,
  includeUsage: true,
});

const text = await generateText({ model: farebox(model), prompt, maxOutputTokens: 106 });
assert.ok(text.text.length > 0);
assert.equal(text.finishReason, "stop");
assert.ok(text.usage.totalTokens > 0);
job(text.response.id);

const stream = streamText({ model: farebox(model), prompt, maxOutputTokens: 107 });
let parts = "";
for await (const part of stream.textStream) parts += part;
assert.equal(parts, await stream.text);
assert.ok((await stream.usage).totalTokens > 0);
job((await stream.response).id);

sent = [];
const poorModel = createOpenAICompatible({ name: "farebox", baseURL, apiKey: poor, fetch: line });
await assert.rejects(generateText({ model: poorModel(model), prompt }), (error) => {
  return APICallError.isInstance(error) && error.statusCode === 402 && !error.isRetryable;
});
assert.equal(sent.length, 1);

const abort = new AbortController();
const aborted = streamText({
  model: farebox(model),
  prompt,
  maxOutputTokens: 108,
  abortSignal: abort.signal,
});
for await (const part of aborted.fullStream) {
  if (part.type === "text-delta") abort.abort();
}

console.log(["done", ...jobs].join("\n"));
