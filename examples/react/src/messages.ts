import { FareboxError } from "./farebox";

/** What to show for each code. Any other error has a sentence for users of its own. */
const MESSAGES: Record<string, (error: FareboxError) => string> = {
  INSUFFICIENT_CREDITS: ({ details }) =>
    `This costs ${details.required} and you have ${details.available} credits.`,
  DEVICE_ALREADY_USED: () =>
    "Another account was opened on this device. Sign in as the user who was here first.",
  SYSTEM_LIMIT_REACHED: () => "All places are taken. Join the waiting list.",
  TOO_MANY_OPEN_ORDERS: () => "Too many of your purchases wait for a payment. Try again in an hour.",
  WALLET_FROZEN: () => "Your account is being checked. No credit is lost; please contact us.",
  OUTCOME_UNKNOWN: () => "We do not know yet whether your video has begun. Try again: it cannot cost twice.",
  NO_RESPONSE: () => "There was no response. Try again: it cannot cost twice.",
};

export function messageOf(error: unknown): string {
  if (error instanceof FareboxError) return (MESSAGES[error.code] ?? ((each) => each.message))(error);
  return error instanceof Error ? error.message : String(error);
}
