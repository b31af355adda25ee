import { parseArgs } from "node:util";
import { pino } from "pino";
import type { Config } from "./config/config.ts";
import { ConfigError } from "./config/config-error.ts";
import { loadConfig } from "./config/load-config.ts";
import { configSummary } from "./config/summary.ts";
import { errorFields, type Log } from "./lib/log.ts";
import { createLogOutput } from "./lib/log-output.ts";
import { VERSION } from "./version.ts";

/** The exit code of a process that would fail again the same way: restarting it is no help. */
export const EXIT_CANNOT_START = 78;

export interface ProcessOptions {
  /** The process's name in log lines: proxy, webhooks, maintenance. */
  readonly name: string;
  /** One sentence for --help. */
  readonly about: string;
  /**
   * Starts the process's work and returns how to stop it, which must end within the drain time. `told`
   * aborts when the process is told to stop, also in the middle of its start; the stop is called in any case.
   */
  readonly start: (
    config: Config,
    log: Log,
    told: AbortSignal,
    isForced: boolean,
  ) => Promise<() => Promise<void>>;
  /** Whether there is an option `--force-new`, of which `start` is told as `isForced`. */
  readonly takesForceNew?: boolean;
}

/** The life of one process: arguments, configuration, start, signals, drain, exit code. */
export async function runProcess(options: ProcessOptions): Promise<void> {
  const { config, log, isForced } = readSetup(options);
  const told = stopSignal(log);
  try {
    const stop = await options.start(config, log, told, isForced);
    if (told.aborted) await end(stop, log);
    else told.addEventListener("abort", () => void end(stop, log));
  } catch (error) {
    if (error instanceof ConfigError) exitWith(error.message);
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") {
      exitWith(`${config.host}:${config.port} is in use by another program; set PORT to a free one`);
    }
    throw error;
  }
}

function readSetup(options: ProcessOptions): { config: Config; log: Log; isForced: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        config: { type: "string", short: "c" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
        ...(options.takesForceNew === true && { "force-new": { type: "boolean" } }),
      },
    });
    if (values.help === true) exitWith(helpOf(options), 0);
    if (values.version === true) exitWith(VERSION, 0);
    const config = loadConfig({
      env: process.env,
      cwd: process.cwd(),
      ...(values.config !== undefined && { configPath: values.config }),
    });
    // A log must never decide about calls: what it cannot write it drops.
    const output = createLogOutput();
    process.once("exit", () => output.flush());
    const log: Log = pino(
      { level: config.logLevel, base: { process: options.name, pid: process.pid } },
      output,
    );
    // The supervisor has said it once for all its children.
    if (process.send === undefined) log.info(configSummary(config), "process.starting");
    process.on("unhandledRejection", (error) => {
      log.error(errorFields(error), "process.unhandled_rejection");
      process.exit(1);
    });
    return { config, log, isForced: "force-new" in values && values["force-new"] === true };
  } catch (error) {
    if (error instanceof ConfigError) exitWith(error.message);
    if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true) {
      exitWith(`${(error as Error).message}\n\n${helpOf(options)}`);
    }
    throw error;
  }
}

function helpOf({ about, takesForceNew }: ProcessOptions): string {
  return `${about}\n\n${takesForceNew === true ? USAGE.replace("Options:\n", `Options:\n${FORCE_NEW}\n`) : USAGE}`;
}

const FORCE_NEW = `      --force-new     begin anew: the embedded data in DATA_DIR is kept under other names`;

export const USAGE = `Options:
  -c, --config FILE   configuration file (default: $CONFIG_FILE_PATH, else ./config.yaml)
      --version       print the version
  -h, --help          print this text

Environment: PORT, HOST, MASTER_KEY, MONGODB_URL, REDIS_URL, WEBHOOK_URL, WEBHOOK_SECRET, DATA_DIR,
LOG_LEVEL and more; README.md explains each. Every variable also works as NAME_FILE.`;

/** One word to stop can come as two: a terminal tells the whole group, and npm passes on what it has got. */
const SAME_WORD_MS = 1500;

/** Aborts when the process is told to stop; being told again, a while later, means now. */
function stopSignal(log: Log): AbortSignal {
  const told = new AbortController();
  let toldAt = 0;
  const tell = (reason: string): void => {
    if (told.signal.aborted) {
      if (performance.now() - toldAt > SAME_WORD_MS) process.exit(130);
      return;
    }
    toldAt = performance.now();
    log.info({ reason }, "process.stopping");
    told.abort();
  };
  process.on("SIGTERM", () => tell("SIGTERM"));
  process.on("SIGINT", () => tell("SIGINT"));
  // Started by the supervisor: without it nobody would stop or restart this process. One that stops already goes on
  // to drain: a supervisor that is killed says nothing about the calls.
  if (process.send !== undefined) {
    process.on("disconnect", () => {
      if (!told.signal.aborted) tell("supervisor gone");
    });
  }
  return told.signal;
}

async function end(stop: () => Promise<void>, log: Log): Promise<never> {
  try {
    await stop();
    log.info({}, "process.stopped");
    process.exit(0);
  } catch (error) {
    log.error(errorFields(error), "process.stop_failed");
    process.exit(1);
  }
}

/** Says why and ends; code 0 goes to standard output, all others to standard error. */
export function exitWith(message: string, code: number = EXIT_CANNOT_START): never {
  (code === 0 ? process.stdout : process.stderr).write(`${message}\n`);
  process.exit(code);
}
