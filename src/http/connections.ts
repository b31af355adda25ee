import type { Socket } from "node:net";

/** So many idle connections are kept for as long as their time-out says. */
const KEPT_IDLE = 512;
/** Of the others, those that have been idle for longer are closed. */
const IDLE_MS = 10_000;

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
  /** Since when, longest first. */
  readonly #idle = new Map<Socket, number>();
  readonly #most: number;
  readonly #nowMs: () => number;

  constructor(most: number, nowMs: () => number) {
    this.#most = most;
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
    });
    if (this.#all.size <= this.#most) return;
    // With no idle one left there are that many requests, and the newcomer has to go.
    const [spare = socket] = this.#unused.size > 1 ? this.#unused : this.#idle.keys();
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
    if (!socket.destroyed) this.#idle.set(socket, this.#nowMs());
  }

  /** To be called now and then: closes what a burst has left, some 20 KiB each, long before its time-out. */
  trim(): void {
    const before = this.#nowMs() - IDLE_MS;
    for (const [socket, since] of this.#idle) {
      if (this.#idle.size <= KEPT_IDLE || since > before) return;
      this.#idle.delete(socket);
      socket.destroy();
    }
  }
}
