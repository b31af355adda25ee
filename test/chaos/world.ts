import { freePort, LOOPBACK } from "../../src/embedded/child.ts";
import { newWebhookSecret, Receiver } from "../support/receiver.ts";
import { SECRETS_KEY, Stack } from "../support/stack.ts";
import { waitUntil } from "../support/wait-until.ts";
import { BillingUpstream } from "./billing-upstream.ts";
import { DEFAULT_TIER, makeCast } from "./cast.ts";
import { callOnce } from "./call-once.ts";
import { SecondProxy } from "./second-proxy.ts";

/** The whole service with two proxies, between an upstream that keeps the true bill and a receiver that verifies. */
export interface World {
  readonly upstream: BillingUpstream;
  readonly receiver: Receiver;
  readonly stack: Stack;
  readonly second: SecondProxy;
  readonly dispose: () => Promise<void>;
}

/** So that nothing that failed under a fault is waited for in hours afterwards. */
const WEBHOOKS = { retry_seconds: Array.from({ length: 50 }, () => 2), breaker_seconds: 2 };

/** Starts everything with its customers: the blocked one is blocked, the spent-up one has used up its budget. */
export async function startWorld(): Promise<World> {
  const secret = newWebhookSecret();
  const upstream = await BillingUpstream.start();
  const receiver = await Receiver.start(secret);
  const env = {
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: secret,
    WEBHOOK_ALLOW_PRIVATE: "true",
    SECRETS_KEY,
    LOG_LEVEL: "warn",
  };
  const stack = await Stack.start({
    config: {
      model_list: upstream.deployments(),
      general_settings: { alerting: ["webhook"], webhook_settings: WEBHOOKS },
      litellm_settings: { max_end_user_budget_id: DEFAULT_TIER },
    },
    // A port of its own: whoever is started again must be found where it was.
    env: { ...env, PORT: String(await freePort(LOOPBACK)) },
  });
  const second = new SecondProxy(stack, await freePort(LOOPBACK), env);
  const world = {
    upstream,
    receiver,
    stack,
    second,
    dispose: async () => {
      await second.stop();
      await stack.dispose();
      await receiver.close();
      await upstream.close();
    },
  };
  try {
    await prepare(world);
  } catch (error) {
    await world.dispose();
    throw error;
  }
  return world;
}

async function prepare({ stack, second }: World): Promise<void> {
  await makeCast((path, body) => post(stack, path, body));
  // A dead worker's claims lapse after the longest attempt that its endpoint allows: a short one is waited for less.
  const answer = await stack.fetch("/webhook/endpoints/default", {
    method: "PATCH",
    body: JSON.stringify({ timeout_ms: 5000 }),
  });
  if (answer.status !== 200) throw new Error(`The endpoint could not be changed: ${answer.status}`);
  await second.start();
  await waitUntil("a second proxy", () => isReady(second.baseUrl));
  const spend = { customerId: "spent-0", model: "paid", way: "whole", prompt: "How is it?" } as const;
  await waitUntil("a budget that is used up", async () => {
    const { status } = await callOnce(stack.baseUrl, { ...spend, maxTokens: undefined });
    return status === 422;
  });
}

/** A change by the operator; throws unless it was accepted. */
export async function post(stack: Stack, path: string, body: object): Promise<void> {
  const answer = await stack.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${text}`);
}

export async function isReady(baseUrl: string): Promise<boolean> {
  const answer = await fetch(`${baseUrl}/health/readiness`, { signal: AbortSignal.timeout(5000) });
  return answer.status === 200;
}
