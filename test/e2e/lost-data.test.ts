import { copyFileSync, existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { isRunning, signalProcess } from "../support/process-tree.ts";
import { runVerify, Stack, type StackOptions } from "../support/stack.ts";

const MOCK = {
  model_name: "mock",
  litellm_params: { model: "openai/gpt-4o-mini", mock_response: "Hello." },
};
const OPTIONS: StackOptions = { config: { model_list: [MOCK] } };
const FORCED = [process.execPath, "src/start.ts", "--force-new"] as const;

const stacks: Stack[] = [];
afterEach(async () => {
  for (const stack of stacks.splice(0).reverse()) await stack.dispose();
});

/** A service that has charged something and was stopped. */
async function used(end: (stack: Stack) => Promise<unknown> = (stack) => stack.stop()): Promise<Stack> {
  const stack = await Stack.start(OPTIONS);
  stacks.push(stack);
  const answer = await stack.chat({
    model: "mock",
    user: "ada",
    messages: [{ role: "user", content: "Hi" }],
  });
  expect(answer.status).toBe(200);
  await end(stack);
  return stack;
}

async function again(dataDir: string): Promise<{ code: number | null; output: string }> {
  const stack = Stack.launch({ ...OPTIONS, dataDir });
  stacks.push(stack);
  const { code } = await stack.ended();
  return { code, output: stack.output };
}

describe("data that is gone is not silently begun anew", () => {
  test.for<[string, (file: string) => void, RegExp]>([
    ["its file is empty", (file) => truncateSync(file), /store\.db is empty/],
    ["its file is gone", (file) => rmSync(file), /store\.db is gone/],
    ["its folder is gone", (file) => rmSync(path.dirname(file), { recursive: true }), /store\.db is gone/],
    ["its file is no store", (file) => writeFileSync(file, "x".repeat(8192)), /store\.db is damaged/],
  ])("%s: the start says so and stops, and so do the tools", { timeout: 120_000 }, async ([, lose, said]) => {
    const { dataDir } = await used();
    lose(path.join(dataDir, "store", "store.db"));
    const { code, output } = await again(dataDir);
    expect(output).toMatch(said);
    expect(output).toContain("--force-new");
    expect(code).toBe(78);
    expect((await runVerify(dataDir)).code).toBe(2);
  });

  test(
    "--force-new keeps what is there under other names and begins anew, once",
    { timeout: 120_000 },
    async () => {
      const { dataDir } = await used((stack) => stack.killAll());
      truncateSync(path.join(dataDir, "store", "store.db"));
      const forced = await Stack.start({ ...OPTIONS, dataDir, command: FORCED });
      stacks.push(forced);
      expect((await forced.fetch("/customer/info?end_user_id=ada")).status).toBe(404);
      const kept = readdirSync(dataDir).filter((name) => name.includes(".set-aside-"));
      expect(new Set(kept.map((name) => name.split(".")[0]))).toEqual(new Set(["redis", "store"]));
      expect(
        existsSync(
          path.join(
            dataDir,
            kept.find((name) => name.startsWith("store"))!,
            "store.db-wal",
          ),
        ),
      ).toBe(true);
      expect(forced.output).toContain(".set-aside-");

      // Not while it runs.
      const second = Stack.launch({ ...OPTIONS, dataDir, command: FORCED });
      stacks.push(second);
      expect((await second.ended()).code).toBe(78);
      expect(second.output).toContain("stop it first");
      expect((await forced.fetch("/health/readiness")).status).toBe(200);
      await forced.stop();
    },
  );
});

describe("--force-new begins nothing anew under a server that runs", () => {
  /** Everything is killed but Redis: also the process that would end it. */
  async function leftRedis(): Promise<{ dataDir: string; redis: number }> {
    let redis = 0;
    const { dataDir } = await used(async (stack) => {
      redis = await stack.pidOf("redis");
      const killed = stack.processes().filter(({ pid }) => pid !== redis);
      for (const { pid } of killed) signalProcess(pid, "SIGKILL");
      await stack.ended();
    });
    expect(isRunning(redis)).toBe(true);
    return { dataDir, redis };
  }

  test("a Redis that was left is ended first", { timeout: 120_000 }, async () => {
    const { dataDir, redis } = await leftRedis();
    const forced = await Stack.start({ ...OPTIONS, dataDir, command: FORCED });
    stacks.push(forced);
    expect(isRunning(redis)).toBe(false);
    expect(readdirSync(dataDir).filter((name) => name.startsWith("redis.set-aside-"))).toHaveLength(1);
    await forced.stop();
  });

  test("one that hangs keeps its folder, and the start says so", { timeout: 120_000 }, async () => {
    const { dataDir, redis } = await leftRedis();
    signalProcess(redis, "SIGSTOP");
    const forced = Stack.launch({ ...OPTIONS, dataDir, command: FORCED });
    stacks.push(forced);
    expect((await forced.ended()).code).toBe(78);
    expect(forced.output).toContain("does not answer");
    expect(readdirSync(dataDir).filter((name) => name.includes(".set-aside-"))).toEqual([]);
    signalProcess(redis, "SIGKILL");
  });
});

describe("a Redis whose file is damaged does not stop the service", () => {
  test.for<[string, (folder: string) => void]>([
    [
      "the list of its parts is no list",
      (folder) => writeFileSync(path.join(folder, "appendonly.aof.manifest"), "x\n"),
    ],
    [
      "one of its parts is gone",
      (folder) =>
        rmSync(
          path.join(
            folder,
            readdirSync(folder).find((name) => name.includes("base"))!,
          ),
        ),
    ],
    [
      "one of its parts is something else",
      (folder) =>
        copyFileSync(
          path.join(import.meta.dirname, "../../package.json"),
          path.join(
            folder,
            readdirSync(folder).find((name) => name.includes("incr"))!,
          ),
        ),
    ],
  ])("%s: it is set aside, told, and rebuilt from the store", { timeout: 120_000 }, async ([, damage]) => {
    const stack = await used();
    damage(path.join(stack.dataDir, "redis", "appendonlydir"));
    await stack.restart();
    expect(stack.output.match(/^WARNING: Redis could not read /gm)).toHaveLength(1);
    expect(
      readdirSync(path.join(stack.dataDir, "redis")).filter((name) => name.includes("damaged")),
    ).toHaveLength(1);
    expect((await stack.customer("ada")).sequence).toBe(1);
    await stack.stop();
    expect((await runVerify(stack.dataDir)).code).toBe(0);
  });
});
