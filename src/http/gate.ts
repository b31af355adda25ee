import { Room } from "../lib/room.ts";

export interface GateOptions {
  /** Requests in flight, streams among them. */
  readonly maxRequests: number;
  /** Bytes of the larger bodies of requests in flight. */
  readonly maxBodyBytes: number;
  readonly maxQueueMs: number;
  /** True while what is in flight waits for us: one more would only wait with it. Default: never. */
  readonly isBehind?: () => boolean;
  /** So many are let in also while it is behind: a burst, or a slow machine, is no overload. Default: none. */
  readonly always?: number;
  readonly nowMs: () => number;
}

/** The most that wait for one before them to end; each keeps a socket and little else. */
const MAX_WAITING = 1024;
/** Who has been behind within this time lets in one for each that leaves. */
const CAREFUL_MS = 2000;
/** Bodies up to this are part of what any request needs; only larger ones are counted by the byte. */
const SMALL_BODY_BYTES = 64 * 1024;

/** The place of a request that was let in. */
export interface Place {
  /** Makes room for a body that turns out to have so many bytes; false: there is none in time. */
  readonly grow: (bytes: number) => boolean | Promise<boolean>;
  /** To be called once, when all of it is over. */
  readonly leave: () => void;
}

/** Bounds what a process works on at once. The room for a body of a told length is taken before it is read. */
export class Gate {
  readonly #requests: Room;
  readonly #bytes: Room;
  readonly #options: GateOptions;
  /** After it was behind: no more than were in flight then. */
  #ceiling = Infinity;
  #behindAt = -Infinity;

  constructor(options: GateOptions) {
    const { maxRequests, maxBodyBytes, maxQueueMs, nowMs } = options;
    const queue = { maxWaiting: MAX_WAITING, maxWaitMs: maxQueueMs, nowMs };
    this.#options = options;
    this.#requests = new Room({ ...queue, size: maxRequests, isOpen: () => this.#isOpen() });
    this.#bytes = new Room({ ...queue, size: maxBodyBytes });
  }

  /**
   * That it is no longer behind does not mean that there is room for all who wait: those who were let in last have
   * not come to where the others wait.
   */
  #isOpen(): boolean {
    const { isBehind, always = 0, nowMs } = this.#options;
    const { taken } = this.#requests;
    if (isBehind === undefined || taken < always) return true;
    if (isBehind()) {
      this.#ceiling = Math.min(this.#ceiling, taken);
      this.#behindAt = nowMs();
      return false;
    }
    if (this.#ceiling < Infinity && nowMs() - this.#behindAt > CAREFUL_MS) this.#ceiling = Infinity;
    return taken < this.#ceiling;
  }

  /** True while nothing is in flight. */
  readonly isEmpty = (): boolean => this.#requests.taken === 0;

  /** True: a request that comes now is refused without a wait. Counts as a refusal. */
  readonly refuses = (): boolean => this.#requests.refuses(1);

  /** Null: there is no place in time. `bytes` is what the sender says of its body; 0 when it does not say. */
  async enter(bytes: number): Promise<Place | null> {
    let taken = 0;
    let hasLeft = false;
    const grow = (size: number): boolean | Promise<boolean> => {
      if (size <= SMALL_BODY_BYTES || size <= taken) return true;
      const more = size - taken;
      const grown = (made: boolean): boolean => {
        // Who left while it waited takes nothing along.
        if (made && hasLeft) this.#bytes.give(more);
        else if (made) taken += more;
        return made && !hasLeft;
      };
      const made = this.#bytes.take(more);
      return typeof made === "boolean" ? grown(made) : made.then(grown);
    };
    const leave = (): void => {
      hasLeft = true;
      this.#bytes.give(taken);
      this.#requests.give(1);
    };
    if (!(await grow(bytes))) return null;
    if (await this.#requests.take(1)) return { grow, leave };
    this.#bytes.give(taken);
    return null;
  }
}
