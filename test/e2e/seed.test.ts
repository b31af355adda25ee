import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Receiver } from "../support/receiver.ts";
import { Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What the guide for LiteLLM's customers has people type and expect. */
const KEY = "sk-1234";
const BODY = `{
    "model": "mistral",
    "messages": [
        {
        "role": "user",
        "content": "What's the weather like in Boston today?"
        }
    ],
    "user": "krrish12"
}
`;
const INFO_KEYS = [
  "user_id",
  "blocked",
  "alias",
  "spend",
  "allowed_model_region",
  "default_model",
  "litellm_budget_table",
];
const EVENT_KEYS = [
  "spend",
  "max_budget",
  "token",
  "customer_id",
  "user_id",
  "team_id",
  "user_email",
  "key_alias",
  "projected_exceeded_date",
  "projected_spend",
  "event",
  "event_group",
  "event_message",
];

const folder = mkdtempSync(path.join(tmpdir(), "spendhook-curl-"));
let receiver: Receiver;
let stack: Stack;

beforeAll(async () => {
  receiver = await Receiver.start(async () => {
    const answer = await fetch(`${stack.baseUrl}/webhook/endpoints/default/secret`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    return ((await answer.json()) as { secret: string }).secret;
  });
  stack = await Stack.start({
    config: path.join(import.meta.dirname, "..", "..", "config.yaml"),
    // Empty is unset: the default key.
    env: { MASTER_KEY: "", WEBHOOK_URL: receiver.url },
  });
});
afterAll(async () => {
  await stack?.dispose();
  await receiver?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** curl as typed, in a folder of its own: a wrong option may write files. */
async function curl(line: { method: string; url: string; more: string[] }): Promise<string> {
  const headers = ["-H", "Content-Type: application/json", "-H", `Authorization: Bearer ${KEY}`];
  const options = ["--silent", "--show-error", "-X", line.method, line.url, ...headers, ...line.more];
  const { stdout } = await promisify(execFile)("curl", options, { cwd: folder });
  return stdout;
}

// Setup     the configuration in the repository, as `bin/start` runs it, with a WEBHOOK_URL.
// Timeline  the guide's curl for "mistral" by "krrish12"; then its curl for the customer's spend.
// Proves    both answers and the event are what the guide prints, field by field and in its order, and
//           the event verifies with the secret that the API tells.
test("the guide's calls work as printed, and its event arrives", async () => {
  const answer = JSON.parse(
    await curl({
      method: "POST",
      url: `http://localhost:${stack.port}/chat/completions`,
      more: ["-d", BODY],
    }),
  );
  expect(answer.choices[0].message).toEqual({ role: "assistant", content: "It is sunny in Boston." });

  const info = JSON.parse(
    await curl({
      method: "GET",
      url: `http://0.0.0.0:${stack.port}/customer/info?end_user_id=krrish12`,
      more: [],
    }),
  );
  expect(Object.keys(info).slice(0, INFO_KEYS.length)).toEqual(INFO_KEYS);
  expect(info).toMatchObject({
    user_id: "krrish12",
    blocked: false,
    alias: null,
    allowed_model_region: null,
    default_model: null,
    litellm_budget_table: null,
  });
  expect(info.spend).toBeGreaterThan(0);

  await waitUntil("the event", () => receiver.accepted.length > 0);
  expect(receiver.invalid).toEqual([]);
  const { body, headers } = receiver.accepted[0]!;
  const event = JSON.parse(body);
  expect(Object.keys(event).slice(0, EVENT_KEYS.length)).toEqual(EVENT_KEYS);
  expect(event).toMatchObject({
    spend: info.spend,
    max_budget: null,
    token: createHash("sha256").update(KEY).digest("hex"),
    customer_id: "krrish12",
    user_id: null,
    team_id: null,
    user_email: null,
    key_alias: null,
    projected_exceeded_date: null,
    projected_spend: null,
    event: "spend_tracked",
    event_group: "customer",
  });
  const printed = /"spend":([0-9.]+),/.exec(body)?.[1];
  expect(event.event_message).toBe(`Customer spend tracked. Customer=krrish12, spend=${printed}`);
  expect(headers["webhook-id"]).toBe(event.id);
  expect(event.sequence).toBe(1);
  expect(body).not.toContain("Boston");
});

test("the guide's own slip, -D for -d, is answered with what to type instead", async () => {
  const answer = JSON.parse(
    await curl({
      method: "POST",
      url: `http://localhost:${stack.port}/chat/completions`,
      more: ["-D", BODY],
    }),
  );
  expect(answer.error.message).toContain("-d");
  expect(answer.error.code).toBe("400");
});
