import { createServer } from "node:http";
import { listen, type Listening } from "../../src/http/listen.ts";

// A process that listens where its parent says, and tells how that went.
let listening: Listening | null = null;

async function obey(told: { port?: number }): Promise<string> {
  if (told.port === undefined) {
    await listening?.close();
    listening = null;
    return "closed";
  }
  try {
    listening = await listen(createServer(), { port: told.port, host: "127.0.0.1" });
    return "listening";
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

process.on("message", (told: { port?: number }) => void obey(told).then((result) => process.send?.(result)));
process.send?.("ready");
