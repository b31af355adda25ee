import { composeMaintenance } from "../src/compose/maintenance.ts";
import { runProcess } from "../src/run-process.ts";

await runProcess({
  name: "maintenance",
  about: "Spendhook's maintenance worker: finds deliveries that the queue has lost. One is enough.",
  start: (config, log) => {
    const worker = composeMaintenance(config, log);
    log.info({}, "maintenance.running");
    return Promise.resolve(() => worker.stop());
  },
});
