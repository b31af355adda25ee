import { createAnswerReader, type ReadAnswer } from "../completions/answer-reader.ts";
import { createChatReader, type ReadChat } from "../completions/chat-reader.ts";
import type { Inspected, InspectJob } from "../completions/inspect-thread.ts";
import { createTokenCounter, type TokenCounter } from "../completions/tokens/token-counter.ts";
import { errorFields } from "../lib/log.ts";
import { Thread } from "../lib/thread.ts";
import type { Parts } from "./parts.ts";

/** Texts that wait to be counted, in bytes: what comes on top is estimated without counting. */
const MAX_COUNTING = 64 * 1024 * 1024;
/** The vocabulary takes about 100 MB of it. */
const COUNT_HEAP_MB = 512;
/** For the places of what was found; the bodies themselves are outside of the heap. */
const INSPECT_HEAP_MB = 512;

/** Starting one takes it a second at the most, and a tenth of that where it counts nothing. */
const IDLE_MS = 30_000;
/** Far longer than a start and a step take, also on a machine that is very busy. */
const HANG_MS = 60_000;

/** The work on requests that would keep the event loop from everybody else. */
export function openThreads({ closer, log }: Pick<Parts, "closer" | "log">): {
  readChat: ReadChat;
  readAnswer: ReadAnswer;
  tokens: TokenCounter;
} {
  const open = <Job, Result>(name: string, module: URL, limits: { maxPending: number; heapMb: number }) => {
    const thread = new Thread<Job, Result>({
      module,
      maxPending: limits.maxPending,
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb },
      idleMs: IDLE_MS,
      hangMs: HANG_MS,
      died: (error) => log.error({ thread: name, ...errorFields(error) }, "thread.died"),
    });
    closer.add(`${name} thread`, () => thread.close());
    return thread;
  };
  const inspect = open<InspectJob, Inspected>(
    "inspect",
    new URL("../completions/inspect-thread.ts", import.meta.url),
    // How many bodies there may be at once is decided where they are received.
    { maxPending: Infinity, heapMb: INSPECT_HEAP_MB },
  );
  return {
    readChat: createChatReader(inspect),
    readAnswer: createAnswerReader(inspect),
    tokens: createTokenCounter({
      thread: open("count", new URL("../completions/tokens/count-thread.ts", import.meta.url), {
        maxPending: MAX_COUNTING,
        heapMb: COUNT_HEAP_MB,
      }),
      random: Math.random,
    }),
  };
}
