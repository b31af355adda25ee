import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  LOOPBACK,
  freePort,
  isAlive,
  isCode,
  isLeft,
  launch,
  readRecord,
  removeRecord,
  requireEnded,
  retire,
  serviceFolder,
  writeRecord,
  type Child,
  type EmbeddedServer,
  type LineLog,
} from "./child.ts";
import { guard } from "./guard.ts";

const COMMANDS = ["redis-server", "valkey-server"];
const READY_DEADLINE_MS = 10_000;
const ANSWER_DEADLINE_MS = 2_000;
const PORT_TRIES = 3;

const MISSING = [
  "neither redis-server nor valkey-server is on PATH. Run bin/setup, or install it:",
  "  Debian, Ubuntu: sudo apt-get install --no-install-recommends redis-server",
  "  Fedora, RHEL:   sudo dnf install valkey",
  "  Alpine:         sudo apk add redis",
  "  macOS:          brew install redis",
  "or set REDIS_URL to a server that runs elsewhere.",
].join("\n");

/**
 * Where the data goes and where to listen: always on loopback, since nobody has to log in. Without a port
 * a free one is taken.
 */
export interface RedisOptions {
  dataDir: string;
  port?: number;
  log?: LineLog;
  /** Replaces PATH, where redis-server is looked up. */
  searchPath?: string;
}

/**
 * Starts the system's redis-server (or valkey-server) on `dataDir/redis` and resolves once it answers
 * and has its data loaded. Acknowledged writes survive a kill of the process; the last second of them
 * may be lost with the machine (appendfsync everysec), which is all that a queue of ids needs.
 *
 * It ends with this process, also when that is killed, once its last client has gone. One that is left on the same
 * folder all the same is shut down first. Throws when no server is
 * installed, when a live process uses the folder, and when the server does not come up in ten seconds,
 * with the last lines of its output.
 */
export async function startRedis(options: RedisOptions): Promise<EmbeddedServer> {
  const folder = await serviceFolder(options.dataDir, "redis");
  const recordFile = join(folder, "redis.pid");
  await retireStale(folder, recordFile, options.log);
  for (let tries = 1; ; tries += 1) {
    const server = await tryStart(options, folder, recordFile);
    if (typeof server !== "string") return server;
    // Between asking for a free port and binding it, another process was faster.
    const retry = options.port === undefined && tries < PORT_TRIES && /already in use/i.test(server);
    if (!retry) throw new Error(`redis-server did not start:\n${server}`);
  }
}

