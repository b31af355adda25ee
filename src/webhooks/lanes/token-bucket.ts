/** Lets so many through a second, with at most one second's worth at once. */
export class TokenBucket {
  #tokens = 1;
  #filledAtMs: number;

  constructor(nowMs: number) {
    this.#filledAtMs = nowMs;
  }

  /** Takes one token at this rate; answers 0, or the milliseconds until there is one. */
  take(perSecond: number, nowMs: number): number {
    const gained = ((nowMs - this.#filledAtMs) / 1000) * perSecond;
    this.#tokens = Math.min(Math.max(1, perSecond), this.#tokens + Math.max(0, gained));
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return Math.max(1, Math.ceil(((1 - this.#tokens) / perSecond) * 1000));
    this.#tokens -= 1;
    return 0;
  }

  /** Gives back a token that was not used. */
  putBack(): void {
    this.#tokens += 1;
  }
}
