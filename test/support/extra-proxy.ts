import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { BASE_ENV } from "./base-env.ts";
import { MASTER_KEY, SECRETS_KEY, type Stack } from "./stack.ts";
import { waitUntil } from "./wait-until.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

/** One more proxy on a stack's store and Redis, as an operator who scales out starts it. */
export class ExtraProxy {
  readonly baseUrl: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  static async start(stack: Stack, env: Readonly<Record<string, string>> = {}): Promise<ExtraProxy> {
    const child = spawn(process.execPath, ["src/main.ts"], {
      cwd: ROOT,
      env: {
        ...BASE_ENV,
        PORT: "0",
        DATA_DIR: mkdtempSync(path.join(stack.dataDir, "proxy-")),
        CONFIG_FILE_PATH: stack.configFile,
        MASTER_KEY,
        SECRETS_KEY,
        MONGODB_URL: stack.mongodbUrl,
        REDIS_URL: stack.redisUrl,
        LOG_LEVEL: "warn",
        ...env,
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [message] = (await once(child, "message")) as [{ listening: number }];
    const proxy = new ExtraProxy(child, message.listening);
    try {
      await waitUntil("an extra proxy", async () => {
        return (await fetch(`${proxy.baseUrl}/health/readiness`)).status === 200;
      });
    } catch (error) {
      await proxy.stop("SIGKILL");
      throw error;
    }
    return proxy;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill(signal);
    await ended;
  }
}
