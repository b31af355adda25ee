import { createApp } from "./app.ts";
import { composeProxy } from "./compose/proxy.ts";
import { refuseAtOnce } from "./http/refuse-at-once.ts";
import { serve } from "./http/serve.ts";
import { errorFields } from "./lib/log.ts";
import { releaseMemoryWhenIdle } from "./release-memory.ts";
import { runProcess } from "./run-process.ts";

/** Long enough for a load balancer that asks for readiness every two seconds. */
const LEAVE_MS = 5000;
const DRAIN_MS = 30_000;

await runProcess({
  name: "proxy",
  about: "Spendhook's proxy: the HTTP API. `npm start` starts it together with all it needs.",
  start: async (config, log) => {
    const proxy = composeProxy(config, log);
    const app = createApp(proxy.app);
    app.on("error", (error: unknown) => log.debug(errorFields(error), "http.connection_error"));
    const serving = await serve(app.callback(), { ...config, refuse: refuseAtOnce(proxy.app) });
    const { address, port } = serving;
    releaseMemoryWhenIdle({ isIdle: proxy.app.callGate.isEmpty, log });
    log.info({ address, port }, "proxy.listening");
    process.send?.({ listening: port });
    return async () => {
      const begun = performance.now();
      proxy.startLeaving();
      await serving.leave(LEAVE_MS);
      proxy.startDraining();
      await serving.drain(DRAIN_MS - (performance.now() - begun));
      await proxy.close();
    };
  },
});
