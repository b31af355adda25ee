import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BASE_ENV } from "../support/base-env.ts";
import { Gate } from "../support/gate.ts";
import { MASTER_KEY, type Stack } from "../support/stack.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const RESTART_MS = 200;

/**
 * A second proxy on the stack's store and Redis, on its own port and folder, reached over lines that can be cut.
 * It is started again whenever it has ended, as a service manager does it.
 */
export class SecondProxy {
  readonly baseUrl: string;
  readonly dataDir: string;
  /** Everything that it has printed. */
  output = "";
  readonly #stack: Stack;
  readonly #port: number;
  readonly #env: Readonly<Record<string, string>>;
  #lines: { store: Gate; redis: Gate } | null = null;
  #child: ChildProcess | null = null;
  #isWanted = false;

  /** `env`: what it is told beside the addresses, as the first proxy is. */
  constructor(stack: Stack, port: number, env: Readonly<Record<string, string>>) {
    this.#stack = stack;
    this.#port = port;
    this.#env = env;
    this.baseUrl = `http://127.0.0.1:${port}`;
    this.dataDir = path.join(path.dirname(stack.dataDir), "second");
    mkdirSync(this.dataDir, { recursive: true });
  }

  /** Starts it; after a new start of the stack on the stack's new addresses. */
  async start(): Promise<void> {
    await this.stop();
    this.#lines = {
      store: await Gate.to(this.#stack.mongodbUrl),
      redis: await Gate.to(this.#stack.redisUrl),
    };
    this.#isWanted = true;
    this.#spawn();
  }

  line(name: "store" | "redis"): Gate {
    if (this.#lines === null) throw new Error("It was never started");
    return this.#lines[name];
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** kill -9, for good; resolves when it is gone. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const child = this.#child;
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    const lines = this.#lines;
    this.#lines = null;
    await lines?.store.close();
    await lines?.redis.close();
  }

  #spawn(): void {
    const child = spawn(process.execPath, ["src/main.ts"], {
      cwd: ROOT,
      env: {
        ...BASE_ENV,
        ...this.#env,
        PORT: String(this.#port),
        DATA_DIR: this.dataDir,
        CONFIG_FILE_PATH: this.#stack.configFile,
        MASTER_KEY,
        MONGODB_URL: this.line("store").url,
        REDIS_URL: this.line("redis").url,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.#child = child;
    child.once("exit", () => void this.#startAgain(child));
  }

  async #startAgain(ended: ChildProcess): Promise<void> {
    await delay(RESTART_MS);
    if (this.#isWanted && this.#child === ended) this.#spawn();
  }
}
