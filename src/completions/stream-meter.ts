import { frameData } from "../lib/sse.ts";
import type { TokenUsage } from "../lib/token-usage.ts";
import { generatedText } from "./generated-text.ts";
import { readUsage } from "./wire-usage.ts";

/** What to do with one frame of the upstream's stream. */
export type FrameVerdict = "forward" | "withhold" | "hold";

/** Frames kept as bytes before they are reduced to the text they carry. */
const KEEP_BYTES = 256 * 1024;

/**
 * Reads usage on the side while a stream passes by. It looks into a frame only when that may hold usage
 * or ends the stream; generated text is dug out only when the upstream never reported usage.
 */
export class StreamMeter {
  readonly #withholdUsage: boolean;
  #usage: TokenUsage | null = null;
  #usageIsFinal = false;
  #done = false;
  #frames: Buffer[] = [];
  #frameBytes = 0;
  #text: string[] = [];
  #sawData = false;

  /** `withholdUsage`: the usage-only chunk was asked for by us, not by the caller. */
  constructor(options: { withholdUsage: boolean }) {
    this.#withholdUsage = options.withholdUsage;
  }

  /** The last usage the upstream reported. */
  get usage(): TokenUsage | null {
    return this.#usage;
  }

  /** True once usage came in the closing chunk; before that it may be a running count. */
  get usageIsFinal(): boolean {
    return this.#usageIsFinal;
  }

  /** True once the upstream sent `[DONE]`. */
  get done(): boolean {
    return this.#done;
  }

  /** True once any event with data came: from then on the call has a cost. */
  get sawData(): boolean {
    return this.#sawData;
  }

  /** `hold` is for `[DONE]` and what follows: the caller gets it after the charge is durable. */
  accept(frame: Buffer): FrameVerdict {
    if (this.#done) return "hold";
    if (frame.length < 64 && frameData(frame)?.trim() === "[DONE]") {
      this.#done = true;
      return "hold";
    }
    this.#keep(frame);
    if (!frame.includes('"usage"')) return "forward";
    const body = parseData(frame);
    const usage = body === null ? null : readUsage(body["usage"]);
    if (body === null || usage === null) return "forward";
    this.#usage = usage;
    const choices = body["choices"];
    this.#usageIsFinal = !Array.isArray(choices) || choices.length === 0 || hasFinished(choices);
    const usageOnly = Array.isArray(choices) && choices.length === 0;
    return usageOnly && this.#withholdUsage ? "withhold" : "forward";
  }

  /** Everything the model has generated so far, as one text. */
  generatedText(): string {
    this.#reduce();
    return this.#text.join("");
  }

  #keep(frame: Buffer): void {
    this.#sawData ||= frame.includes("data:");
    this.#frames.push(frame);
    this.#frameBytes += frame.length;
    if (this.#frameBytes > KEEP_BYTES) this.#reduce();
  }

  #reduce(): void {
    for (const frame of this.#frames) {
      const body = parseData(frame);
      if (body !== null) this.#text.push(generatedText(body));
    }
    this.#frames = [];
    this.#frameBytes = 0;
  }
}

function hasFinished(choices: readonly unknown[]): boolean {
  return choices.every(
    (choice) =>
      choice !== null &&
      typeof choice === "object" &&
      typeof (choice as { finish_reason?: unknown }).finish_reason === "string",
  );
}

function parseData(frame: Buffer): Record<string, unknown> | null {
  const data = frameData(frame);
  if (data === null) return null;
  try {
    const body: unknown = JSON.parse(data);
    return body !== null && typeof body === "object" ? (body as Record<string, unknown>) : null;
  } catch {
    // Not JSON: the caller gets the bytes all the same, and there is nothing to meter in them.
    return null;
  }
}
