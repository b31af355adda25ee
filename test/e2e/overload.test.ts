import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { expectChargedOnce, expectVerified } from "../support/accounts.ts";
import { costNano, type Exchange, type FakeUpstream } from "../support/fake-upstream.ts";
import type { Paid } from "../support/load.ts";
import { type Scene, startScene } from "../support/scene.ts";
import { waitUntil } from "../support/wait-until.ts";

const PLACES = 200;
const FLOOD = 3000;
const LARGE = { count: 20, bytes: 18_000_000, roomMb: 64 };

let scene: Scene;
let upstream: FakeUpstream;
beforeEach(async () => {
  scene = await startScene(["held", "steady"], {
    generalSettings: {
      global_max_parallel_requests: PLACES,
      max_body_mb_in_flight: LARGE.roomMb,
      max_queue_ms: 1000,
    },
  });
  ({ upstream } = scene);
});
afterEach(() => scene.dispose());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function call(model: string, customerId: string, content = "Hi"): Promise<Answer> {
  const message = { role: "user", content };
  const answer = await scene.stack.chat({ model, user: customerId, messages: [message] });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

function expectRefused({ headers, text }: Answer): void {
  expect([headers.get("retry-after"), headers.get("x-should-retry")]).toEqual(["1", "true"]);
  expect(JSON.parse(text)).toMatchObject({ error: { type: "service_unavailable", code: "503" } });
}

// Setup     a proxy with 200 places, an upstream that holds its answers.
// Timeline  3,000 calls in the same moment; when all but the 200 are refused, health and management are asked
//           for, and somebody without the key calls; then the upstream answers.
// Proves    never more than 200 are with the upstream; the others are refused by name and as something to
//           be tried again; what was let in is answered and charged once; nothing else is.
test("3,000 calls at once on 200 places: 200 are served, the others told to come back", async () => {
  const held: Exchange[] = [];
  const gate = Promise.withResolvers<void>();
  upstream.on("held", async (exchange) => {
    held.push(exchange);
    await gate.promise;
    await upstream.usual(exchange);
  });
  let refused = 0;
  const calls = Array.from({ length: FLOOD }, async (_, at) => {
    const answer = await call("held", `customer-${at % 50}`);
    if (answer.status === 503) refused++;
    return { ...answer, customerId: `customer-${at % 50}` };
  });
  await waitUntil("all but those with the upstream to be refused", () => refused === FLOOD - PLACES);
  await waitUntil("the others to be with the upstream", () => held.length === PLACES);
  const health = await scene.stack.fetch("/health/liveliness");
  const customers = await scene.stack.fetch("/customer/list");
  const stranger = await scene.stack.chat("{}", { headers: { authorization: "Bearer sk-wrong" } });
  expect([health.status, customers.status, stranger.status]).toEqual([200, 200, 401]);
  // What finds the queue full is told of together: it was refused before the application.
  await waitUntil("the line that tells of them", () =>
    /"refused":[1-9]\d*,"msg":"http\.overloaded"/.test(scene.stack.output),
  );
  gate.resolve();

  const answers = await Promise.all(calls);
  for (const answer of answers.filter(({ status }) => status === 503)) expectRefused(answer);
  const served = answers.filter(({ status }) => status === 200);
  expect([served.length, upstream.seen.length]).toEqual([PLACES, PLACES]);
  const paid: Paid[] = served.map(({ headers, customerId, text }) => {
    const { usage } = JSON.parse(text) as { usage: { prompt_tokens: number; completion_tokens: number } };
    const nano = costNano({ prompt: usage.prompt_tokens, completion: usage.completion_tokens });
    return { requestId: headers.get("x-request-id") ?? "", customerId, nano };
  });
  expect(await expectChargedOnce(scene.stack, paid)).toHaveLength(PLACES);
  await expectVerified(scene.stack.dataDir);
});

// Setup     the same, with room for 64 MiB of bodies.
// Timeline  20 bodies of 18 MB at once; then a small call.
// Proves    no more bodies are with the upstream than there is room for; each call is served or refused
//           by name; memory is that of the bodies that had room, not of all; a call fits again afterwards.
test("20 bodies of 18 MB at once are served or refused by name, within a bound of memory", async () => {
  let atOnce = 0;
  let most = 0;
  upstream.on("steady", async (exchange) => {
    most = Math.max(most, ++atOnce);
    await upstream.usual(exchange);
    atOnce--;
  });
  const pid = await scene.stack.pidOf("proxy");
  const content = "All is well. ".repeat(LARGE.bytes / 13);
  const answers = await Promise.all(
    Array.from({ length: LARGE.count }, (_, at) => call("steady", `customer-${at}`, content)),
  );

  for (const answer of answers) {
    if (answer.status !== 200) expectRefused(answer);
  }
  const served = answers.filter(({ status }) => status === 200);
  expect(served.length).toBeGreaterThan(0);
  expect(served).toHaveLength(upstream.seen.length);
  expect(most).toBeLessThanOrEqual((LARGE.roomMb * 1024 * 1024) / LARGE.bytes);
  // At most ever. All twenty came to 2,600 MiB.
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kib !== undefined) expect(Number(kib) / 1024).toBeLessThan(1200);
  expect((await call("steady", "ada")).status).toBe(200);
});
