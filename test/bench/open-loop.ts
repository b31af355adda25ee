import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { serveCommands } from "./part.ts";
import { CUSTOMERS, type Target } from "./target.ts";

/** What came of the calls of one run. */
export interface Offered {
  readonly offered: number;
  /** Answered 200 before the run was over, and how long each of them took. */
  readonly servedInTime: number;
  readonly servedMs: number[];
  /** Answers by status, the late ones included; 0 is a connection that broke. */
  readonly statuses: Readonly<Record<string, number>>;
}

const CONTENT = "Tell me something about the weather in Boston. ".repeat(10);
const TICK_MS = 5;
/** A caller waits no longer than this for what is left of a run. */
const PATIENCE_MS = 60_000;
let turn = 0;

/** One connection that makes one call at a time, on bare sockets: the generator must cost less than what it measures. */
class Line {
  readonly #socket: Socket;
  #text = "";
  #answered: ((status: number) => void) | null = null;

  constructor(origin: string) {
    const { hostname, port } = new URL(origin);
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (text: string) => this.#take(text));
    this.#socket.on("error", () => {}).on("close", () => this.#answer(0));
  }

  get usable(): boolean {
    return !this.#socket.destroyed;
  }

  call(request: string): Promise<number> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#text += text;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#text)?.[1] ?? 0);
    if (this.#text.length < head + 4 + length) return;
    const status = Number(this.#text.slice(9, 12));
    // Whoever sends on one that the server ends loses the call.
    if (/^connection: close\r$/im.test(this.#text.slice(0, head + 2))) this.#socket.destroy();
    this.#text = "";
    this.#answer(status);
  }

  #answer(status: number): void {
    const answered = this.#answered;
    this.#answered = null;
    answered?.(status);
  }
}

function requestText({ key, prefix }: Target): string {
  const body = JSON.stringify({
    model: "whole",
    user: `${prefix}${turn++ % CUSTOMERS}`,
    messages: [{ role: "user", content: CONTENT }],
  });
  return [
    "POST /v1/chat/completions HTTP/1.1",
    "host: bench",
    `authorization: Bearer ${key}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

class Run {
  offered = 0;
  servedInTime = 0;
  readonly servedMs: number[] = [];
  readonly statuses: Record<string, number> = {};
  readonly #idle: Line[] = [];
  readonly #lines: Line[] = [];
  readonly #target: Target;
  readonly #endsAt: number;

  constructor(target: Target & { seconds: number }) {
    this.#target = target;
    this.#endsAt = performance.now() + target.seconds * 1000;
  }

  get isOver(): boolean {
    return performance.now() >= this.#endsAt;
  }

  async call(): Promise<void> {
    this.offered++;
    let line = this.#idle.pop();
    if (line?.usable !== true) {
      line = new Line(this.#target.origin);
      this.#lines.push(line);
    }
    const startedAt = performance.now();
    const status = await line.call(requestText(this.#target));
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    if (status === 200) {
      this.servedMs.push(performance.now() - startedAt);
      if (!this.isOver) this.servedInTime++;
    }
    if (status !== 0) this.#idle.push(line);
  }

  end(): Offered {
    for (const line of this.#lines) line.close();
    const { offered, servedInTime, servedMs, statuses } = this;
    return { offered, servedInTime, servedMs, statuses };
  }
}

/** As many calls as fit through `connections`, each making its next call when it has its answer. */
async function closed(args: Target & { connections: number; seconds: number }): Promise<Offered> {
  const run = new Run(args);
  const caller = async (): Promise<void> => {
    while (!run.isOver) await run.call();
  };
  await Promise.all(Array.from({ length: args.connections }, caller));
  return run.end();
}

/** `perSecond` calls a second, whatever became of the earlier ones: callers who do not know of each other. */
async function open(args: Target & { perSecond: number; seconds: number }): Promise<Offered> {
  const run = new Run(args);
  const startedAt = performance.now();
  const calls: Promise<void>[] = [];
  while (!run.isOver) {
    const due = ((performance.now() - startedAt) * args.perSecond) / 1000;
    while (run.offered < due) calls.push(run.call());
    await delay(TICK_MS);
  }
  await Promise.race([Promise.all(calls), delay(PATIENCE_MS)]);
  return run.end();
}

serveCommands(0, { closed, open });
