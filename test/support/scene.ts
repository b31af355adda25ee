import { FakeUpstream } from "./fake-upstream.ts";
import { newWebhookSecret, Receiver } from "./receiver.ts";
import { SECRETS_KEY, Stack } from "./stack.ts";

/** The whole service between an upstream that keeps its own bill and a receiver that verifies every event. */
export interface Scene {
  readonly upstream: FakeUpstream;
  readonly receiver: Receiver;
  readonly stack: Stack;
  readonly dispose: () => Promise<void>;
}

export interface SceneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly dataDir?: string;
  /** More of `litellm_params` for every model. */
  readonly params?: object;
  readonly generalSettings?: object;
  readonly litellmSettings?: object;
}

/** Starts a service that offers these models of the fake upstream and delivers to the receiver. */
export async function startScene(models: readonly string[], options: SceneOptions = {}): Promise<Scene> {
  const secret = newWebhookSecret();
  const upstream = await FakeUpstream.start();
  const receiver = await Receiver.start(secret);
  const stack = await Stack.start({
    config: {
      model_list: models.map((model) => upstream.deployment(model, options.params)),
      general_settings: { alerting: ["webhook"], ...options.generalSettings },
      litellm_settings: options.litellmSettings ?? {},
    },
    ...(options.dataDir !== undefined && { dataDir: options.dataDir }),
    env: {
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: secret,
      SECRETS_KEY,
      // The extra proxies of a test deliver to the same receiver, without being embedded themselves.
      WEBHOOK_ALLOW_PRIVATE: "true",
      LOG_LEVEL: "warn",
      ...options.env,
    },
  });
  const dispose = async (): Promise<void> => {
    await stack.dispose();
    await receiver.close();
    await upstream.close();
  };
  return { upstream, receiver, stack, dispose };
}
