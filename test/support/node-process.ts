import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { BASE_ENV } from "./base-env.ts";
import { waitUntil } from "./wait-until.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

export interface Line {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** One of our programs as an operator runs it by itself: `node src/main.ts`, `node workers/webhooks.ts`, … */
export class NodeProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #output = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
  }

  static start(file: string, env: Readonly<Record<string, string>>): NodeProcess {
    const child = spawn(process.execPath, [file], {
      cwd: ROOT,
      env: { ...BASE_ENV, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new NodeProcess(child);
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits for a log line like this, and resolves with it. */
  async said(what: string, like: (line: Line) => boolean): Promise<Line> {
    return waitUntil(what, () => {
      const line = this.#lines().find(like);
      if (line !== undefined) return line;
      throw new Error(this.#output.slice(-2000));
    });
  }

  /** Waits until a proxy listens, and resolves with where. */
  async listening(): Promise<string> {
    const { port } = await this.said("a proxy that listens", ({ msg }) => msg === "proxy.listening");
    return `http://127.0.0.1:${String(port)}`;
  }

  async stop(
    signal: NodeJS.Signals = "SIGTERM",
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.#child.kill(signal);
    return this.#ended;
  }

  #lines(): Line[] {
    return this.#output
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Line);
  }
}
