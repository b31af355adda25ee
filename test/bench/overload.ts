import type { Offered } from "./open-loop.ts";
import { Part } from "./part.ts";
import { type Scenario, settled } from "./scenarios.ts";
import { median, quantile } from "./statistics.ts";

const CONNECTIONS = 512;
const TIMES = 3;

/** Three times as many calls as can be served, by callers who do not wait for each other. */
export const overload: Scenario = async (rig, plan) => {
  const callers = await Part.start("open-loop");
  const { seconds } = plan;
  const rounds: { peak: number; goodput: number; p99: number; refused: number; failed: number }[] = [];
  try {
    for (let round = 0; round < plan.rounds; round++) {
      const target = { ...rig.targets.spendhook, seconds };
      const most = await callers.ask<Offered>("closed", { ...target, connections: CONNECTIONS });
      await settled(rig);
      const peak = most.servedInTime / seconds;
      const over = await callers.ask<Offered>("open", { ...target, perSecond: Math.round(TIMES * peak) });
      await settled(rig);
      const { 200: served = 0, 503: refused = 0 } = over.statuses;
      rounds.push({
        peak,
        goodput: over.servedInTime / seconds,
        p99: quantile(over.servedMs, 0.99),
        refused: refused / over.offered,
        failed: over.offered - served - refused,
      });
    }
  } finally {
    await callers.stop();
  }
  return {
    failed: rounds.reduce((sum, { failed }) => sum + failed, 0),
    figures: [
      {
        name: `served at ${TIMES} × the peak, against the peak`,
        unit: "1/s",
        value: median(rounds.map(({ goodput }) => goodput)),
        yardstick: median(rounds.map(({ peak }) => peak)),
        ratio: median(rounds.map(({ goodput, peak }) => goodput / peak)),
        aim: "≥ 0.9",
      },
      {
        name: `refused at ${TIMES} × the peak`,
        unit: "share",
        value: median(rounds.map(({ refused }) => refused)),
      },
      { name: `served p99 at ${TIMES} × the peak`, unit: "ms", value: median(rounds.map(({ p99 }) => p99)) },
    ],
  };
};
