import type { Socket } from "node:net";

export interface ConnectionBounds {
  readonly most: number;
  /** So many are kept while idle, for as long as their time-out says; with more, answers should end theirs. */
  readonly keptIdle: number;
  readonly nowMs: () => number;
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

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
    this.all = this.#all;
  }

  add(socket: Socket): void {
    this.#all.set(socket, this.#bounds.nowMs());
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
