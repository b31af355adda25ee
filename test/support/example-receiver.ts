import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { freePort, LOOPBACK } from "../../src/embedded/child.ts";
import { BASE_ENV } from "./base-env.ts";
import { withStore } from "./ledger-rows.ts";
import { MASTER_KEY, type Stack } from "./stack.ts";
import { waitUntil } from "./wait-until.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

/** One of the example receivers: how it is started, and what its books say that each customer has spent. */
export interface Example {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly booked: (output: string) => Promise<Map<string, bigint>>;
  /** Null: its books are gone when it ends. */
  readonly loseBooks: (() => Promise<void>) | null;
}

const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as {
  scripts: { "example:receiver": string };
};
/** What `npm run example:receiver` runs. */
const NODE = scripts["example:receiver"].split(" ").with(0, process.execPath);

/** The Node receiver with nothing set: its books are what it prints. */
export function nodeInMemory(): Example {
  const line = /^verified \S+: (.+) spent \S+, (\d+)(?:\.(\d+))? in total$/gm;
  const nano = (whole = "", decimals = ""): bigint => BigInt(whole + decimals.padEnd(9, "0"));
  return {
    name: "Node, in memory",
    command: NODE,
    env: {},
    booked: (output) =>
      Promise.resolve(
        new Map(
          [...output.matchAll(line)].map(([, id = "", whole, decimals]) => [id, nano(whole, decimals)]),
        ),
      ),
    loseBooks: null,
  };
}

export function nodeWithMongo(url: string): Example {
  return {
    name: "Node, MongoDB",
    command: NODE,
    env: { RECEIVER_MONGODB_URL: url },
    booked: () =>
      withStore(url, async (client) => {
        const rows = client.db("receiver").collection<{ _id: string; spentNano: bigint }>("customers");
        return new Map((await rows.find().toArray()).map(({ _id, spentNano }) => [_id, spentNano]));
      }),
    loseBooks: () =>
      withStore(url, async (client) => {
        await client.db("receiver").dropDatabase();
      }),
  };
}

export function pythonWithSqlite(folder: string): Example {
  const file = path.join(folder, "receiver.db");
  return {
    name: "Python, SQLite",
    command: ["python3", "examples/receiver/receiver.py"],
    env: { RECEIVER_DB: file },
    booked: () => {
      const db = new DatabaseSync(file, { readOnly: true, timeout: 1000, readBigInts: true });
      try {
        const rows = db.prepare("SELECT id, spent_nano FROM customers").all();
        return Promise.resolve(new Map(rows.map((row) => [String(row["id"]), row["spent_nano"] as bigint])));
      } finally {
        db.close();
      }
    },
    loseBooks: () => {
      for (const end of ["", "-journal"]) rmSync(file + end, { force: true });
      return Promise.resolve();
    },
  };
}

/** An example receiver as a process, with a webhook endpoint of its own at Spendhook. */
export class ExampleReceiver {
  readonly example: Example;
  readonly port: number;
  readonly secret: string;
  readonly endpointId: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | null = null;
  #output = "";

  private constructor(
    stack: Stack,
    example: Example,
    endpoint: { id: string; secret: string; port: number },
  ) {
    this.example = example;
    this.port = endpoint.port;
    this.secret = endpoint.secret;
    this.endpointId = endpoint.id;
    this.#env = {
      ...BASE_ENV,
      PORT: String(endpoint.port),
      SPENDHOOK_URL: stack.baseUrl,
      MASTER_KEY,
      ENDPOINT_ID: endpoint.id,
      ...example.env,
    };
  }

  /** Creates the endpoint; nothing listens there yet. */
  static async create(stack: Stack, example: Example): Promise<ExampleReceiver> {
    const port = await freePort(LOOPBACK);
    const answer = await stack.fetch("/webhook/endpoints", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ url: `http://${LOOPBACK}:${port}/webhook`, description: example.name }),
    });
    if (answer.status !== 201) throw new Error(`The endpoint was not created: ${await answer.text()}`);
    const created = (await answer.json()) as { id: string; secret: string };
    return new ExampleReceiver(stack, example, { ...created, port });
  }

  get url(): string {
    return `http://${LOOPBACK}:${this.port}/webhook`;
  }
  /** Everything that it has printed since its last start. */
  get output(): string {
    return this.#output;
  }

  /** Starts it and resolves when it listens. `env` beside what it needs. */
  async start(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const [program = "", ...first] = this.example.command;
    const child = spawn(program, [...first, ...args], {
      cwd: ROOT,
      env: { ...this.#env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output += text;
      });
    }
    await waitUntil(`${this.example.name} to listen`, () => {
      if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}:\n${this.#output}`);
      return this.#output.includes("Receiver listens");
    });
  }

  /** kill -9, unless it does not run. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  booked(): Promise<Map<string, bigint>> {
    return this.example.booked(this.#output);
  }
}
