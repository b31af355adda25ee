import { FakeUpstream } from "./fake-upstream.ts";
import { newWebhookSecret, Receiver } from "./receiver.ts";
import { Stack } from "./stack.ts";

/** The whole service between an upstream that keeps its own bill and a receiver that verifies every event. */
export interface Scene {
  readonly upstream: FakeUpstream;
  readonly receiver: Receiver;
  readonly stack: Stack;
  readonly dispose: () => Promise<void>;
}

/** Starts a service that offers these models of the fake upstream and delivers to the receiver. */
export async function startScene(
  models: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Scene> {
  const secret = newWebhookSecret();
  const upstream = await FakeUpstream.start();
  const receiver = await Receiver.start(secret);
  const stack = await Stack.start({
    config: {
      model_list: models.map((model) => upstream.deployment(model)),
      general_settings: { alerting: ["webhook"] },
    },
    env: { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret, LOG_LEVEL: "warn", ...env },
  });
  const dispose = async (): Promise<void> => {
    await stack.dispose();
    await receiver.close();
    await upstream.close();
  };
  return { upstream, receiver, stack, dispose };
}
