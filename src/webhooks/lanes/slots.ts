/**
 * A worker's room for attempts, in two parts: endpoints that answer slowly share the smaller one, so that no
 * number of them can take the room of those that answer fast.
 */
export class Slots {
  readonly #free: Record<Pace, number>;
  readonly #waiting: Record<Pace, Set<() => void>> = { fast: new Set(), slow: new Set() };

  constructor(room: Readonly<Record<Pace, number>>) {
    this.#free = { ...room };
  }

  /** Takes a place and returns how to give it back; null when there is none: `wake` is then called once there may be. */
  take(pace: Pace, wake: () => void): (() => void) | null {
    if (this.#free[pace] === 0) {
      this.#waiting[pace].add(wake);
      return null;
    }
    this.#free[pace]--;
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#free[pace]++;
      // Oldest first, and whoever is woken waits again at the end: all take turns.
      const [next] = this.#waiting[pace];
      if (next === undefined) return;
      this.#waiting[pace].delete(next);
      next();
    };
  }
}

export type Pace = "fast" | "slow";
