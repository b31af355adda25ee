import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Exchange, FakeUpstream, openStream, sendDelta } from "../support/fake-upstream.ts";
import { NASTY_BODIES } from "../support/nasty-bodies.ts";
import { Stack } from "../support/stack.ts";
import type { Probed } from "./prober.ts";

/**
 * How long others wait while one request takes its time: the longest answer of /health/liveliness under
 * each of the bodies in test/support/nasty-bodies.ts, at each of the places where they are counted.
 * `--mb N` is the size of a body (default 19), `--only TEXT` those whose name has it.
 */
const { values } = parseArgs({
  options: { mb: { type: "string", default: "19" }, only: { type: "string" } },
});
const bytes = Number(values.mb) * 1024 * 1024;
const AIM_MS = 100;
const IDLE_MS = 3000;

/** An answer without usage, so that both sides of it are counted here. */
async function withoutUsage(exchange: Exchange): Promise<void> {
  if (exchange.body.stream === true) {
    openStream(exchange);
    await sendDelta(exchange, { content: " ".repeat(200_000) });
    exchange.response.destroy();
    return;
  }
  const message = { role: "assistant", content: "a".repeat(200_000) };
  exchange.response.writeHead(200, { "content-type": "application/json" });
  exchange.response.end(JSON.stringify({ choices: [{ index: 0, message, finish_reason: "stop" }] }));
}

const upstream = await FakeUpstream.start();
const mock = {
  model: "openai/mock",
  mock_response: "It is sunny.",
  input_cost_per_token: 1e-9,
  output_cost_per_token: 1e-9,
};
const stack = await Stack.start({
  config: {
    model_list: [
      { model_name: "mock", litellm_params: mock },
      upstream.deployment("whole"),
      upstream.deployment("cut"),
      upstream.deployment("budget"),
    ],
    general_settings: { alerting: ["webhook"] },
  },
  env: { LOG_LEVEL: "warn" },
});
for (const model of ["whole", "cut"]) upstream.on(model, withoutUsage);
await stack.fetch("/customer/new", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ user_id: "poor", max_budget: 0.01 }),
});
const prober = new Worker(new URL("prober.ts", import.meta.url), { workerData: stack.baseUrl });

async function probed(): Promise<Probed> {
  const answer = once(prober, "message") as Promise<[Probed]>;
  prober.postMessage("read", []);
  return (await answer)[0];
}

function memoryMb(pid: number): string {
  const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kb) / 1024).toFixed(0);
}

async function attack(model: string, body: Buffer): Promise<string> {
  const startedAt = performance.now();
  const headers = { "x-litellm-customer-id": model === "budget" ? "poor" : "rich" };
  const text = model === "cut" ? Buffer.concat([body.subarray(0, -1), Buffer.from(',"stream":true}')]) : body;
  const answer = await stack.chat(text, { headers, body: text });
  await answer.text().catch(() => "cut");
  return `${answer.status} after ${(performance.now() - startedAt).toFixed(0)} ms`;
}

try {
  const proxy = await stack.pidOf("proxy");
  await probed();
  await delay(IDLE_MS);
  const idle = await probed();
  process.stdout.write(
    `longest liveliness answer, ms (aim: ≤ ${AIM_MS}); idle: ${idle.longestMs.toFixed(1)}, ${memoryMb(proxy)} MB\n`,
  );
  for (const { name, make } of NASTY_BODIES.filter((one) => one.name.includes(values.only ?? ""))) {
    for (const model of ["mock", "whole", "cut", "budget"]) {
      const body = make(model, bytes);
      await probed();
      const ended = await attack(model, body);
      await delay(100);
      const { longestMs } = await probed();
      process.stdout.write(
        `${name.padEnd(24)} ${model.padEnd(7)} ${longestMs.toFixed(1).padStart(8)}  ${ended}, ${memoryMb(proxy)} MB\n`,
      );
    }
  }
} finally {
  await prober.terminate();
  await stack.dispose();
  await upstream.close();
}
