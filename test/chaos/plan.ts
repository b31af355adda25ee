import { createRandom, type Random } from "../../src/seed/random.ts";
import { type Role, ROLES } from "./cast.ts";

/** What is done to the service, and to what it depends on. */
export type Fault =
  | { readonly kind: "kill" | "freeze" | "restart"; readonly part: FaultyPart }
  | { readonly kind: "kill_supervisor" | "kill_all" | "wipe_redis" }
  | { readonly kind: "cut" | "hang"; readonly line: "store" | "redis" }
  | { readonly kind: "upstream"; readonly mood: "failing" | "stalling" | "cutting" }
  | { readonly kind: "receiver"; readonly mood: "failing" | "away" }
  | { readonly kind: "operator"; readonly act: "raise" | "block" | "unblock" };

export type FaultyPart = "proxy" | "second" | "store" | "redis" | "webhooks" | "maintenance";

/** A fault begins when so many calls of its round have ended, and lasts for so many more. */
export interface Step {
  readonly at: number;
  readonly calls: number;
  readonly fault: Fault;
}

export type Way = "whole" | "stream" | "cut";

/** One call as the seed wants it. */
export interface PlannedCall {
  readonly role: Role;
  /** Which of the role's customers. */
  readonly which: number;
  readonly model: "steady" | "paid";
  readonly way: Way;
  readonly through: "proxy" | "second";
  readonly maxTokens: number | undefined;
  readonly prompt: string;
}

const PARTS: readonly FaultyPart[] = ["proxy", "second", "store", "redis", "webhooks", "maintenance"];

/** More of what has broken promises before. */
const FAULTS: readonly (readonly [weight: number, choose: (random: Random) => Fault])[] = [
  [5, (random) => ({ kind: "kill", part: random.pick(PARTS) })],
  [3, () => ({ kind: "kill", part: "proxy" })],
  [4, (random) => ({ kind: "freeze", part: random.pick(PARTS) })],
  [3, () => ({ kind: "freeze", part: "store" })],
  [3, (random) => ({ kind: "restart", part: random.pick(PARTS) })],
  [1, () => ({ kind: "kill_supervisor" })],
  [1, () => ({ kind: "kill_all" })],
  [3, () => ({ kind: "wipe_redis" })],
  [2, (random) => ({ kind: "cut", line: random.pick(["store", "redis"] as const) })],
  [2, (random) => ({ kind: "hang", line: random.pick(["store", "redis"] as const) })],
  [2, (random) => ({ kind: "upstream", mood: random.pick(["failing", "stalling", "cutting"] as const) })],
  [2, (random) => ({ kind: "receiver", mood: random.pick(["failing", "away"] as const) })],
  [5, (random) => ({ kind: "operator", act: random.pick(["raise", "block", "unblock"] as const) })],
];

/** From too short to be noticed to longer than the time-outs of a connection. */
const LENGTHS = [5, 40, 150, 400] as const;
const MOST_STEPS = 5;
const LATEST = 250;

/** The faults of each round: the same for the same seed, whatever else happens. */
export function planRounds(seed: number, rounds: number): Step[][] {
  return Array.from({ length: rounds }, (_, index) => {
    const random = createRandom(mix(seed, index));
    const steps = Array.from({ length: 2 + random.below(MOST_STEPS - 1) }, () => ({
      at: random.below(LATEST),
      calls: random.pick(LENGTHS),
      fault: weighted(random, FAULTS)(random),
    }));
    return steps.sort((a, b) => a.at - b.at);
  });
}

/** The n-th call of all. */
export function planCall(seed: number, number: number): PlannedCall {
  const random = createRandom(mix(seed ^ 0x5eed, number));
  const role = weighted(
    random,
    ROLES.map(({ role, weight }) => [weight, role] as const),
  );
  return {
    role,
    which: random.below(1000),
    model: role === "free" || role === "picky" ? random.pick(["steady", "paid"] as const) : "paid",
    way: random.pick(["whole", "whole", "stream", "stream", "cut"] as const),
    through: random.pick(["proxy", "proxy", "second"] as const),
    maxTokens: random.pick([null, 50, 300]) ?? undefined,
    prompt: prompt(random),
  };
}

const SNIPPET = 'for (const [id, row] of rows) { if (row.spend > limit) refuse(id, "over"); }\n';
const MIXED = "Grüße aus 東京, Ελλάδα и Москва — ¿cuánto cuesta? مرحبا 🙂 ";

function prompt(random: Random): string {
  return random.pick([
    () => "How is it?",
    () => "How is it?",
    () => SNIPPET.repeat(1 + random.below(30)),
    () => MIXED.repeat(1 + random.below(30)),
    () => "lorem ipsum dolor sit amet ".repeat(random.below(500)) || "?",
    () => random.pick(["a", " ", "=", "\n", "é"]).repeat(1 + random.below(4000)),
  ])();
}

/** A fault as a line of a log says it. */
export function faultText(fault: Fault): string {
  return Object.values(fault).join(" ");
}

function weighted<T>(random: Random, choices: readonly (readonly [number, T])[]): T {
  let left = random.below(choices.reduce((sum, [weight]) => sum + weight, 0));
  for (const [weight, choice] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  throw new Error("There is nothing to choose from");
}

/** Neighbouring numbers lead to seeds that have nothing in common. */
function mix(seed: number, number: number): number {
  return Math.imul(seed ^ Math.imul(number + 1, 0x9e3779b1), 0x85ebca6b) >>> 0;
}
