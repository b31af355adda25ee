import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createApp } from "./app.ts";
import { composeProxy, type Proxy } from "./compose/proxy.ts";
import { errorFields } from "./lib/log.ts";
import { runProcess } from "./run-process.ts";

const REQUEST_TIMEOUT_MS = 300_000;
const HEADERS_TIMEOUT_MS = 60_000;
/** Longer than the idle time-out of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const DRAIN_MS = 30_000;

await runProcess({
  name: "proxy",
  about: "Spendhook's proxy: the HTTP API. `npm start` starts it together with all it needs.",
  start: async (config, log) => {
    const proxy = composeProxy(config, log);
    const app = createApp(proxy.app);
    app.on("error", (error: unknown) => log.debug(errorFields(error), "http.connection_error"));
    const handle = app.callback();
    const server = createServer((request, response) => void handle(request, response));
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
    server.listen(config.port, config.host);
    await once(server, "listening");
    const { address, port } = server.address() as AddressInfo;
    log.info({ address, port }, "proxy.listening");
    process.send?.({ listening: port });
    return () => drain(server, proxy);
  },
});

/** Stops taking calls, lets those in flight end within the drain time, then closes everything. */
async function drain(server: Server, proxy: Proxy): Promise<void> {
  proxy.startDraining();
  const closed = once(server, "close");
  server.close();
  const deadline = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(deadline);
  await proxy.close();
}
