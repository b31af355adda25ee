import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { ROUTER_REFRESH_MS } from "../../src/webhooks/endpoint-router.ts";
import type { Paced } from "./load.ts";
import type { Rig } from "./rig.ts";
import { type Scenario, settled } from "./scenarios.ts";
import { quantile } from "./statistics.ts";

const HEALTHY = 99;
const HEALTHY_PER_SECOND = 400;
const HOLE_PER_SECOND = 100;

/** Accepts connections and answers nothing. */
async function openHole(): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hole`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function ask(rig: Rig, method: string, path: string, body: object): Promise<{ id: string }> {
  const answer = await rig.stack.fetch(path, { method, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as { id: string };
}

/** From an answer to its event at the receiver, for customers with a receiver that answers. */
async function healthyDelays(
  rig: Rig,
  users: readonly string[],
  run: { perSecond: number; seconds: number },
) {
  const target = { ...rig.targets.spendhook, users };
  const { ended, failed } = await rig.load.ask<Paced>("paced", { ...target, ...run });
  await settled(rig);
  const { received } = await rig.receiver.ask<{ received: [string, { at: number }][] }>("report");
  const arrivedAt = new Map(received.map(([id, { at }]) => [id, at]));
  const delays = ended.flatMap(([id, at]) => {
    const arrived = arrivedAt.get(id);
    return arrived === undefined ? [] : [Math.max(0, arrived - at)];
  });
  return { delays, failed };
}

/**
 * 99 endpoints that answer, each with its customer, by themselves and then beside one that never answers and
 * gets a fifth of all events. In the end that one answers too, so that nothing is lost.
 */
export const isolation: Scenario = async (rig, plan) => {
  const hole = await openHole();
  const good = `http://127.0.0.1:${rig.receiver.port}/hook`;
  const endpoint = (url: string, user: string): Promise<{ id: string }> =>
    ask(rig, "POST", "/webhook/endpoints", {
      url,
      customers: [`${rig.targets.spendhook.prefix}${user}`],
      secret: rig.secret,
    });
  const healthy = Array.from({ length: HEALTHY }, (_, index) => `healthy-${index}`);
  await ask(rig, "PATCH", "/webhook/endpoints/default", { customers: ["nobody"] });
  for (const user of healthy) await endpoint(good, user);
  const { id } = await endpoint(hole.url, "hole");
  // The proxy plans by what it has read of the endpoints, and nothing tells when it has; an event of before
  // would count as lost.
  await delay(ROUTER_REFRESH_MS + 1000);
  const seconds = plan.seconds * 2;
  const alone = await healthyDelays(rig, healthy, { perSecond: HEALTHY_PER_SECOND, seconds });
  // Every fifth call is the hole's.
  const mixed = healthy.flatMap((user, index) => (index % 4 === 3 ? [user, "hole"] : [user]));
  const perSecond = HEALTHY_PER_SECOND + HOLE_PER_SECOND;
  const beside = await healthyDelays(rig, mixed, { perSecond, seconds });
  hole.close();
  await ask(rig, "PATCH", `/webhook/endpoints/${id}`, { url: good });
  await ask(rig, "POST", `/webhook/endpoints/${id}/resume`, {});
  await ask(rig, "PATCH", "/webhook/endpoints/default", { customers: null });
  const figure = (name: string, share: number, aim?: string) => {
    const [value, yardstick] = [quantile(beside.delays, share), quantile(alone.delays, share)];
    return {
      name: `event beside a black hole ${name}, against without`,
      unit: "ms",
      value,
      yardstick,
      ratio: value / yardstick,
      ...(aim !== undefined && { aim }),
    };
  };
  return {
    failed: alone.failed + beside.failed,
    figures: [figure("p50", 0.5), figure("p95", 0.95, "< 2 ×")],
  };
};
