import type { Socket } from "node:net";

/** A call needs one; with as many again callers keep theirs open between calls. */
const CONNECTIONS_PER_CALL = 2;
const FEWEST_CONNECTIONS = 4096;
/** As many as calls that fit are kept while idle, within these: one costs some 16 KiB, to open another takes time. */
const KEPT_IDLE = { least: 512, most: 8192 } as const;

export interface ConnectionBounds {
  readonly most: number;
  /** So many are kept while idle, for as long as their time-out says; with more, answers should end theirs. */
  readonly keptIdle: number;
}

/** What a server keeps open that has room for so many calls at once. */
export function connectionBounds(calls: number): ConnectionBounds {
  return {
    most: Math.max(FEWEST_CONNECTIONS, CONNECTIONS_PER_CALL * calls),
    keptIdle: Math.min(Math.max(calls, KEPT_IDLE.least), KEPT_IDLE.most),
  };
}

/**
 * The open connections of a server. One more than `most` costs the one its place that has been idle the longest,
 * first of those that never made a request: nobody keeps others out by connecting and doing nothing.
 */
export class Connections {
  /** When each was opened. */
  readonly all: ReadonlyMap<Socket, number>;
  readonly #all = new Map<Socket, number>();
  /** Oldest first. */
  readonly #unused = new Set<Socket>();
  /** Idle the longest first. */
  readonly #idle = new Set<Socket>();
  /** How many each has under way: with pipelining more than one. */
  readonly #requests = new Map<Socket, number>();
  readonly #bounds: ConnectionBounds;
  readonly #nowMs: () => number;

  constructor(bounds: ConnectionBounds, nowMs: () => number) {
    this.#bounds = bounds;
    this.#nowMs = nowMs;
    this.all = this.#all;
  }

  add(socket: Socket): void {
    this.#all.set(socket, this.#nowMs());
    this.#unused.add(socket);
    socket.once("close", () => {
      this.#all.delete(socket);
      this.#unused.delete(socket);
      this.#idle.delete(socket);
      this.#requests.delete(socket);
    });
    if (this.#all.size <= this.#bounds.most) return;
    // With no idle one left there are that many requests, and the newcomer has to go.
    const [spare = socket] = this.#unused.size > 1 ? this.#unused : this.#idle;
    this.#all.delete(spare);
    spare.destroy();
  }

  /** A request has begun. */
  busy(socket: Socket): void {
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
    this.#unused.delete(socket);
    this.#idle.delete(socket);
  }

  /** A request is handled and its answer has left. */
  idle(socket: Socket): void {
    // One that its answer ends is nobody's spare.
    if (socket.destroyed || socket.writableEnded) return;
    const left = (this.#requests.get(socket) ?? 0) - 1;
    this.#requests.set(socket, left);
    if (left === 0) this.#idle.add(socket);
  }

  /**
   * An answer should end its connection. To close one that is idle would lose a request that is on its way: a load
   * balancer keeps open what it likes.
   */
  get areTooManyIdle(): boolean {
    return this.#idle.size > this.#bounds.keptIdle;
  }
}
