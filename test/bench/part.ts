import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const REPLY_MS = 600_000;
const START_MS = 10_000;

interface Command {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

type Handlers = Readonly<Record<string, (args: never) => unknown>>;

/** The child's side: answers commands of the harness by name, and ends with it. `port` is where it listens. */
export function serveCommands(port: number, handlers: Handlers): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", ({ id, name, args }: Command) => {
    const handler = handlers[name] as ((args: unknown) => unknown) | undefined;
    void Promise.resolve()
      .then(() => handler?.(args))
      .then(
        (reply) => process.send?.({ id, reply }),
        (error: unknown) => process.send?.({ id, error: String(error) }),
      );
  });
  process.send?.({ port });
}

/** The harness's side: one program of the rig in a process of its own. */
export class Part {
  readonly pid: number;
  readonly port: number;
  readonly #child: ChildProcess;
  #asked = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.port = port;
  }

  /** Starts `test/bench/<name>.ts` and resolves when it listens. */
  static async start(name: string, env: Readonly<Record<string, string>> = {}): Promise<Part> {
    const file = path.join(import.meta.dirname, `${name}.ts`);
    const child = spawn(process.execPath, [file], {
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const [message] = (await once(child, "message", { signal: AbortSignal.timeout(START_MS) })) as [
      { port: number },
    ];
    return new Part(child, message.port);
  }

  /** Asks for a command and resolves with its reply. */
  ask<T>(name: string, args: object = {}): Promise<T> {
    const id = ++this.#asked;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => finish(() => reject(new Error(`${name} took too long`))), REPLY_MS);
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.#child.off("message", onMessage);
        this.#child.off("exit", onExit);
        settle();
      };
      const onMessage = (message: { id?: number; reply?: T; error?: string }): void => {
        if (message.id !== id) return;
        finish(() =>
          message.error === undefined ? resolve(message.reply as T) : reject(new Error(message.error)),
        );
      };
      const onExit = (): void => finish(() => reject(new Error(`The part that does ${name} has ended`)));
      this.#child.on("message", onMessage);
      this.#child.once("exit", onExit);
      this.#child.send({ id, name, args });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
