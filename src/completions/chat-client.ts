import type { ClientSink } from "./relay-stream.ts";

/** What is known of an admitted call before its answer. */
export interface CallFacts {
  readonly customerId: string | null;
  readonly model: string;
  readonly deploymentId: string;
  readonly stream: boolean;
  /** The answer's limit in tokens, where the budget made it shorter than the caller allows. */
  readonly cappedTokens: number | null;
  /** The customer's maximum, and what was left of it before this call; null = none. */
  readonly maxNano: bigint | null;
  readonly remainingNano: bigint | null;
  /** When the current period of the budget ends; null = never, or no budget. */
  readonly resetAt: Date | null;
  /** The only region the customer may use; null = any. */
  readonly region: string | null;
}

/** The caller's side of a call. What it throws ends the call, and what was held for it. */
export interface ChatClient {
  /** Aborted when the caller has left. */
  readonly gone: AbortSignal;
  /** A stream's cost is wanted as its last comment. */
  readonly announceCost: boolean;
  /** Told once, before the upstream is asked. */
  admitted(facts: CallFacts): void;
  /** Sends a stream's status and headers, and gives the place for its bytes. */
  startStream(head: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
  }): ClientSink;
}
