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
/** The share of the most who wait that is left where there is more than can be served. */
const SHORT_SHARE = 0.1;
/** A queue stands when its first has waited for this share of the longest wait; what moves on sooner is a burst. */
const STANDING_SHARE = 0.1;

/**
 * Room for so much at once, and a queue before it: first come, first served. A burst waits as a whole, for
 * `maxWaitMs`. Once somebody has waited so long in vain, or is refused by a full queue that stands, there is more
 * than can be served, and only a tenth as many wait: a longer queue would serve no more, only later. That ends when
 * for `maxWaitMs` nobody has been refused by a queue that stood.
 */
export class Room {
  readonly #options: RoomOptions;
  readonly #queue: Waiting[] = [];
  #taken = 0;
  /** The queue is kept short until then. */
  #shortUntil = -Infinity;
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
    const { nowMs } = this.#options;
    const isFull = this.#isQueueFull();
    if (this.#queue.length === 0 && this.#fits(amount)) {
      this.#taken += amount;
      return true;
    }
    if (isFull) return false;
    this.#timer ??= setInterval(() => this.#move(), TICK_MS);
    return new Promise((decide) => {
      this.#queue.push({ amount, since: nowMs(), decide });
    });
  }

  give(amount: number): void {
    this.#taken -= amount;
    if (this.#queue.length > 0) this.#move();
  }

  /** True: who asks for so much now is refused. To be asked by who comes, since it counts as a refusal. */
  refuses(amount: number): boolean {
    if (this.#options.maxWaitMs === 0) return !this.#fits(amount);
    return this.#isQueueFull();
  }

  #isQueueFull(): boolean {
    const { maxWaiting, maxWaitMs, nowMs } = this.#options;
    if (maxWaitMs === 0) return true;
    const now = nowMs();
    const most = now < this.#shortUntil ? maxWaiting * SHORT_SHARE : maxWaiting;
    if (this.#queue.length < most) return false;
    // It may be that they fit by now and nobody has looked.
    this.#move();
    const [first] = this.#queue;
    if (first === undefined || this.#queue.length < most) return false;
    if (now - first.since >= maxWaitMs * STANDING_SHARE) this.#keepShort(now);
    return true;
  }

  #keepShort(now: number): void {
    this.#shortUntil = now + this.#options.maxWaitMs;
  }

  #fits(amount: number): boolean {
    if (this.#options.isOpen?.() === false) return false;
    return this.#taken === 0 || this.#taken + amount <= this.#options.size;
  }

  /** Lets in who fits, refuses who has waited too long. */
  #move(): void {
    const { maxWaitMs, nowMs } = this.#options;
    const now = nowMs();
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const taken = this.#fits(head.amount);
      if (!taken && now - head.since < maxWaitMs) return;
      this.#queue.shift();
      if (taken) this.#taken += head.amount;
      else this.#keepShort(now);
      head.decide(taken);
    }
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
