import { waitUntil } from "../support/wait-until.ts";
import { measureCpu } from "./cpu.ts";
import type { Flood, OneByOne, Paced, Streams } from "./load.ts";
import type { Rig } from "./rig.ts";
import { median, quantile } from "./statistics.ts";

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
}

/** One line of the result: a figure, beside its yardstick and its aim where there are any. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly yardstick?: number;
  readonly ratio?: number;
  readonly aim?: string;
}

export interface ScenarioResult {
  readonly figures: readonly Figure[];
  /** Calls that did not get the whole answer they asked for. */
  readonly failed: number;
}

export type Scenario = (rig: Rig, plan: Plan) => Promise<ScenarioResult>;

const CONNECTIONS = 64;
const STREAMS = 128;
const STREAM_FRAMES = 65;
const EVENTS_PER_SECOND = 300;
const SETTLED_MS = 120_000;
/** Without an event for so long: none is on its way. */
const QUIET_MS = 300;

/** Rounds of the yardstick and of Spendhook in turn, so that both meet the machine in the same mood. */
async function interleave<T>(rounds: number, one: (which: "bare" | "spendhook") => Promise<T>) {
  const bare: T[] = [];
  const spendhook: T[] = [];
  for (let round = 0; round < rounds; round++) {
    bare.push(await one("bare"));
    spendhook.push(await one("spendhook"));
  }
  return { bare, spendhook };
}

/** Waits until no event is on its way, so that one round does not pay for another. */
export async function settled(rig: Rig): Promise<void> {
  let last = { count: -1, atMs: 0 };
  await waitUntil(
    "all events at the receiver",
    async () => {
      const count = await rig.receiver.ask<number>("count");
      if (count !== last.count) last = { count, atMs: performance.now() };
      return performance.now() - last.atMs >= QUIET_MS;
    },
    SETTLED_MS,
  );
}

/** The whole way under load: authenticated, charged, announced and delivered. */
export const calls: Scenario = async (rig, plan) => {
  const names = ["proxy", "store", "redis", "webhooks"] as const;
  const { bare, spendhook } = await interleave(plan.rounds, async (which) => {
    const pids = { ...rig.pids, bare: rig.bare.pid };
    const { result, micros } = await measureCpu(pids, async () => {
      const flood = await rig.load.ask<Flood>("flood", {
        ...rig.targets[which],
        connections: CONNECTIONS,
        seconds: plan.seconds,
      });
      await settled(rig);
      return flood;
    });
    const perCall = (part: keyof typeof micros): number => micros[part] / result.calls;
    return { ...result, perCall };
  });
  const yardstick = median(bare.map(({ perCall }) => perCall("bare")));
  const ratios = spendhook.map(
    ({ perCall }, round) => perCall("proxy") / (bare[round]?.perCall("bare") ?? 0),
  );
  return {
    failed: [...bare, ...spendhook].reduce((sum, { failed }) => sum + failed, 0),
    figures: [
      {
        name: "proxy CPU per call",
        unit: "µs",
        value: median(spendhook.map(({ perCall }) => perCall("proxy"))),
        yardstick,
        ratio: median(ratios),
        aim: "ratio ≤ 2.2",
      },
      ...names.slice(1).map((name) => ({
        name: `${name} CPU per call`,
        unit: "µs",
        value: median(spendhook.map(({ perCall }) => perCall(name))),
      })),
      {
        name: "calls per second, events delivered",
        unit: "1/s",
        value: median(spendhook.map(({ callsPerSecond }) => callsPerSecond)),
        yardstick: median(bare.map(({ callsPerSecond }) => callsPerSecond)),
        ratio: median(
          spendhook.map(({ callsPerSecond }, round) => callsPerSecond / (bare[round]?.callsPerSecond ?? 0)),
        ),
      },
    ],
  };
};

/** What one caller alone waits for, the durable charge included. */
export const latency: Scenario = async (rig, plan) => {
  const { bare, spendhook } = await interleave(plan.rounds, async (which) => {
    const args = { ...rig.targets[which], seconds: Math.min(plan.seconds, 3) };
    const result = await rig.load.ask<OneByOne>("oneByOne", args);
    await settled(rig);
    return result;
  });
  const figure = (name: string, share: number, aim?: string): Figure => {
    const value = median(spendhook.map(({ ms }) => quantile(ms, share)));
    const yardstick = median(bare.map(({ ms }) => quantile(ms, share)));
    return {
      name,
      unit: "ms",
      value,
      yardstick,
      ratio: value / yardstick,
      ...(aim !== undefined && { aim }),
    };
  };
  return {
    failed: [...bare, ...spendhook].reduce((sum, { failed }) => sum + failed, 0),
    figures: [
      figure("latency p50, 1 connection", 0.5),
      figure("latency p99, 1 connection", 0.99, "≤ 5 ms added"),
    ],
  };
};

/** Streams side by side: what is added to the first token, and what each frame costs. */
export const streams: Scenario = async (rig, plan) => {
  const { bare, spendhook } = await interleave(plan.rounds, async (which) => {
    const pids = { bare: rig.bare.pid, spendhook: rig.pids.proxy };
    const { result, micros } = await measureCpu(pids, () =>
      rig.load.ask<Streams>("streams", { ...rig.targets[which], streams: STREAMS, apartMs: 4 }),
    );
    await settled(rig);
    return { ...result, perFrame: micros[which] / (STREAMS * STREAM_FRAMES) };
  });
  const perFrame = spendhook.map((one) => one.perFrame);
  const first = (rounds: readonly Streams[], share: number): number =>
    median(rounds.map(({ firstMs }) => quantile(firstMs, share)));
  const ttft = (name: string, share: number, aim?: string): Figure => ({
    name,
    unit: "ms",
    value: first(spendhook, share),
    yardstick: first(bare, share),
    ratio: first(spendhook, share) / first(bare, share),
    ...(aim !== undefined && { aim }),
  });
  return {
    failed: [...bare, ...spendhook].reduce((sum, { failed }) => sum + failed, 0),
    figures: [
      ttft(`time to first token p50, ${STREAMS} streams`, 0.5),
      ttft(`time to first token p99, ${STREAMS} streams`, 0.99, "≤ 1 ms added"),
      {
        name: "proxy CPU per frame",
        unit: "µs",
        value: median(perFrame),
        yardstick: median(bare.map((one) => one.perFrame)),
        ratio: median(perFrame.map((value, round) => value / (bare[round]?.perFrame ?? 0))),
        aim: "≤ 50 µs",
      },
    ],
  };
};

/** From the end of an answer to the receiver's having its event, at a steady rate. */
export const events: Scenario = async (rig, plan) => {
  const args = { ...rig.targets.spendhook, perSecond: EVENTS_PER_SECOND, seconds: plan.seconds * 2 };
  const { ended, failed } = await rig.load.ask<Paced>("paced", args);
  await settled(rig);
  const { received } = await rig.receiver.ask<{ received: [string, { at: number }][] }>("report");
  const arrivedAt = new Map(received.map(([id, { at }]) => [id, at]));
  // An event that never came has no delay; it is counted among the lost ones.
  const delays = ended.flatMap(([id, at]) => {
    const arrived = arrivedAt.get(id);
    return arrived === undefined ? [] : [arrived - at];
  });
  const name = (share: string): string => `event after its answer ${share}, ${EVENTS_PER_SECOND}/s`;
  return {
    failed,
    figures: [
      { name: name("p50"), unit: "ms", value: quantile(delays, 0.5) },
      { name: name("p99"), unit: "ms", value: quantile(delays, 0.99), aim: "< 1000 ms" },
    ],
  };
};
