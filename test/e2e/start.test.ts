import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { expectVerified } from "../support/accounts.ts";
import { FakeUpstream, UPSTREAM_KEY } from "../support/fake-upstream.ts";
import { readLedger } from "../support/ledger-rows.ts";
import { newWebhookSecret, Receiver } from "../support/receiver.ts";
import { MASTER_KEY, Stack, type StackOptions } from "../support/stack.ts";
import { isRunning } from "../support/process-tree.ts";
import { waitUntil } from "../support/wait-until.ts";

const MOCK = {
  model_name: "mock",
  litellm_params: { model: "mistral/mistral-small-latest", mock_response: "Hello." },
};
const CALL = { model: "mock", user: "ada", messages: [{ role: "user", content: "Hi" }] };

const stacks: Stack[] = [];

afterEach(async () => {
  for (const stack of stacks.splice(0)) await stack.dispose();
});

async function start(options: StackOptions): Promise<Stack> {
  const stack = await Stack.start(options);
  stacks.push(stack);
  return stack;
}

/** The file that tells `npm run verify` where a running store is; null when there is none. */
function runFile(stack: Stack | undefined): string | null {
  const file = path.join(stack?.dataDir ?? "", "run.json");
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

/** Starts what cannot start, and resolves with how it ended and all that it said. */
async function startInVain(options: StackOptions): Promise<{ code: number | null; output: string }> {
  const stack = Stack.launch(options);
  stacks.push(stack);
  const { code } = await stack.ended();
  return { code, output: stack.output };
}

describe("a start that cannot work ends with its reason and leaves nothing behind", () => {
  test("every fault of the configuration, each with the nearest key that exists", async () => {
    const { code, output } = await startInVain({
      config: {
        model_list: [
          { model_name: "m", litellm_params: { model: "openai/m", api_bse: "http://127.0.0.1:9/v1" } },
        ],
        general_setings: { alerting: ["webhook"] },
      },
    });

    expect(code).not.toBe(0);
    expect(output).toContain("config.yaml");
    expect(output).toContain('"model_list[0].litellm_params.api_bse" (did you mean "api_base"?)');
    expect(output).toContain('"general_setings" (did you mean "general_settings"?)');
    expect(output).not.toMatch(/\n {4}at /);
  });

  test.for([
    { env: { PORT: "http" }, says: "PORT" },
    { env: { WEBHOOK_SECRET: "not-a-secret-9f1c" }, says: "WEBHOOK_SECRET" },
    { env: { CONFIG_FILE_PATH: "/nowhere/config.yaml" }, says: "/nowhere/config.yaml" },
    { env: { WEBHOOK_URL: "http://127.0.0.1:6379/" }, says: "WEBHOOK_URL must not use port 6379" },
  ])("a wrong environment names the variable: $says", async ({ env, says }) => {
    const { code, output } = await startInVain({ config: { model_list: [MOCK] }, env });
    expect(code).not.toBe(0);
    expect(output).toContain(says);
    expect(output).not.toContain("not-a-secret-9f1c");
    expect(output).not.toMatch(/\n {4}at /);
  });

  test("a port that is taken, and the data folder is free for the next start", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const port = String((holder.address() as AddressInfo).port);
    try {
      const failed = await startInVain({ config: { model_list: [MOCK] }, env: { PORT: port } });
      expect(failed.code).not.toBe(0);
      expect(failed.output).toContain(`127.0.0.1:${port} is in use`);
      expect(failed.output).toContain("PORT");
    } finally {
      holder.close();
      await once(holder, "close");
    }
    const [first] = stacks;
    expect(first?.processes()).toEqual([]);
    expect(runFile(first)).toBeNull();
    await first?.restart();
    expect((await first?.chat(CALL))?.status).toBe(200);
  });
});

// Setup     a service that runs and has a charge.
// Timeline  a second one is started on the same DATA_DIR, and ends.
// Proves    it says what is in its way; the first one keeps its processes, its data, its address file and
//           its ability to be verified.
test("a second start on a folder in use says so and does the first one no harm", async () => {
  const first = await start({ config: { model_list: [MOCK] } });
  expect((await first.chat(CALL)).status).toBe(200);
  const before = first.processes().map(({ pid }) => pid);
  const record = runFile(first);

  const second = await startInVain({ config: { model_list: [MOCK] }, env: { DATA_DIR: first.dataDir } });

  expect(second.code).not.toBe(0);
  expect(second.output).toContain("another store is running");
  expect(second.output).toContain(first.dataDir);
  expect(second.output).not.toMatch(/\n {4}at /);
  expect(first.processes().map(({ pid }) => pid)).toEqual(before);
  expect((await first.chat(CALL)).status).toBe(200);
  expect(await readLedger(first.mongodbUrl)).toHaveLength(2);
  expect(runFile(first)).toBe(record);
  await expectVerified(first.dataDir);
  expect(await first.stop()).toEqual({ code: 0, signal: null });
});

test("--help and --version answer on standard output and start nothing", async () => {
  const help = await startInVain({ config: {}, command: [process.execPath, "src/start.ts", "--help"] });
  expect(help.code).toBe(0);
  expect(help.output).toContain("--config");
  expect(help.output).toContain("MONGODB_URL");

  const version = await startInVain({ config: {}, command: [process.execPath, "src/start.ts", "--version"] });
  expect(version).toEqual({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });

  const unknown = await startInVain({ config: {}, command: [process.execPath, "src/start.ts", "--prot=1"] });
  expect(unknown.code).not.toBe(0);
  expect(unknown.output).toContain("--prot");
});

