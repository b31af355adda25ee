import { newWebhookSecret } from "../support/receiver.ts";
import { MASTER_KEY, type Part as StackPart, Stack } from "../support/stack.ts";
import { Part } from "./part.ts";
import type { Target } from "./target.ts";

/** How the ids of customers begin who are charged. */
export const PAYING = "paid-";
/** Nano-USD per token of every deployment of the rig. */
export const PRICE_NANO = { input: 500n, output: 1500n };

/** Everything that runs during a benchmark, each in a process of its own. */
export interface Rig {
  readonly upstream: Part;
  readonly bare: Part;
  readonly receiver: Part;
  readonly load: Part;
  readonly stack: Stack;
  /** What the load calls. */
  readonly targets: { readonly bare: Target; readonly spendhook: Target };
  /** What receivers verify with. */
  readonly secret: string;
  readonly pids: Readonly<Record<StackPart, number>>;
  stop(): Promise<void>;
}

/** Starts it all; each process of Spendhook leaves its CPU profile in `profileDir` when it ends. */
export async function startRig(profileDir?: string): Promise<Rig> {
  const secret = newWebhookSecret();
  const upstream = await Part.start("upstream");
  const origin = `http://127.0.0.1:${upstream.port}`;
  const bare = await Part.start("bare", { UPSTREAM: origin });
  const receiver = await Part.start("receiver", { SECRET: secret });
  const load = await Part.start("load");
  const stack = await Stack.start({
    config: {
      model_list: ["whole", "frames"].map((model) => ({
        model_name: model,
        litellm_params: {
          model: `openai/${model}`,
          api_base: `${origin}/v1`,
          api_key: "sk-bench",
          input_cost_per_token: "0.0000005",
          output_cost_per_token: "0.0000015",
        },
      })),
      general_settings: { alerting: ["webhook"] },
    },
    // As an operator runs it: one log line per request, to a pipe.
    env: {
      WEBHOOK_URL: `http://127.0.0.1:${receiver.port}/hook`,
      WEBHOOK_SECRET: secret,
      ...(profileDir !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }),
    },
  });
  const pid = (part: StackPart): Promise<number> => stack.pidOf(part);
  return {
    upstream,
    bare,
    receiver,
    load,
    stack,
    secret,
    targets: {
      bare: { origin: `http://127.0.0.1:${bare.port}`, key: "none", prefix: "free-" },
      spendhook: { origin: stack.baseUrl, key: MASTER_KEY, prefix: PAYING },
    },
    pids: {
      supervisor: await pid("supervisor"),
      proxy: await pid("proxy"),
      webhooks: await pid("webhooks"),
      maintenance: await pid("maintenance"),
      store: await pid("store"),
      redis: await pid("redis"),
    },
    stop: async () => {
      // A profile is written by who ends by itself.
      if (profileDir !== undefined) await stack.stop();
      await stack.dispose();
      await Promise.all([load.stop(), receiver.stop(), bare.stop(), upstream.stop()]);
    },
  };
}
