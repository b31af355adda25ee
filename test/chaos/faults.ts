import { Redis } from "ioredis";
import { signalProcess } from "../support/process-tree.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Mood } from "./billing-upstream.ts";
import { BUDGETS } from "./cast.ts";
import type { Fault, FaultyPart } from "./plan.ts";
import type { Witness } from "./witness.ts";
import { post, type World } from "./world.ts";

type Lift = () => void | Promise<void>;

/** Does to a world what a schedule says, and undoes it. */
export class Faults {
  /** How often what Redis knew was lost: counts of pace begin anew then. */
  wipes = 0;
  #wipesTaken = 0;
  readonly #world: World;
  readonly #witness: Witness;
  readonly #lifts = new Set<Lift>();
  /** Changes by the operator happen one after the other, however long each takes. */
  #operator: Promise<void> = Promise.resolve();

  constructor(world: World, witness: Witness) {
    this.#world = world;
    this.#witness = witness;
  }

  /** How many wipes there were since this was last asked. */
  takeWipes(): number {
    const since = this.wipes - this.#wipesTaken;
    this.#wipesTaken = this.wipes;
    return since;
  }

  /** Begins a fault; the answer ends it. */
  async begin(fault: Fault): Promise<Lift> {
    const lift = await this.#do(fault);
    if (lift === null) return () => {};
    const once = async (): Promise<void> => {
      if (this.#lifts.delete(once)) await lift();
    };
    this.#lifts.add(once);
    return once;
  }

  /** Ends all that still lasts; resolves when the operator's changes are made, too. */
  async liftAll(): Promise<void> {
    for (const lift of this.#lifts) await lift();
    await this.#operator;
  }

  // Each case answers how to end it, null when it ends by itself.
  #do(fault: Fault): Promise<Lift | null> | Lift | null {
    switch (fault.kind) {
      case "kill":
        return this.#signal(fault.part, "SIGKILL");
      case "restart":
        return this.#signal(fault.part, "SIGTERM");
      case "freeze":
        return this.#freeze(fault.part);
      case "kill_supervisor":
        return this.#startAnew(() => this.#world.stack.kill("supervisor", "SIGKILL"));
      case "kill_all":
        return this.#startAnew(() => this.#world.stack.killAll());
      case "wipe_redis":
        return this.#wipe();
      case "cut":
        this.#world.second.line(fault.line).cut();
        return null;
      case "hang":
        return this.#hang(fault.line);
      case "upstream":
        return this.#spoilUpstream(fault.mood);
      case "receiver":
        return this.#spoilReceiver(fault.mood);
      case "operator":
        this.#operator = this.#operator.then(() => this.#change(fault.act));
        return null;
      default:
        return fault satisfies never;
    }
  }

  #hang(name: "store" | "redis"): Lift {
    const line = this.#world.second.line(name);
    line.shut();
    return () => line.open();
  }

  #spoilUpstream(mood: Mood): Lift {
    const { upstream } = this.#world;
    upstream.mood = mood;
    return () => {
      upstream.mood = "well";
    };
  }

  async #signal(part: FaultyPart, signal: NodeJS.Signals): Promise<null> {
    const { stack, second } = this.#world;
    if (part === "second") second.signal(signal);
    else await stack.kill(part, signal);
    return null;
  }

  async #freeze(part: FaultyPart): Promise<Lift> {
    const { stack, second } = this.#world;
    if (part === "second") {
      second.signal("SIGSTOP");
      return () => second.signal("SIGCONT");
    }
    const pid = await stack.kill(part, "SIGSTOP");
    return () => signalProcess(pid, "SIGCONT");
  }

  /** What is frozen would outlive it otherwise: nobody but us could end it. */
  async #startAnew(end: () => Promise<unknown>): Promise<null> {
    const { stack, second } = this.#world;
    for (const lift of this.#lifts) await lift();
    await end();
    try {
      await stack.restart();
    } catch (error) {
      this.#witness.note("a start right after a kill succeeds", String(error).slice(0, 2000));
      // One that runs and is not ready yet is waited for with everybody else.
      if (stack.processes().length === 0) {
        await waitUntil("a start that succeeds", () => stack.restart().then(() => true), 120_000);
      }
    }
    // The embedded store and Redis have other ports now.
    await second.start();
    return null;
  }

  async #wipe(): Promise<null> {
    this.wipes++;
    const redis = new Redis(this.#world.stack.redisUrl, {
      maxRetriesPerRequest: 1,
      connectTimeout: 2000,
      commandTimeout: 2000,
    });
    redis.on("error", () => {});
    // One that is frozen or gone just now is not wiped; the pause of its restart is a fault of its own.
    await redis.flushall().catch(() => {});
    redis.disconnect();
    return null;
  }

  async #spoilReceiver(mood: "failing" | "away"): Promise<Lift> {
    const { receiver } = this.#world;
    if (mood === "away") {
      await receiver.close();
      return () => receiver.open();
    }
    const { reply } = receiver;
    receiver.reply = (_received, response) => void response.writeHead(500).end();
    return () => {
      receiver.reply = reply;
    };
  }

  /** Tries until it is accepted: an operator's change may have to wait for the store. */
  async #change(act: "raise" | "block" | "unblock"): Promise<void> {
    const { stack } = this.#world;
    const send = (path: string, body: object): Promise<unknown> =>
      waitUntil(`${path} to be accepted`, () => post(stack, path, body).then(() => true), 180_000);
    if (act === "raise") {
      const most = (this.#witness.raised.get("hard-0") ?? BUDGETS.hard ?? 0) + 1;
      this.#witness.raised.set("hard-0", most);
      await send("/customer/update", { user_id: "hard-0", max_budget: most });
    } else if (act === "block") {
      await send("/customer/block", { user_ids: ["toggled-0"] });
      this.#witness.blocked();
    } else {
      this.#witness.unblocking();
      await send("/customer/unblock", { user_ids: ["toggled-0"] });
    }
  }
}
