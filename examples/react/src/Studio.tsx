import { useCallback, useEffect, useMemo, useState, type FormEvent } from "react";
import { closeAttempt, newAttempt, openAttempt, type Attempt } from "./attempt";
import { fingerprint } from "./device";
import { Farebox, FareboxError, isOpen, type Credits, type Job } from "./farebox";
import { messageOf } from "./messages";
import type { Session } from "./session";
import { Shop } from "./Shop";

interface Props {
  session: Session;
  onSignOut: (reason?: string) => void;
}

export function Studio({ session, onSignOut }: Props) {
  const [prompts, setPrompts] = useState<string[]>([]);
  const [credits, setCredits] = useState<Credits | null>(null);
  const [job, setJob] = useState<Job | null>(null);
  const [open, setOpen] = useState<Attempt | null>(() => openAttempt(session.userId));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const [progress, setProgress] = useState("");
  const farebox = useMemo(
    () => new Farebox(session.token, (reason) => setProgress(`${messageOf(reason)} Trying again …`)),
    [session],
  );

  const fail = useCallback(
    (error: unknown) => {
      if (error instanceof FareboxError && error.status === 401) {
        onSignOut("Your sign-in has expired. Sign in again to go on.");
      }
      setProblem(messageOf(error));
    },
    [onSignOut],
  );

  const showCredits = useCallback(() => {
    farebox.credits().then(setCredits, fail);
  }, [farebox, fail]);

  useEffect(() => {
    farebox.prompts().then(setPrompts, fail);
    showCredits();
  }, [farebox, fail, showCredits]);

  /** Sends the attempt, or sends it again, and follows its job. */
  const run = async (attempt: Attempt) => {
    setBusy(true);
    setOpen(attempt);
    setProblem("");
    setProgress("Sending …");
    try {
      const started = await farebox.createVideo(attempt.request, attempt.key);
      setProgress(isOpen(started) ? "Your video is being made. This takes minutes with the real Kling." : "");
      farebox.credits().then(setCredits, () => {});
      setJob(await farebox.ended(started));
      finish();
    } catch (error) {
      const final = error instanceof FareboxError && !error.repeatable && error.status !== 401;
      if (final) finish();
      fail(error);
    } finally {
      setBusy(false);
      setProgress("");
      farebox.credits().then(setCredits, () => {});
    }
  };

  const finish = () => {
    closeAttempt();
    setOpen(null);
  };

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setJob(null);
    await run(
      newAttempt({
        GoogleID: session.userId,
        Fingerprint: await fingerprint(),
        imageUrl: String(form.get("imageUrl")),
        promptKey: String(form.get("promptKey")),
      }),
    );
  };

  return (
    <>
      <p className="bar">
        <span>{session.email}</span>
        <Balance credits={credits} />
        <button onClick={() => onSignOut()}>Sign out</button>
      </p>
      <form onSubmit={submit}>
        <label>
          Image
          <input name="imageUrl" type="url" required defaultValue="https://images.example.com/astronaut.jpg" />
        </label>
        <label>
          Prompt
          <select name="promptKey" required>
            {prompts.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <button disabled={busy || open !== null || prompts.length === 0}>Make the video</button>
      </form>
      {problem && <p role="alert">{problem}</p>}
      {open && !busy && (
        <p>
          Your last request is not finished. <button onClick={() => run(open)}>Go on with it</button>
        </p>
      )}
      <p role="status">{progress}</p>
      {job && <Result job={job} />}
      {credits?.registered && <Shop farebox={farebox} onChange={showCredits} onProblem={fail} />}
    </>
  );
}

function Balance({ credits }: { credits: Credits | null }) {
  if (!credits) return null;
  if (!credits.registered) return <span id="credits">your first video opens the account</span>;
  const available = `${credits.credits} ${credits.credits === 1 ? "credit" : "credits"}`;
  return <span id="credits">{credits.held ? `${available}, ${credits.held} held` : available}</span>;
}

function Result({ job }: { job: Job }) {
  return (
    <section aria-label="Result" aria-live="polite">
      <p>{job.error?.message ?? `Your video is ready. It cost ${job.credits.captured} credit.`}</p>
      {/* A FAILED job may have a video too: one that arrived late is free. */}
      {job.videoUrl && <video src={job.videoUrl} controls loop muted autoPlay />}
    </section>
  );
}
