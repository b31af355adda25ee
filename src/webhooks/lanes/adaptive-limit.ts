/** How many attempts an endpoint may have in flight: grows while it goes well, halves when it gets too much. */
export class AdaptiveLimit {
  #limit: number;
  #successes = 0;
  #troubled = false;

  constructor(start: number = START) {
    this.#limit = start;
  }

  /** Never above `max`, never below one. */
  allowed(max: number): number {
    return Math.max(1, Math.min(Math.floor(this.#limit), max));
  }

  /** Before the first trouble it grows with every few successes, after it slowly. */
  succeeded(max: number): void {
    this.#successes++;
    if (this.#successes % (this.#troubled ? CAREFUL_STEP : EARLY_STEP) !== 0) return;
    this.#limit = Math.min(this.#limit + 1, Math.max(1, max));
  }

  overloaded(): void {
    this.#troubled = true;
    this.#successes = 0;
    this.#limit = Math.max(1, this.#limit / 2);
  }
}

const START = 10;
const EARLY_STEP = 4;
const CAREFUL_STEP = 20;
