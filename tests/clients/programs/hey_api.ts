// Makes a video with the client that @hey-api/openapi-ts generates, and prints the job.
import { client } from "./generated/client.gen.js";
import { createVideo, getCredits, getJob, listJobs, listPrompts, type Job, type JobStatus } from "./generated/index.js";

const [url = "", token = "", user = ""] = process.argv.slice(2);
client.setConfig({ baseUrl: url, auth: token });

const isOpen = (status: JobStatus) => status === "SUBMITTING" || status === "SUBMITTED";

async function firstPrompt(): Promise<string> {
  const { data } = await listPrompts({ throwOnError: true });
  const [prompt] = data.data.prompts;
  if (!prompt) throw new Error("There is no prompt.");
  return prompt.promptKey;
}

async function start(): Promise<Job> {
  const { data, error } = await createVideo({
    body: {
      GoogleID: user,
      Fingerprint: `fp-${user}`,
      imageUrl: "https://images.example.com/astronaut.jpg",
      promptKey: await firstPrompt(),
    },
    headers: { "Idempotency-Key": crypto.randomUUID() },
  });
  if (error?.code === "INSUFFICIENT_CREDITS") {
    throw new Error(`It costs ${error.details.required} and ${error.details.available} are there.`);
  }
  if (!data) throw new Error(error.error);
  return data.data;
}

async function finish(job: Job): Promise<Job> {
  while (isOpen(job.status)) {
    const { data } = await getJob({ path: { jobId: job.jobId }, query: { wait: 20 }, throwOnError: true });
    job = data.data;
  }
  return job;
}

const job = await finish(await start());
const { data: page } = await listJobs({ query: { limit: 1 }, throwOnError: true });
const { data: wallet } = await getCredits({ throwOnError: true });
const outcome: string = job.videoUrl ?? job.error?.message ?? "";
console.log(JSON.stringify({
  jobId: job.jobId,
  status: job.status,
  outcome,
  listed: page.data.jobs.map((each) => each.jobId),
  left: wallet.data.lots.filter((lot) => lot.kind === "free").reduce((sum, lot) => sum + lot.credits, 0),
}));
