import { composeWebhookWorker } from "../src/compose/workers.ts";
import { runProcess } from "../src/run-process.ts";

await runProcess({
  name: "webhooks",
  about: "Spendhook's webhook worker: signs, POSTs and retries deliveries. Run as many as you need.",
  start: (config, log) => {
    const worker = composeWebhookWorker(config, log);
    log.info({}, "webhooks.running");
    return Promise.resolve(() => worker.stop());
  },
});
