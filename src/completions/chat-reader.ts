import { isMarkedAsUntransferable } from "node:worker_threads";
import { AppError } from "../errors.ts";
import type { Thread } from "../lib/thread.ts";
import { asRequest, type ChatRequest, parseChatRequest, withoutMark } from "./chat-request.ts";
import type { InspectJob, Inspected } from "./inspect-thread.ts";

/** Reads a chat completion's body. Rejects with invalid_json, or invalid_request naming the field. */
export type ReadChat = (body: Buffer) => Promise<ChatRequest>;

/** What is shorter is read in a few milliseconds at the worst: less than others notice. */
const INLINE_BYTES = 256 * 1024;
/** Far more than the longest body takes; what hangs is ended. */
const TIMEOUT_MS = 30_000;

/**
 * Reads long bodies in the thread, so that nobody else waits for them, and short ones at once. The body's
 * memory is moved to the thread and back, not copied: the caller must not use `body` any more.
 */
export function createChatReader(thread: Pick<Thread<InspectJob, Inspected>, "run">): ReadChat {
  return async (body) => {
    const bytes = withoutMark(body);
    if (bytes.length <= INLINE_BYTES) return parseChatRequest(bytes);
    const job: InspectJob = { kind: "chat", bytes: movable(bytes) };
    const options = { size: bytes.length, timeoutMs: TIMEOUT_MS, transfer: [job.bytes.buffer] };
    const inspected = await thread.run(job, options).catch((cause: unknown) => {
      // Behind other long ones, or with a thread that one of them has ended.
      throw new AppError("overloaded", "The request could not be read in time; please try again", {
        cause,
        headers: { "retry-after": "1" },
      });
    });
    if (inspected.kind !== "chat") throw new Error(`A request was read as ${inspected.kind}`);
    const { found } = inspected;
    if ("code" in found) throw new AppError(found.code, found.message, found.options);
    const { buffer, byteOffset, byteLength } = inspected.bytes;
    return asRequest(Buffer.from(buffer, byteOffset, byteLength), found.summary, () => found.prompt);
  };
}

/** Bytes in memory of their own: what shares its memory with others cannot be moved. */
function movable(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isOwn =
    buffer instanceof ArrayBuffer &&
    !isMarkedAsUntransferable(buffer) &&
    buffer.byteLength - bytes.byteLength <= 3;
  return isOwn ? new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);
}
