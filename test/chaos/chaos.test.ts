import { expect, test } from "vitest";
import { playChaos } from "./play.ts";

const SEED = 11;
const ROUNDS = 3;

// Setup     the real service with a second proxy, an upstream that keeps the true bill, a receiver that verifies,
//           customers of every kind under load.
// Timeline  the faults of a seed, in a random order: see plan.ts.
// Proves    every promise of money, limits and events is kept; `npm run test:chaos` goes on for longer.
test(`chaos by seed ${SEED}: every promise is kept`, { timeout: 600_000 }, async () => {
  const told: string[] = [];
  const { promises } = await playChaos({ seed: SEED, rounds: ROUNDS, tell: (line) => told.push(line) });
  const broken = promises.filter(({ faults }) => faults.length > 0);
  expect(broken, `npm run test:chaos -- --seed ${SEED} --rounds ${ROUNDS}\n${told.join("\n")}`).toEqual([]);
});
