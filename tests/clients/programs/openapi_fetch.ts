// Makes a video with openapi-fetch and the types that openapi-typescript generates, and prints the job.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema.js";

type Job = components["schemas"]["Job"];
type JobStatus = components["schemas"]["JobStatus"];

const [url = "", token = "", user = ""] = process.argv.slice(2);
const api = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

const isOpen = (status: JobStatus) => status === "SUBMITTING" || status === "SUBMITTED";

async function start(): Promise<Job> {
  const { data, error } = await api.POST("/videos", {
    body: {
      Fingerprint: `fp-${user}`,
      imageUrl: "https://images.example.com/astronaut.jpg",
      promptKey: "foo_prompt",
    },
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  });
  if (error?.code === "INSUFFICIENT_CREDITS") {
    throw new Error(`It costs ${error.details.required} and ${error.details.available} are there.`);
  }
  if (error) throw new Error(error.error);
  return data.data;
}

async function finish(job: Job): Promise<Job> {
  while (isOpen(job.status)) {
    const { data, error } = await api.GET("/jobs/{jobId}", { params: { path: { jobId: job.jobId }, query: { wait: 20 } } });
    if (error) throw new Error(error.error);
    job = data.data;
  }
  return job;
}

const job = await finish(await start());
const { data: wallet } = await api.GET("/credits");
const outcome: string = job.videoUrl ?? job.error?.message ?? "";
console.log(JSON.stringify({
  jobId: job.jobId,
  status: job.status,
  outcome,
  left: wallet?.data.lots.filter((lot) => lot.kind === "free").reduce((sum, lot) => sum + lot.credits, 0),
}));
