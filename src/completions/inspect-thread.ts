import { AppError, type AppErrorOptions, type ErrorCode } from "../errors.ts";
import { serveJobs, type Steps } from "../lib/serve-jobs.ts";
import { type ChatSummary, inspectChat } from "./inspect-chat.ts";
import { gatherPrompt, type PromptText } from "./tokens/prompt-text.ts";

/** A body, moved to the thread and back. */
export interface InspectJob {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Inspected extends InspectJob {
  readonly found:
    | { readonly summary: ChatSummary; readonly prompt: PromptText }
    | { readonly code: ErrorCode; readonly message: string; readonly options: AppErrorOptions };
}

serveJobs(inspect, ({ bytes }) => [bytes.buffer]);

// oxlint-disable-next-line require-yield -- it is linear in the body, and the next body waits for its end
function* inspect({ bytes }: InspectJob): Steps<Inspected> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const summary = inspectChat(body);
    return { bytes, found: { summary, prompt: gatherPrompt(body, Math.random) } };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, param } = error;
    return { bytes, found: { code, message, options: param === null ? {} : { param } } };
  }
}
