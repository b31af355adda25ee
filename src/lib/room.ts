/** How much there is room for at once, and how what finds none waits. */
export interface RoomOptions {
  /** In units of the caller's: calls, or bytes. */
  readonly size: number;
  /** The most that wait at once; one more is refused at once. */
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  /** False closes the room for newcomers for a while, whatever is free in it. Default: always open. */
  readonly isOpen?: () => boolean;
  readonly nowMs: () => number;
}

interface Waiting {
  readonly amount: number;
  readonly since: number;
  readonly decide: (taken: boolean) => void;
}

const TICK_MS = 20;
/** The share of the longest wait that is left while a queue stands. */
const STANDING_SHARE = 0.1;

/**
 * Room for so much at once, and a queue before it: first come, first served. A queue that is let in whole now and
 * then is a burst, and everyone in it may wait for `maxWaitMs`. One that has stood for so long is more than can be
 * served: everyone waits a tenth of that, since a longer queue would serve no more, only later.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #queue: Waiting[] = [];
  #taken = 0;
  #standsSince = 0;
  /** When the last who waited was refused; a queue that ends so, and is there again at once, still stands. */
  #refusedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  get taken(): number {
    return this.#taken;
  }
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * True, at once or later: the amount is taken, and must be given back. False: there was no room in time.
   * An amount larger than the room is taken when nothing else is in it.
   */
  take(amount: number): boolean | Promise<boolean> {
    const { maxWaiting, maxWaitMs, nowMs } = this.#options;
    if (this.#queue.length === 0 && this.#fits(amount)) {
      this.#taken += amount;
      return true;
    }
    if (this.#queue.length >= maxWaiting || maxWaitMs === 0) return false;
    const since = nowMs();
    if (this.#queue.length === 0 && since - this.#refusedAt > maxWaitMs * STANDING_SHARE)
      this.#standsSince = since;
    this.#timer ??= setInterval(() => this.#move(), TICK_MS);
    return new Promise((decide) => {
      this.#queue.push({ amount, since, decide });
    });
  }

  give(amount: number): void {
    this.#taken -= amount;
    if (this.#queue.length > 0) this.#move();
  }

  #fits(amount: number): boolean {
    if (this.#options.isOpen?.() === false) return false;
    return this.#taken === 0 || this.#taken + amount <= this.#options.size;
  }

  /** Lets in who fits, refuses who has waited too long. */
  #move(): void {
    const now = this.#options.nowMs();
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const taken = this.#fits(head.amount);
      if (!taken && now - head.since < this.#patienceMs(now)) return;
      this.#queue.shift();
      if (taken) this.#taken += head.amount;
      else this.#refusedAt = now;
      head.decide(taken);
    }
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #patienceMs(now: number): number {
    const { maxWaitMs } = this.#options;
    return now - this.#standsSince > maxWaitMs ? maxWaitMs * STANDING_SHARE : maxWaitMs;
  }
}
