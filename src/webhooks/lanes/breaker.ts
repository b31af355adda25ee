import type { BreakerDoc } from "../../store/webhook-documents.ts";

/** closed: all may be sent; open: nothing; half_open: one delivery, to see. */
export type BreakerState = "closed" | "open" | "half_open";

export function breakerState({ openUntil }: BreakerDoc, now: Date): BreakerState {
  if (openUntil === null) return "closed";
  return openUntil > now ? "open" : "half_open";
}

/** How long it stays open after having opened `opens` times before: doubles up to a quarter of an hour. */
export function openForMs(opens: number, firstMs: number): number {
  return Math.min(firstMs * 2 ** Math.min(opens, 20), LONGEST_OPEN_MS);
}

const LONGEST_OPEN_MS = 15 * 60_000;
const RAMP_START_PER_SECOND = 10;
const RAMP_DOUBLES_MS = 10_000;
const RAMP_END_MS = 120_000;

/** After a pause sending grows from ten a second, doubling every ten seconds; null = no limit (any more). */
export function rampPerSecond({ closedAt }: BreakerDoc, now: Date): number | null {
  if (closedAt === null) return null;
  const sinceMs = Math.max(0, now.getTime() - closedAt.getTime());
  return sinceMs >= RAMP_END_MS ? null : RAMP_START_PER_SECOND * 2 ** Math.floor(sinceMs / RAMP_DOUBLES_MS);
}

const STRAIGHT_FAILURES = 10;
const WINDOW_MS = 5 * 60_000;
const WINDOW_LEAST = 10;
const WINDOW_SHARE = 0.7;
const WINDOW_MOST = 1000;

/** Watches one endpoint's attempts and says when it has failed too often. */
export class FailureWatch {
  #straight = 0;
  #recent: { atMs: number; failed: boolean }[] = [];
  #failedRecently = 0;

  succeeded(nowMs: number): void {
    this.#straight = 0;
    this.#remember(nowMs, false);
  }

  /** True when the breaker has to open: ten failures in a row, or seven of ten within five minutes. */
  failed(nowMs: number): boolean {
    this.#straight++;
    this.#remember(nowMs, true);
    const share = this.#failedRecently / this.#recent.length;
    return (
      this.#straight >= STRAIGHT_FAILURES || (this.#recent.length >= WINDOW_LEAST && share >= WINDOW_SHARE)
    );
  }

  /** The breaker has opened or closed: what was before says nothing about what comes. */
  reset(): void {
    this.#straight = 0;
    this.#recent = [];
    this.#failedRecently = 0;
  }

  #remember(atMs: number, failed: boolean): void {
    this.#recent.push({ atMs, failed });
    if (failed) this.#failedRecently++;
    let [oldest] = this.#recent;
    while (oldest !== undefined && (oldest.atMs < atMs - WINDOW_MS || this.#recent.length > WINDOW_MOST)) {
      this.#recent.shift();
      if (oldest.failed) this.#failedRecently--;
      [oldest] = this.#recent;
    }
  }
}
