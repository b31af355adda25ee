import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { expectChargedOnce, expectDelivered } from "../support/accounts.ts";
import { Balancer, type BalancerOptions } from "../support/balancer.ts";
import { LateAddress } from "../support/late-address.ts";
import { Load } from "../support/load.ts";
import { NodeProcess } from "../support/node-process.ts";
import { startScene } from "../support/scene.ts";
import { MASTER_KEY, SECRETS_KEY } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

const BUSY = { clients: 16, calls: 50 };
/** Some two calls a second in all. */
const SLOW = { clients: 1, calls: 4, pauseMs: 500 };
const CUSTOMERS = Array.from({ length: 8 }, (_, index) => `customer-${index}`);

const BALANCERS: [string, BalancerOptions, { clients: number; calls: number; pauseMs?: number }][] = [
  ["a load balancer that asks for readiness", { everyMs: 100 }, BUSY],
  ["one that asks every 2 s, with few calls", { everyMs: 2000 }, SLOW],
];

// Setup     two proxies, each by itself, on one store and Redis, behind a load balancer that
//           never sends a call twice; clients that call on and on, every third call streamed.
// Timeline  one proxy is told to stop, ends, is started again and is ready; then the other, likewise.
// Proves    no caller notices, and each call is charged once and told.
test.for(BALANCERS)(
  "a rolling restart of two proxies behind %s loses no call",
  async ([, options, { calls, ...traffic }]) => {
    const scene = await startScene(["steady"]);
    const { stack, receiver } = scene;
    // What a worker had in hand is waited for less where an attempt may take less.
    const shorter = { method: "PATCH", body: JSON.stringify({ timeout_ms: 5000 }) };
    const closers: (() => unknown)[] = [() => scene.dispose()];
    try {
      expect((await stack.fetch("/webhook/endpoints/default", shorter)).status).toBe(200);
      const start = (port: number): NodeProcess => {
        const folder = mkdtempSync(path.join(stack.dataDir, "proxy-"));
        const started = NodeProcess.start("src/main.ts", {
          PORT: String(port),
          DATA_DIR: folder,
          CONFIG_FILE_PATH: stack.configFile,
          MASTER_KEY,
          SECRETS_KEY,
          MONGODB_URL: stack.mongodbUrl,
          REDIS_URL: stack.redisUrl,
          WEBHOOK_URL: receiver.url,
          WEBHOOK_SECRET: String(receiver.secret),
          WEBHOOK_ALLOW_PRIVATE: "true",
        });
        closers.push(async () => {
          await started.stop("SIGKILL");
          rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
        });
        return started;
      };
      const ports = [(await LateAddress.reserve()).port, (await LateAddress.reserve()).port];
      const proxies = ports.map((port) => ({ port, process: start(port) }));
      for (const { process } of proxies) await process.listening();
      const balancer = await Balancer.start(ports, options);
      closers.push(() => balancer.close());
      const ready = async (port: number): Promise<void> => {
        const isReady = async () => (await fetch(`http://127.0.0.1:${port}/health/readiness`)).ok;
        await waitUntil(`readiness of the proxy at ${port}`, isReady);
        await waitUntil(`calls to the proxy at ${port}`, () => balancer.sendsTo(port));
      };
      for (const port of ports) await ready(port);

      const load = new Load(stack, { model: "steady", customers: CUSTOMERS, ...traffic }, balancer.url);
      closers.push(() => load.stop());
      const more = async (): Promise<void> => {
        const enough = load.paid.length + calls;
        await waitUntil(`${calls} more calls`, () => load.paid.length >= enough);
      };
      load.start();
      await more();
      for (const proxy of proxies) {
        expect(await proxy.process.stop()).toEqual({ code: 0, signal: null });
        await more();
        proxy.process = start(proxy.port);
        await proxy.process.listening();
        await ready(proxy.port);
        await more();
      }
      await load.stop();

      expect(load.failures).toEqual([]);
      const rows = await expectChargedOnce(stack, load.paid);
      expect(rows).toHaveLength(load.paid.length);
      await expectDelivered({ stack, receiver }, rows);
    } finally {
      for (const close of closers.reverse()) await close();
    }
  },
);
