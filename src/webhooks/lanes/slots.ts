export type Pace = "fast" | "slow";

/** Gives a place back; a second call does nothing. */
export type Release = () => void;

/**
 * A worker's room for attempts, in two parts: endpoints that answer slowly share the smaller one, so that no
 * number of them can take the room of those that answer fast.
 */
export class Slots {
  readonly #free: Record<Pace, number>;
  readonly #waiting: Record<Pace, Set<(release: Release) => void>> = { fast: new Set(), slow: new Set() };

  constructor(room: Readonly<Record<Pace, number>>) {
    this.#free = { ...room };
  }

  /**
   * Takes a place and returns how to give it back; null when there is none: then the next one that is given
   * back is handed to whoever has waited longest, and all take turns.
   */
  take(pace: Pace, handOver: (release: Release) => void): Release | null {
    if (this.#free[pace] === 0) {
      this.#waiting[pace].add(handOver);
      return null;
    }
    this.#free[pace]--;
    return this.#releaseOf(pace);
  }

  #releaseOf(pace: Pace): Release {
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      const [next] = this.#waiting[pace];
      if (next === undefined) {
        this.#free[pace]++;
      } else {
        this.#waiting[pace].delete(next);
        next(this.#releaseOf(pace));
      }
    };
  }
}

/** One lane's side of the room: what is handed over is kept for its next pass, and what that leaves is given on. */
export class Places {
  readonly #slots: Slots;
  readonly #wake: () => void;
  readonly #handed = new Map<Pace, Release>();
  readonly #handOver = { fast: this.#takerOf("fast"), slow: this.#takerOf("slow") } as const;

  constructor(slots: Slots, wake: () => void) {
    this.#slots = slots;
    this.#wake = wake;
  }

  /** A place, or null: `wake` is called when there is one. */
  take(pace: Pace): Release | null {
    const handed = this.#handed.get(pace);
    if (handed === undefined) return this.#slots.take(pace, this.#handOver[pace]);
    this.#handed.delete(pace);
    return handed;
  }

  /** Gives on what was handed over and has not been taken. */
  giveOn(): void {
    for (const [pace, release] of this.#handed) {
      this.#handed.delete(pace);
      release();
    }
  }

  #takerOf(pace: Pace): (release: Release) => void {
    return (release) => {
      this.#handed.set(pace, release);
      this.#wake();
    };
  }
}
