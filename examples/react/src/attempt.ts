import type { VideoRequest } from "./farebox";

/** One click on the button: the request and its key. Kept until its outcome is final, so that a
 * retry, a reload or a new sign-in repeats it instead of paying for another video. */
export interface Attempt {
  key: string;
  request: VideoRequest;
}

const STORAGE_KEY = "farebox-attempt";

export function newAttempt(request: VideoRequest): Attempt {
  const attempt = { key: crypto.randomUUID(), request };
  localStorage.setItem(STORAGE_KEY, JSON.stringify(attempt));
  return attempt;
}

/** The open attempt of that user, if there is one. */
export function openAttempt(userId: string): Attempt | null {
  const attempt: Attempt | null = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "null");
  return attempt?.request.GoogleID === userId ? attempt : null;
}

export function closeAttempt(): void {
  localStorage.removeItem(STORAGE_KEY);
}
