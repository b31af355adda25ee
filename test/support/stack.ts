import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { stringify } from "yaml";
import { BASE_ENV } from "./base-env.ts";
import { listProcesses, processTree, type ProcessRow, signalProcess } from "./process-tree.ts";
import { waitUntil } from "./wait-until.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
export const MASTER_KEY = "sk-operator-5c1f0e7a";
/** All processes of one store seal their secrets with the same key. */
export const SECRETS_KEY = Buffer.alloc(32, "test").toString("base64");

export interface StackOptions {
  /** The content of config.yaml; a string is a path to use as it is. */
  readonly config: object | string;
  readonly env?: Readonly<Record<string, string>>;
  /** A folder inside its own unless told otherwise; one that is given is not removed. */
  readonly dataDir?: string;
  /** `node src/start.ts` unless told otherwise. */
  readonly command?: readonly [string, ...string[]];
}

export type Part = "supervisor" | "proxy" | "webhooks" | "maintenance" | "store" | "redis";

const COMMAND_OF: Readonly<Record<Part, RegExp>> = {
  supervisor: /start\.ts/,
  proxy: /src\/main\.ts/,
  webhooks: /workers\/webhooks\.ts/,
  maintenance: /workers\/maintenance\.ts/,
  store: /store-process\.ts|mongod/,
  redis: /(redis|valkey)-server/,
};

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The whole service as `npm start` runs it, in processes of its own, on a folder of its own. */
export class Stack {
  readonly dataDir: string;
  readonly #options: StackOptions;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "spendhook-e2e-"));
  #child: ChildProcess | null = null;
  #ended: Promise<Ended> | null = null;
  #output = "";
  #run = { mongodbUrl: "", redisUrl: "", port: 0 };

  private constructor(options: StackOptions) {
    this.#options = options;
    this.dataDir = options.dataDir ?? path.join(this.#folder, "data");
  }

  /** Starts it and resolves when it is ready. */
  static async start(options: StackOptions): Promise<Stack> {
    const stack = new Stack(options);
    await stack.restart();
    return stack;
  }

  /** Starts it without waiting: for starts that are meant to fail. */
  static launch(options: StackOptions): Stack {
    const stack = new Stack(options);
    stack.#spawn();
    return stack;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.#run.port}`;
  }
  get port(): number {
    return this.#run.port;
  }
  get mongodbUrl(): string {
    return this.#run.mongodbUrl;
  }
  get redisUrl(): string {
    return this.#run.redisUrl;
  }
  /** The configuration file it runs with. */
  get configFile(): string {
    const { config } = this.#options;
    return typeof config === "string" ? config : path.join(this.#folder, "config.yaml");
  }
  /** Everything that all its processes have printed, over all starts. */
  get output(): string {
    return this.#output;
  }

  /** Starts it again on the same data, after it has ended. */
  async restart(): Promise<void> {
    const child = this.#spawn();
    this.#run = await waitUntil("the service's run.json", () => {
      this.#throwIfEnded();
      const run = JSON.parse(readFileSync(path.join(this.dataDir, "run.json"), "utf8"));
      return run.pid === child.pid && run;
    });
    await waitUntil("readiness", async () => {
      this.#throwIfEnded();
      return (await fetch(`${this.baseUrl}/health/readiness`)).status === 200;
    });
  }

