import { AppError, type AppErrorOptions, type ErrorCode } from "../errors.ts";
import { serveJobs, type Steps } from "../lib/serve-jobs.ts";
import { type AnswerFacts, inspectAnswer } from "./inspect-answer.ts";
import { type ChatSummary, inspectChat } from "./inspect-chat.ts";
import { gatherPrompt, type PromptText } from "./tokens/prompt-text.ts";

/** A caller's request or an upstream's answer; the bytes are moved to the thread. */
export interface InspectJob {
  readonly kind: "chat" | "answer";
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A request that was read, or how it is refused, with its bytes. */
export interface InspectedChat {
  readonly kind: "chat";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly found:
    | { readonly summary: ChatSummary; readonly prompt: PromptText }
    | { readonly code: ErrorCode; readonly message: string; readonly options: AppErrorOptions };
}

export type Inspected = InspectedChat | { readonly kind: "answer"; readonly found: AnswerFacts | null };

serveJobs(inspect, (inspected) => (inspected.kind === "chat" ? [inspected.bytes.buffer] : []));

// oxlint-disable-next-line require-yield -- it is linear in the bytes, and the next body waits for its end
function* inspect({ kind, bytes }: InspectJob): Steps<Inspected> {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return kind === "answer"
    ? { kind, found: inspectAnswer(body, Math.random) }
    : { kind, bytes, found: findChat(body) };
}

function findChat(body: Buffer): InspectedChat["found"] {
  try {
    const summary = inspectChat(body);
    return { summary, prompt: gatherPrompt(body, Math.random) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { code, message, param } = error;
    return { code, message, options: param === null ? {} : { param } };
  }
}