/** The command line: durable, never evicting (a queue must refuse, not forget), closed to other hosts. */
export function redisArguments(at: { folder: string; port: number }): string[] {
  const settings = {
    port: String(at.port),
    bind: LOOPBACK,
    "protected-mode": "yes",
    dir: at.folder,
    appendonly: "yes",
    appendfsync: "everysec",
    save: "",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function tryStart(
  options: RedisOptions,
  folder: string,
  recordFile: string,
): Promise<EmbeddedServer | string> {
  const port = options.port ?? (await freePort(LOOPBACK));
  const child = await launch({
    commands: COMMANDS,
    args: redisArguments({ folder, port }),
    searchPath: options.searchPath,
    log: options.log,
  });
  if (child === null) throw new Error(MISSING);
  let endGuard = (): void => {};
  try {
    // Before it is ready: were we killed now, the guard and the next start must find this process.
    await writeRecord(recordFile, { pid: child.pid, port, owner: process.pid });
    endGuard = guard("redis", options.dataDir);
    child.process.once("exit", endGuard);
    if (child.hasExited()) endGuard();
    const problem = await becomeReady(child, port);
    if (problem !== null) {
      await removeRecord(recordFile, child.pid);
      return `${problem}\n${child.tail()}`;
    }
  } catch (error) {
    endGuard();
    await child.stop();
    throw error;
  }
  return {
    url: `redis://${LOOPBACK}:${port}`,
    pid: child.pid,
    process: child.process,
    async close() {
      endGuard();
      await child.stop();
      await removeRecord(recordFile, child.pid);
    },
  };
}

/** Null once it serves, else what went wrong; it is stopped and its output complete then. */
async function becomeReady(child: Child, port: number): Promise<string | null> {
  let silentSince = performance.now();
  while (!child.hasExited() && performance.now() - silentSince < READY_DEADLINE_MS) {
    const answer = await ask(port, ["PING", "INFO server"]).catch(() => "");
    // Another server may have taken the port before ours, which is then about to end.
    const isOurs = answer.includes(`process_id:${child.pid}\r\n`);
    if (isOurs && answer.startsWith("+PONG")) return null;
    // A long append-only file takes its time to load; while it says so, it is not stuck.
    if (isOurs) silentSince = performance.now();
    await delay(25);
  }
  const problem = child.hasExited()
    ? `it exited with ${child.process.exitCode ?? child.process.signalCode}`
    : `it did not answer on port ${port} for ${READY_DEADLINE_MS} ms`;
  const drained = once(child.process, "close");
  await child.stop();
  await Promise.race([drained, delay(500)]);
  return problem;
}

async function retireStale(folder: string, recordFile: string, log: LineLog | undefined): Promise<void> {
  const record = await readRecord(recordFile);
  if (record === null) return;
  const { port } = record;
  const previous = {
    name: "redis-server",
    record,
    isOurs: async () => (await folderServedAt(port)) === folder,
    // It hangs up instead of answering, at once or after a slow last fsync. isGone finds out which.
    shutDown: () => ask(port, ["SHUTDOWN"]).catch(() => ""),
    isGone: async () => !isAlive(record.pid) || (await folderServedAt(port).catch(() => folder)) !== folder,
  };
  await retire(previous, log);
}

/**
 * Ends the redis that a killed process left on this data folder, at once. Throws when it belongs to a process that
 * runs, or cannot be ended: then it may still write there.
 */
export async function retireRedis(dataDir: string): Promise<void> {
  const folder = await serviceFolder(dataDir, "redis");
  const recordFile = join(folder, "redis.pid");
  await retireStale(folder, recordFile, undefined);
  await requireEnded(recordFile, COMMANDS);
}

/** Shuts down the redis that a killed process left on this folder, when its last client has gone. */
export async function endLeftRedis(dataDir: string): Promise<void> {
  const folder = await serviceFolder(dataDir, "redis");
  const recordFile = join(folder, "redis.pid");
  const hasClients = async (port: number): Promise<boolean> => {
    // One line for each connection, ours among them. What does not answer has nobody it could answer.
    const list = await ask(port, ["CLIENT LIST"]).catch(() => "");
    return (list.match(/^id=/gm) ?? []).length > 1;
  };
  if (await isLeft(recordFile, hasClients)) await retireStale(folder, recordFile, undefined);
}

/** The data folder of the redis at this port; null when nobody listens there. */
async function folderServedAt(port: number): Promise<string | null> {
  try {
    // *2, $3, dir, $length, the folder.
    return (await ask(port, ["CONFIG GET dir"])).split("\r\n")[4] ?? null;
  } catch (error) {
    if (isCode(error, "ECONNREFUSED") || isCode(error, "ECONNRESET")) return null;
    throw error;
  }
}

/**
 * Sends inline commands and resolves with all that the server answers until it hangs up. A plain socket,
 * because a client library would retry, queue and reconnect where one honest answer is wanted.
 */
async function ask(port: number, commands: readonly string[]): Promise<string> {
  const socket = connect({ host: LOOPBACK, port }).setEncoding("utf8");
  const deadline = setTimeout(
    () => socket.destroy(new Error(`the process at port ${port} accepts connections but does not answer`)),
    ANSWER_DEADLINE_MS,
  );
  try {
    socket.write([...commands, "QUIT", ""].join("\r\n"));
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}
