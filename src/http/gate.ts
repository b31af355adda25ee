import { Room } from "../lib/room.ts";

export interface GateOptions {
  /** Requests in flight, streams among them. */
  readonly maxRequests: number;
  /** Bytes of the larger bodies of requests in flight. */
  readonly maxBodyBytes: number;
  readonly maxQueueMs: number;
  /** True while what is in flight waits for us: one more would only wait with it. Default: never. */
  readonly isBehind?: () => boolean;
  readonly nowMs: () => number;
}

/** The most that wait for one before them to end; each keeps a socket and little else. */
const MAX_WAITING = 1024;
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

  constructor({ maxRequests, maxBodyBytes, maxQueueMs, isBehind, nowMs }: GateOptions) {
    const queue = { maxWaiting: MAX_WAITING, maxWaitMs: maxQueueMs, nowMs };
    this.#requests = new Room({ ...queue, size: maxRequests, isOpen: () => isBehind?.() !== true });
    this.#bytes = new Room({ ...queue, size: maxBodyBytes });
  }

  /** True while nothing is in flight. */
  readonly isEmpty = (): boolean => this.#requests.taken === 0;

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
