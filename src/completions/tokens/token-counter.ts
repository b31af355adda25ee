import type { Thread } from "../../lib/thread.ts";
import type { ChatRequest } from "../chat-request.ts";
import type { CountJob } from "./count-thread.ts";
import { sampleText, type TextSample } from "./sample-texts.ts";

/** Counts tokens with the o200k vocabulary: an estimate for other vendors' models. None of these ever rejects. */
export interface TokenCounter {
  /** Estimated tokens of a chat request: message texts, tools and the format's own tokens. */
  readonly estimatePrompt: (request: ChatRequest) => Promise<number>;
  /** No fewer tokens than any vendor's vocabulary makes of it, and no more than it has bytes. */
  readonly boundPrompt: (request: ChatRequest) => Promise<number>;
  readonly estimateText: (text: string | TextSample) => Promise<number>;
  /** The longest start of the text that has no more tokens than that. */
  readonly cutText: (text: string, maxTokens: number) => Promise<string>;
}

export interface CounterDeps {
  readonly thread: Pick<Thread<CountJob, number>, "run">;
  readonly random: () => number;
}

/** A call that is not admitted yet waits no longer for its count. */
const BOUND_TIMEOUT_MS = 10_000;
/** An answered call is charged by it: a better number is worth more time. */
const ESTIMATE_TIMEOUT_MS = 20_000;
/** Other vocabularies than the one we count with may need more tokens for the same text. */
const VOCABULARY_MARGIN = 1.25;
/** Ours has tokens of 128 spaces; not every vocabulary has longer ones than this, in bytes. */
const LONGEST_TOKEN = 8;
const FORMAT_TOKENS = 16;
/** What is taken for a token where nothing could be counted: English has more bytes in one, Chinese about as many. */
const BYTES_PER_TOKEN = 3;

export function createTokenCounter({ thread, random }: CounterDeps): TokenCounter {
  /** Null: too much waits, or the thread died or was too slow. */
  const run = async (job: CountJob, size: number, timeoutMs: number): Promise<number | null> => {
    try {
      return await thread.run(job, { size, timeoutMs });
    } catch {
      // The thread's owner tells of its death; there is a number without it.
      return null;
    }
  };
  const count = async (sample: TextSample, timeoutMs: number): Promise<number | null> => {
    const { text, ends, sampledBytes } = sample;
    return sampledBytes === 0 ? 0 : run({ text, ends }, sampledBytes, timeoutMs);
  };
  const estimate = async (sample: TextSample): Promise<number> => {
    const counted = await count(sample, ESTIMATE_TIMEOUT_MS);
    if (counted === null) return Math.ceil(sample.totalBytes / BYTES_PER_TOKEN);
    return sample.sampledBytes === sample.totalBytes
      ? counted
      : Math.ceil((counted * sample.totalBytes) / sample.sampledBytes);
  };
  return {
    estimatePrompt: async (request) => {
      const { sample, formatTokens } = request.prompt();
      return formatTokens + (await estimate(sample));
    },
    boundPrompt: async (request) => {
      const most = request.bytes.length;
      const { sample, formatTokens, otherBytes } = request.prompt();
      const counted = await count(sample, BOUND_TIMEOUT_MS);
      if (counted === null) return most;
      const { sampledBytes, totalBytes } = sample;
      const inSample = Math.max(counted * VOCABULARY_MARGIN, sampledBytes / LONGEST_TOKEN);
      // A byte is at most one token: so much for what was not counted.
      const unseen = totalBytes - sampledBytes + otherBytes;
      return Math.min(most, Math.ceil(inSample + formatTokens * VOCABULARY_MARGIN) + FORMAT_TOKENS + unseen);
    },
    estimateText: async (text) => estimate(typeof text === "string" ? sampleText(text, random) : text),
    cutText: async (text, maxTokens) => {
      const length = await run({ text, maxTokens }, text.length, ESTIMATE_TIMEOUT_MS);
      return text.slice(0, length ?? maxTokens * BYTES_PER_TOKEN);
    },
  };
}