test("a stop ends every process and removes the address file", async () => {
  const stack = await start({ config: { model_list: [MOCK] } });
  const pids = stack.processes().map(({ pid }) => pid);
  expect(pids.length).toBeGreaterThanOrEqual(6);
  expect(await stack.stop()).toEqual({ code: 0, signal: null });
  expect(pids.filter(isRunning)).toEqual([]);
  expect(runFile(stack)).toBeNull();
});

// Setup     a start that has got as far as its Redis, the first process that would outlive it.
// Timeline  Ctrl-C, or a service manager's change of mind.
// Proves    a stop is a stop at any time: no process is left without a master.
test.for<NodeJS.Signals>(["SIGTERM", "SIGINT"])(
  "%s in the middle of a start leaves nothing running",
  async (signal) => {
    const stack = Stack.launch({ config: { model_list: [MOCK] } });
    stacks.push(stack);
    await stack.pidOf("redis");
    const started = stack.processes();
    await stack.kill("supervisor", signal);
    await stack.ended();
    await waitUntil(
      "the end of every process",
      () => {
        const left = started.filter(({ pid }) => isRunning(pid));
        if (left.length > 0) throw new Error(left.map(({ command }) => command).join(", "));
        return true;
      },
      10_000,
    );
    await stack.restart();
    expect((await stack.chat(CALL)).status).toBe(200);
  },
);

test("a proxy that is started again keeps its address, also one that it chose itself", async () => {
  const stack = await start({ config: { model_list: [MOCK] }, env: { PORT: "0" } });
  const killed = await stack.kill("proxy", "SIGKILL");
  await waitUntil("another proxy", async () => (await stack.pidOf("proxy")) !== killed);
  await waitUntil(
    "an answer at the address that was announced",
    async () => (await stack.chat(CALL)).status === 200,
    10_000,
  );
});

describe("what is printed", () => {
  let upstream: FakeUpstream;
  let receiver: Receiver;
  const secret = newWebhookSecret();

  beforeEach(async () => {
    upstream = await FakeUpstream.start();
    receiver = await Receiver.start(secret);
    return async () => {
      await receiver.close();
      await upstream.close();
    };
  });

  // Setup     the most talkative log level; a receiver that refuses at first, an upstream that refuses
  //           its key, one that cannot be reached.
  // Timeline  good calls, bad keys, bad bodies, failures, a secret that is shown, a store that is killed.
  // Proves    neither keys, secrets, the webhook's path, prompts nor answers are in any line of any process.
  test("holds no key, no secret, no webhook path, no prompt and no answer at any log level", async () => {
    const prompt = "PROMPT-the-patient-is-ill";
    const reply = "ANSWER-take-two-of-these";
    const say = { user: "ada", messages: [{ role: "user", content: prompt }] };
    upstream.on("good", (exchange) => upstream.whole(exchange, { prompt: 5, completion: 5 }, reply));
    upstream.on("flows", (exchange) => upstream.stream(exchange, { prompt: 5, completion: 5 }, [reply]));
    upstream.on("locked", async ({ response }) => {
      response.writeHead(401, { "content-type": "application/json" }).end(`{"error":"${UPSTREAM_KEY}"}`);
      return Promise.resolve();
    });
    upstream.on("broken", async ({ response }) => {
      response.writeHead(200, { "content-type": "application/json" }).end(`${reply} is not JSON`);
      return Promise.resolve();
    });
    receiver.reply = ({ headers }, response) => {
      response.writeHead(headers["webhook-attempt"] === "1" ? 500 : 200).end(reply);
    };
    const away = { api_base: "http://127.0.0.1:9/v1" };
    const stack = await start({
      config: {
        model_list: [
          ...["good", "flows", "locked", "broken"].map((model) => upstream.deployment(model)),
          upstream.deployment("away", away),
        ],
        general_settings: { alerting: ["webhook"] },
      },
      env: { LOG_LEVEL: "trace", WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret },
    });

    for (const model of ["good", "locked", "broken", "away", "unknown"]) {
      await (await stack.chat({ model, ...say })).text();
    }
    await (await stack.chat({ model: "flows", stream: true, ...say })).text();
    await (await stack.chat(`{"model":"good","messages":[{"content":"${prompt}"`)).text();
    await stack.chat({ model: "good", ...say }, { headers: { authorization: "Bearer sk-guessed-77aa" } });
    expect((await stack.fetch("/webhook/endpoints/default/secret")).status).toBe(200);
    await waitUntil("both events", () => receiver.accepted.length === 2);
    await stack.kill("store", "SIGKILL");
    expect((await stack.chat({ model: "good", ...say })).status).toBe(200);
    await waitUntil("the third event", () => receiver.accepted.length === 3);
    await stack.stop();

    const sealing = readFileSync(path.join(stack.dataDir, "secrets.key"), "utf8");
    const secrets = [MASTER_KEY, UPSTREAM_KEY, secret, secret.slice("whsec_".length), sealing];
    const found = [...secrets, "sk-guessed-77aa", "t0ken-in-path", prompt, reply].filter((text) =>
      stack.output.includes(text),
    );
    expect(stack.output).toContain("http.request");
    expect(stack.output).toContain("delivery.attempt");
    expect(found).toEqual([]);
  });
});
