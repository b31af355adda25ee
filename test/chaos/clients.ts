import { setTimeout as delay } from "node:timers/promises";
import { callOnce } from "./call-once.ts";
import { customerIdOf } from "./cast.ts";
import { planCall } from "./plan.ts";
import type { Witness } from "./witness.ts";
import type { World } from "./world.ts";

const CLIENTS = 12;
/** Some hundred calls a second in all: with more, the machine has no time for what is started anew meanwhile. */
const PAUSE_MS = 80;

/** Clients that make the seed's calls one after the other and tell the witness how each ended. */
export class Clients {
  round = 0;
  readonly #world: World;
  readonly #witness: Witness;
  readonly #seed: number;
  #running: Promise<unknown> | null = null;
  #isStopping = false;
  #calls = 0;

  constructor(world: World, witness: Witness, seed: number) {
    this.#world = world;
    this.#witness = witness;
    this.#seed = seed;
  }

  get calls(): number {
    return this.#calls;
  }

  start(): void {
    this.#isStopping = false;
    this.#running = Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
    // Whoever waits for the end is told.
    this.#running.catch(() => {});
  }

  /** No new calls; resolves when those in flight have ended, well or not. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #client(): Promise<void> {
    const { stack, second } = this.#world;
    while (!this.#isStopping) {
      const number = this.#calls++;
      const plan = planCall(this.#seed, number);
      const customerId = customerIdOf(plan.role, plan.which, this.round);
      const begun = this.#witness.begin({ customerId, plan, number, round: this.round });
      const baseUrl = plan.through === "proxy" ? stack.baseUrl : second.baseUrl;
      this.#witness.end(begun, await callOnce(baseUrl, { customerId, ...plan }));
      await delay(PAUSE_MS);
    }
  }
}
