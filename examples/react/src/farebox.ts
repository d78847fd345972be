import { FAREBOX_URL } from "./settings";

export interface Job {
  jobId: string;
  status: "SUBMITTING" | "SUBMITTED" | "SUCCEEDED" | "FAILED";
  credits: { held: number; captured: number; released: number };
  videoUrl: string | null;
  error: { code: string; message: string } | null;
}

export interface Credits {
  credits: number;
  held: number;
  registered: boolean;
}

export interface Package {
  packageId: string;
  totalCredits: number;
  amountCents: number;
  currency: string;
}

export interface Order {
  orderId: string;
  status: "created" | "pending" | "paid" | "expired" | "failed" | "partially_refunded" | "refunded";
  credits: number;
}

export interface VideoRequest {
  GoogleID: string;
  Fingerprint: string;
  imageUrl: string;
  promptKey: string;
}

interface ErrorBody {
  error: string;
  code: string;
  details?: Record<string, unknown>;
}

const RETRY_SECONDS = 2;
const MAX_ATTEMPTS = 5;
const LONG_POLL_SECONDS = 20;
const MAX_ORDER_POLLS = 3;
const EARLY_RESPONSE_MS = 1000;

const MAX_WAIT_SECONDS = 60;

export class FareboxError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  /** Without a body, the response was lost or is not Farebox's: the outcome is unknown. */
  constructor(
    readonly status: number,
    body: ErrorBody | null,
    readonly retryAfterSeconds: number,
  ) {
    super(body?.error ?? "There was no response.");
    this.code = body?.code ?? "NO_RESPONSE";
    this.details = body?.details ?? {};
  }

  /**
   * Whether the same request, with the same Idempotency-Key, may be sent again while the user waits.
   * A limit of the day says to come back hours later: that is for the user to read.
   */
  get repeatable(): boolean {
    const mayPass = this.code === "NO_RESPONSE" || this.status === 429 || this.status >= 500;
    return mayPass && this.retryAfterSeconds <= MAX_WAIT_SECONDS;
  }
}

export const isOpen = (job: Job) => job.status === "SUBMITTING" || job.status === "SUBMITTED";

export const isUnpaid = (order: Order) => order.status === "created" || order.status === "pending";

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** Calls Farebox as one user. Every method raises `FareboxError`. */
export class Farebox {
  /** `onRepeat` is called before a request is sent again. */
  constructor(
    private readonly token: string,
    private readonly onRepeat: (reason: FareboxError) => void,
  ) {}

  async prompts(): Promise<string[]> {
    const { prompts } = await this.call<{ prompts: { promptKey: string }[] }>("/prompts");
    return prompts.map(({ promptKey }) => promptKey);
  }

  credits(): Promise<Credits> {
    return this.call("/credits");
  }

  /** What can be bought. */
  async packages(): Promise<Package[]> {
    return (await this.call<{ packages: Package[] }>("/credits/packages")).packages;
  }

  /** Begins a purchase; returns the client secret of its checkout. One key for each click. */
  async checkout(packageId: string, key: string): Promise<string> {
    const order = await this.post<{ clientSecret: string }>("/stripe/checkout", { packageId }, key);
    return order.clientSecret;
  }

  /** The order once its payment has ended. One on its way for longer (a bank debit) stays pending. */
  async settled(orderId: string): Promise<Order> {
    const path = `/stripe/orders/${encodeURIComponent(orderId)}?wait=${LONG_POLL_SECONDS}`;
    let order = await this.repeating(() => this.call<Order>(path));
    for (let poll = 1; isUnpaid(order) && poll < MAX_ORDER_POLLS; poll += 1) {
      await pause(EARLY_RESPONSE_MS);
      order = await this.repeating(() => this.call<Order>(path));
    }
    return order;
  }

  /** Requests a video. However often it is called with one key, there is one job and one charge. */
  createVideo(request: VideoRequest, key: string): Promise<Job> {
    return this.post("/videos", request, key);
  }

  /** Returns the job when it has ended. */
  async ended(job: Job): Promise<Job> {
    let current = job;
    while (isOpen(current)) {
      const path = `/jobs/${job.jobId}?wait=${LONG_POLL_SECONDS}`;
      // A busy service may respond before the job has ended.
      const [next] = await Promise.all([
        this.repeating(() => this.call<Job>(path)),
        pause(EARLY_RESPONSE_MS),
      ]);
      current = next;
    }
    return current;
  }

  private post<T>(path: string, request: object, key: string): Promise<T> {
    return this.repeating(() =>
      this.call(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
        body: JSON.stringify(request),
      }),
    );
  }

  /** Sends the same request again while its outcome may still change, as Retry-After says. */
  private async repeating<T>(send: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        const again = error instanceof FareboxError && error.repeatable && attempt < MAX_ATTEMPTS;
        if (!again) throw error;
        this.onRepeat(error);
        await pause(error.retryAfterSeconds * 1000);
      }
    }
  }

  private async call<T>(path: string, init: RequestInit = {}): Promise<T> {
    const headers = { ...init.headers, Authorization: `Bearer ${this.token}` };
    let response: Response | undefined;
    let body: ({ success: true; data: T } | ({ success: false } & ErrorBody)) | undefined;
    try {
      response = await fetch(FAREBOX_URL + path, { ...init, headers });
      body = await response.json();
    } catch {
      // No response, or an HTML page of a proxy.
    }
    if (body?.success) return body.data;
    const seconds = Number(response?.headers.get("Retry-After")) || RETRY_SECONDS;
    throw new FareboxError(response?.status ?? 0, body ?? null, seconds);
  }
}