  #spawn(): ChildProcess {
    const { config, env, command } = this.#options;
    const file = this.configFile;
    if (typeof config !== "string") writeFileSync(file, stringify(config));
    const [program, ...args] = command ?? [process.execPath, "src/start.ts"];
    const child = spawn(program, args, {
      cwd: ROOT,
      env: {
        ...BASE_ENV,
        PORT: "0",
        DATA_DIR: this.dataDir,
        CONFIG_FILE_PATH: file,
        MASTER_KEY,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
    this.#child = child;
    this.#ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
    return child;
  }

  #throwIfEnded(): void {
    const code = this.#child?.exitCode ?? this.#child?.signalCode ?? null;
    if (code !== null) throw new Error(`The service ended (${code}):\n${this.#output.slice(-4000)}`);
  }

  /** Resolves when the supervisor has ended by itself. */
  async ended(): Promise<Ended> {
    if (this.#ended === null) throw new Error("It was never started");
    return this.#ended;
  }

  processes(): ProcessRow[] {
    return processTree(this.#child?.pid ?? 0);
  }

  /** The process id of one part; waits for it while it is being started again. */
  async pidOf(part: Part): Promise<number> {
    return waitUntil(
      `a running ${part}`,
      () => this.processes().find(({ command }) => COMMAND_OF[part].test(command))?.pid,
    );
  }

  async kill(part: Part, signal: NodeJS.Signals): Promise<number> {
    const pid = await this.pidOf(part);
    signalProcess(pid, signal);
    return pid;
  }

  /** kill -9 of every process at once; resolves when all are gone. */
  async killAll(): Promise<void> {
    const killed = new Set(this.processes().map(({ pid }) => pid));
    for (const pid of killed) signalProcess(pid, "SIGKILL");
    await waitUntil("all processes to be gone", () => !listProcesses().some(({ pid }) => killed.has(pid)));
    await this.#ended;
  }

  /** SIGTERM, as a service manager does it; resolves when the supervisor has ended. */
  async stop(): Promise<Ended> {
    if (this.#child?.pid !== undefined) signalProcess(this.#child.pid, "SIGTERM");
    return this.ended();
  }

  /** Ends what still runs and removes everything; says what was left running after a stop. */
  async dispose(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.killAll();
    for (const { pid } of this.#left()) signalProcess(pid, "SIGKILL");
    await waitUntil("nothing to run on its folder", () => this.#left().length === 0);
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /** What a kill in the middle of a start left behind; redis-server hides its arguments, but leaves its id. */
  #left(): ProcessRow[] {
    const record = path.join(this.dataDir, "redis", "redis.pid");
    const redis = existsSync(record) ? Number(readFileSync(record, "utf8").split("\n")[0]) : 0;
    return listProcesses().filter(
      ({ pid, command }) =>
        command.includes(this.#folder) ||
        command.includes(this.dataDir) ||
        (pid === redis && COMMAND_OF.redis.test(command)),
    );
  }

  /** A request with the operator's key. */
  fetch(pathname: string, init: RequestInit = {}): Promise<Response> {
    return fetchAsOperator(`${this.baseUrl}${pathname}`, init);
  }

  /** POST /v1/chat/completions with the operator's key. */
  chat(body: object | string, init: RequestInit = {}, baseUrl = this.baseUrl): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("content-type", "application/json");
    return fetchAsOperator(`${baseUrl}/v1/chat/completions`, {
      ...init,
      method: "POST",
      headers,
      body: typeof body === "string" || Buffer.isBuffer(body) ? (body as string) : JSON.stringify(body),
    });
  }

  /** GET /customer/info, parsed. */
  async customer(id: string): Promise<{ spend: number; lifetime_spend: number; sequence: number }> {
    const answer = await this.fetch(`/customer/info?end_user_id=${encodeURIComponent(id)}`);
    if (answer.status !== 200) throw new Error(`/customer/info answered ${answer.status}`);
    return (await answer.json()) as { spend: number; lifetime_spend: number; sequence: number };
  }
}

function fetchAsOperator(url: string, init: RequestInit): Promise<Response> {
  const headers = new Headers(init.headers);
  if (!headers.has("authorization")) headers.set("authorization", `Bearer ${MASTER_KEY}`);
  return fetch(url, { ...init, headers });
}

/** `npm run verify` on a data folder, in a process of its own. */
export async function runVerify(dataDir: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["src/verify.ts"], {
    cwd: ROOT,
    env: { ...BASE_ENV, DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}
