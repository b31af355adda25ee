import { afterAll, beforeAll, expect, test } from "vitest";
import { expectVerified } from "../support/accounts.ts";
import {
  type Exports,
  litellmBudget,
  litellmCustomer,
  newExports,
  plainCustomer,
} from "../support/litellm-exports.ts";
import { runImport } from "../support/run-import.ts";
import { Stack } from "../support/stack.ts";

let stack: Stack;
let exports: Exports;

beforeAll(async () => {
  exports = await newExports();
  stack = await Stack.start({
    config: {
      model_list: [{ model_name: "mock", litellm_params: { model: "openai/gpt-4o", mock_response: "Yes." } }],
    },
    env: { LOG_LEVEL: "warn" },
  });
});
afterAll(async () => {
  await stack.dispose();
  await exports.remove();
});

const call = (user: string): Promise<Response> =>
  stack.chat({ model: "mock", user, messages: [{ role: "user", content: "Hi" }] });

test("an import into the DATA_DIR of a running service is seen by its next call, and kept by a restart", async () => {
  expect((await call("bob")).status).toBe(200);
  const files = [
    await exports.write("customers.json", [
      litellmCustomer,
      { ...plainCustomer, user_id: "bob", blocked: true },
    ]),
    await exports.write("budgets.json", [litellmBudget]),
  ];
  const env = { DATA_DIR: stack.dataDir, CONFIG_FILE_PATH: stack.configFile };
  expect(await runImport(files, env)).toMatchObject({ code: 0, err: "" });
  expect((await call("bob")).status).toBe(400);
  expect((await call("ada")).status).toBe(200);
  const before = await stack.customer("ada");
  expect(before.spend).toBeGreaterThan(0.001112);
  await expectVerified(stack.dataDir);
  await stack.stop();
  // Stopped, the same command works on the same data.
  expect(await runImport(files, env)).toMatchObject({
    code: 0,
    out: expect.stringContaining("nothing to change"),
  });
  await expectVerified(stack.dataDir);
  await stack.restart();
  const { spend, lifetime_spend, sequence } = before;
  expect(await stack.customer("ada")).toMatchObject({ spend, lifetime_spend, sequence });
});
