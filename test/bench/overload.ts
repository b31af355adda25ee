import { measureCpu } from "./cpu.ts";
import type { Offered } from "./open-loop.ts";
import { Part } from "./part.ts";
import type { Rig } from "./rig.ts";
import { type Scenario, settled } from "./scenarios.ts";
import { median, quantile } from "./statistics.ts";

const CONNECTIONS = 512;
const TIMES = 3;

/** One run to its end, events included, and the CPU time of all our processes for each call that was served. */
async function measured(rig: Rig, run: () => Promise<Offered>) {
  const { result, micros } = await measureCpu(rig.pids, async () => {
    const offered = await run();
    await settled(rig);
    return offered;
  });
  const { 200: served = 0, 503: refused = 0 } = result.statuses;
  const cpu = Object.values(micros).reduce((sum, one) => sum + one, 0);
  return { ...result, served, refused, perServed: cpu / served };
}

/**
 * Three times as many calls as can be served, by callers who do not wait for each other. On a machine that others
 * use too the share of CPU time says more than that of calls per second.
 */
export const overload: Scenario = async (rig, plan) => {
  const callers = await Part.start("open-loop");
  const { seconds } = plan;
  const rounds: { most: Awaited<ReturnType<typeof measured>>; over: Awaited<ReturnType<typeof measured>> }[] =
    [];
  try {
    for (let round = 0; round < plan.rounds; round++) {
      const target = { ...rig.targets.spendhook, seconds };
      const most = await measured(rig, () =>
        callers.ask<Offered>("closed", { ...target, connections: CONNECTIONS }),
      );
      const perSecond = Math.round((TIMES * most.servedInTime) / seconds);
      const over = await measured(rig, () => callers.ask<Offered>("open", { ...target, perSecond }));
      rounds.push({ most, over });
    }
  } finally {
    await callers.stop();
  }
  const middle = (of: (round: (typeof rounds)[number]) => number): number => median(rounds.map(of));
  return {
    failed: rounds.reduce((sum, { over }) => sum + over.offered - over.served - over.refused, 0),
    figures: [
      {
        name: `served at ${TIMES} × the peak, against the peak`,
        unit: "1/s",
        value: middle(({ over }) => over.servedInTime / seconds),
        yardstick: middle(({ most }) => most.servedInTime / seconds),
        ratio: middle(({ most, over }) => over.servedInTime / most.servedInTime),
        aim: "≥ 0.9",
      },
      {
        name: `CPU of all processes per served call, the same`,
        unit: "µs",
        value: middle(({ over }) => over.perServed),
        yardstick: middle(({ most }) => most.perServed),
        ratio: middle(({ most, over }) => over.perServed / most.perServed),
        aim: "≤ 1.1",
      },
      {
        name: `refused at ${TIMES} × the peak`,
        unit: "share",
        value: middle(({ over }) => over.refused / over.offered),
      },
      {
        name: `served p99 at ${TIMES} × the peak`,
        unit: "ms",
        value: middle(({ over }) => quantile(over.servedMs, 0.99)),
      },
    ],
  };
};
