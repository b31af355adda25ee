import type { Socket } from "node:net";

/**
 * The open connections of a server. One more than `most` costs the one its place that has been idle the longest,
 * first of those that never made a request: nobody keeps others out by connecting and doing nothing.
 */
export class Connections {
  readonly all: ReadonlySet<Socket>;
  readonly #all = new Set<Socket>();
  /** Oldest first. */
  readonly #unused = new Set<Socket>();
  readonly #idle = new Set<Socket>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
    this.all = this.#all;
  }

  add(socket: Socket): void {
    this.#all.add(socket);
    this.#unused.add(socket);
    socket.once("close", () => {
      this.#all.delete(socket);
      this.#unused.delete(socket);
      this.#idle.delete(socket);
    });
    if (this.#all.size <= this.#most) return;
    // With no idle one left there are that many requests, and the newcomer has to go.
    const [spare = socket] = this.#unused.size > 1 ? this.#unused : this.#idle;
    this.#all.delete(spare);
    spare.destroy();
  }

  /** A request has begun. */
  busy(socket: Socket): void {
    this.#unused.delete(socket);
    this.#idle.delete(socket);
  }

  /** Its request is handled. */
  idle(socket: Socket): void {
    if (!socket.destroyed) this.#idle.add(socket);
  }
}
