import type { Thread } from "../lib/thread.ts";
import { type AnswerFacts, inspectAnswer } from "./inspect-answer.ts";
import type { Inspected, InspectJob } from "./inspect-thread.ts";

/** Reads an upstream's whole answer; null for what is no JSON object. Never rejects. */
export type ReadAnswer = (body: Buffer) => Promise<AnswerFacts | null>;

/** What is shorter is read in a few milliseconds at the worst: less than others notice. */
const INLINE_BYTES = 256 * 1024;
const TIMEOUT_MS = 30_000;

/** Reads long answers in the thread, so that nobody else waits for them, and short ones at once. */
export function createAnswerReader(thread: Pick<Thread<InspectJob, Inspected>, "run">): ReadAnswer {
  return async (body) => {
    if (body.length > INLINE_BYTES) {
      // A copy: an answer that is paid for must not be lost with a thread.
      const job: InspectJob = { kind: "answer", bytes: new Uint8Array(body) };
      const options = { size: body.length, timeoutMs: TIMEOUT_MS, transfer: [job.bytes.buffer] };
      const inspected = await thread.run(job, options).catch(() => null);
      if (inspected?.kind === "answer") return inspected.found;
      // The thread's owner has told of its death; the answer is to be charged all the same.
    }
    return inspectAnswer(body, Math.random);
  };
}
