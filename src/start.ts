import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Config } from "./config/config.ts";
import { ConfigError } from "./config/config-error.ts";
import { errorFields, type Log } from "./lib/log.ts";
import { EXIT_CANNOT_START, exitWith, runProcess } from "./run-process.ts";
import { beginAnew } from "./supervisor/begin-anew.ts";
import { keepRunning, type Running } from "./supervisor/keep-running.ts";
import { MALLOC_ENVIRONMENT } from "./supervisor/malloc-environment.ts";
import { startNodeChild } from "./supervisor/node-child.ts";
import { type ProcessRecord, takeOver } from "./supervisor/predecessor.ts";
import { redisService, type Service, storeService } from "./supervisor/services.ts";

const ROOT = path.join(import.meta.dirname, "..");
/** Longer than each process's own drain. */
const CHILD_STOP_MS = 50_000;

await runProcess({
  name: "supervisor",
  about: "Spendhook: starts the embedded services that are needed, the proxy and the workers.",
  takesForceNew: true,
  start: async (config, log, told, isForced) => {
    const stops: (() => Promise<void>)[] = [];
    let record: ProcessRecord | null = null;
    const stop = async (): Promise<void> => {
      // What was started last is stopped first: the proxy drains while its store still runs.
      for (const stopOne of stops.reverse()) await stopOne();
      stops.length = 0;
      removeRunFile(config);
      record?.remove();
    };
    const keep = async (name: string, start: () => Promise<Running>): Promise<void> => {
      // Told to stop in the middle of the start: what runs is stopped, the rest never begins.
      told.throwIfAborted();
      const fatalExitCodes = [EXIT_CANNOT_START];
      const onFatal = (reason: string): void => {
        void stop().finally(() => exitWith(reason));
      };
      stops.push(await keepRunning({ name, start, log, fatalExitCodes, onFatal }));
    };
    try {
      mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
      const unwritten = (error: unknown): void => log.warn(errorFields(error), "supervisor.record_unwritten");
      const limitMs = CHILD_STOP_MS;
      record = await takeOver({ dataDir: config.dataDir, limitMs, say: sayLine, unwritten, told });
      if (isForced) (await beginAnew(config, new Date())).forEach(sayLine);
      await startAll(config, log, { keep, note: record.note });
    } catch (error) {
      if (told.aborted) return stop;
      log.error(errorFields(error), "supervisor.start_failed");
      await stop();
      const code = error instanceof ConfigError ? EXIT_CANNOT_START : 1;
      exitWith(error instanceof Error ? error.message : "Spendhook could not start", code);
    }
    return stop;
  },
});

interface Supervision {
  readonly keep: (name: string, start: () => Promise<Running>) => Promise<void>;
  readonly note: ProcessRecord["note"];
}

async function startAll(config: Config, log: Log, { keep, note }: Supervision): Promise<void> {
  const noteAs = (name: string) => (pid: number) => note(name, pid);
  const begin = async (service: Service): Promise<Service> => {
    await keep(service.name, service.start);
    return service;
  };
  const store =
    config.mongodbUrl === null ? await begin(await storeService(config.dataDir, log, noteAs("store"))) : null;
  const redis = config.redisUrl === null ? await begin(await redisService(config.dataDir, log)) : null;
  const env: NodeJS.ProcessEnv = {
    ...MALLOC_ENVIRONMENT,
    ...process.env,
    DATA_DIR: config.dataDir,
    ...(config.configPath !== null && { CONFIG_FILE_PATH: config.configPath }),
    ...(store !== null && { MONGODB_URL: store.url, SPENDHOOK_EMBEDDED: "1" }),
    ...(redis !== null && { REDIS_URL: redis.url }),
  };
  const child = (name: string, file: string, ready?: Parameters<typeof startNodeChild>[0]["ready"]) =>
    keep(name, () =>
      startNodeChild({
        file: path.join(ROOT, file),
        args: [],
        env,
        stopMs: CHILD_STOP_MS,
        spawned: noteAs(name),
        ...(ready !== undefined && { ready }),
      }),
    );
  await child("webhooks", "workers/webhooks.ts");
  await child("maintenance", "workers/maintenance.ts");
  let port = config.port;
  await child("proxy", "src/main.ts", async (process) => {
    port = await listening(process);
    // With PORT=0 the first start decides; a restarted proxy must be found where it was.
    env["PORT"] = String(port);
  });
  writeRunFile(config, { port, mongodbUrl: store?.url ?? null, redisUrl: redis?.url ?? null });
  announce(config, port, store);
}

/** Resolves with the proxy's port when it listens, rejects when it ends before. */
function listening(
  child: Parameters<NonNullable<Parameters<typeof startNodeChild>[0]["ready"]>>[0],
): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("message", (message: { listening?: number }) => {
      if (message.listening !== undefined) resolve(message.listening);
    });
    child.once("exit", (code) => {
      if (code === EXIT_CANNOT_START) process.exitCode = EXIT_CANNOT_START;
      reject(new Error("The proxy did not start; its own message is above"));
    });
  });
}

/** Where the embedded services are, for `npm run verify`; readable by this user only. */
function writeRunFile(config: Config, addresses: object): void {
  writeFileSync(runFile(config), JSON.stringify({ pid: process.pid, ...addresses }), { mode: 0o600 });
}

/** A start that failed because another one runs must not remove the other's file. */
function removeRunFile(config: Config): void {
  try {
    const { pid } = JSON.parse(readFileSync(runFile(config), "utf8")) as { pid?: unknown };
    if (pid === process.pid) rmSync(runFile(config), { force: true });
  } catch {
    // There is none, or none that anybody could read.
  }
}

function runFile(config: Config): string {
  return path.join(config.dataDir, "run.json");
}

function announce(config: Config, port: number, store: Service | null): void {
  const host = config.host === "0.0.0.0" || config.host === "::" ? "127.0.0.1" : config.host;
  const lines = [
    "",
    `Spendhook is ready at http://${host}:${port}   (OpenAI base URL: http://${host}:${port}/v1)`,
    `  models:   ${[...new Set(config.deployments.map((deployment) => deployment.modelName))].join(", ") || "none: add some to config.yaml"}`,
    `  webhooks: ${webhookState(config)}`,
    `  store:    ${store === null ? "MONGODB_URL" : `${store.name} in ${config.dataDir}`}`,
  ];
  if (config.masterKeyIsDefault) {
    lines.push(
      "",
      "  WARNING: the operator key is the default, sk-1234. Set MASTER_KEY before anyone else can reach this port.",
    );
  }
  sayLine(`${lines.join("\n")}\n`);
}

function sayLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

function webhookState(config: Config): string {
  if (config.webhookUrl === null) return "none: set WEBHOOK_URL to receive events";
  if (config.webhookAlerting) return "delivered to WEBHOOK_URL";
  return 'NOT delivered to WEBHOOK_URL: that needs alerting: ["webhook"] in general_settings';
}
