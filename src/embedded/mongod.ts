import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { MongoClient, MongoServerError, type Db } from "mongodb";
import {
  LOOPBACK,
  freePort,
  holdsWithin,
  isAlive,
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
import { isTooOld } from "../lib/mongodb-version.ts";

const REPLICA_SET = "rs0";
const READY_DEADLINE_MS = 30_000;
const ANSWER_DEADLINE_MS = 2_000;
const NOT_YET_INITIALIZED = 94;

/** Where the data goes and where to listen. Without a port a free one is taken. */
export interface MongodOptions {
  dataDir: string;
  port?: number;
  log?: LineLog;
}

/** The name of a `mongod` that PATH leads to, that runs on this machine and is new enough, else null. */
export function findMongod(): string | null {
  const { status, stdout } = spawnSync("mongod", ["--version"], { encoding: "utf8" });
  if (status !== 0) return null;
  return isTooOld(/db version (\S+)/.exec(stdout)?.[1] ?? "") ? null : "mongod";
}

/** The command line of a one-node replica set: transactions need a replica set, however small. */
export function mongodArguments(at: { folder: string; port: number }): string[] {
  const settings = { dbpath: at.folder, port: String(at.port), bind_ip: LOOPBACK, replSet: REPLICA_SET };
  return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), "--nounixsocket"];
}

/** Part of a replica set's configuration document; the rest is passed through as it came. */
export interface ReplicaSetConfig {
  version: number;
  members: { _id: number; host: string }[];
}

/**
 * The configuration to apply so that the set consists of this one node at this port, or null if that is
 * what it says already. The port changes from start to start and a node that does not find its own
 * address in the configuration never becomes primary.
 */
export function configForPort(current: ReplicaSetConfig, port: number): ReplicaSetConfig | null {
  const host = `${LOOPBACK}:${port}`;
  const [member] = current.members;
  if (current.members.length === 1 && member?.host === host) return null;
  return { ...current, version: current.version + 1, members: [{ ...member, _id: member?._id ?? 0, host }] };
}

/**
 * Starts `mongod` as a replica set of one on `dataDir/mongo` and resolves once it is primary. Initiating
 * is idempotent. Ends with this process, takes over from a killed one and refuses a folder in use, as `startRedis`
 * does.
 */
export async function startMongod(options: MongodOptions): Promise<EmbeddedServer> {
  const folder = await serviceFolder(options.dataDir, "mongo");
  const recordFile = join(folder, "mongod.pid");
  await retireStale(folder, recordFile, options.log);
  const port = options.port ?? (await freePort(LOOPBACK));
  const args = mongodArguments({ folder, port });
  const child = await launch({ commands: ["mongod"], args, log: options.log });
  if (child === null) throw new Error("mongod is not on PATH");
  let endGuard = (): void => {};
  const close = async () => {
    endGuard();
    await child.stop();
    await removeRecord(recordFile, child.pid);
  };
  try {
    await writeRecord(recordFile, { pid: child.pid, port, owner: process.pid });
    endGuard = guard("mongod", options.dataDir);
    child.process.once("exit", endGuard);
    await becomePrimary(child, port);
  } catch (error) {
    await close();
    throw new Error(`mongod did not start:\n${child.tail()}`, { cause: error });
  }
  return { url: urlOf(port), pid: child.pid, process: child.process, close };
}

function urlOf(port: number): string {
  return `mongodb://${LOOPBACK}:${port}/?directConnection=true`;
}

async function withAdmin<T>(port: number, action: (admin: Db) => Promise<T>): Promise<T> {
  const client = new MongoClient(urlOf(port), { serverSelectionTimeoutMS: ANSWER_DEADLINE_MS });
  try {
    return await action(client.db("admin"));
  } finally {
    await client.close();
  }
}

async function becomePrimary(child: Child, port: number): Promise<void> {
  const listens = async () => child.hasExited() || (await folderServedAt(port)) !== null;
  await holdsWithin(READY_DEADLINE_MS, listens);
  await withAdmin(port, async (admin) => {
    await configure(admin, port);
    const isPrimary = async () => {
      const hello = await admin.command({ hello: 1 });
      return hello["isWritablePrimary"] === true || child.hasExited();
    };
    if (!(await holdsWithin(READY_DEADLINE_MS, isPrimary)) || child.hasExited()) {
      throw new Error(`not primary within ${READY_DEADLINE_MS} ms`);
    }
  });
}

async function configure(admin: Db, port: number): Promise<void> {
  try {
    const { config } = await admin.command({ replSetGetConfig: 1 });
    const wanted = configForPort(config, port);
    // Forced: a node whose address changed is no primary, and nobody else is there to vote.
    if (wanted !== null) await admin.command({ replSetReconfig: wanted, force: true });
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.code !== NOT_YET_INITIALIZED) throw error;
    const members = [{ _id: 0, host: `${LOOPBACK}:${port}` }];
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members } });
  }
}

async function retireStale(folder: string, recordFile: string, log: LineLog | undefined): Promise<void> {
  const record = await readRecord(recordFile);
  if (record === null) return;
  const previous = {
    name: "mongod",
    record,
    isOurs: async () => (await folderServedAt(record.port)) === folder,
    shutDown: async () => {
      // Its answer is the end of the connection. Whether it went is what isGone finds out.
      await withAdmin(record.port, (admin) => admin.command({ shutdown: 1, force: true })).catch(() => {});
    },
    isGone: async () => !isAlive(record.pid) || (await folderServedAt(record.port)) !== folder,
  };
  await retire(previous, log);
}

/** As `retireRedis` does for a redis. */
export async function retireMongod(dataDir: string): Promise<void> {
  const folder = await serviceFolder(dataDir, "mongo");
  const recordFile = join(folder, "mongod.pid");
  await retireStale(folder, recordFile, undefined);
  await requireEnded(recordFile, ["mongod"]);
}

/** Shuts down the mongod that a killed process left on this folder, when the last of our processes has gone. */
export async function endLeftMongod(dataDir: string): Promise<void> {
  const folder = await serviceFolder(dataDir, "mongo");
  const recordFile = join(folder, "mongod.pid");
  const hasClients = async (port: number): Promise<boolean> => {
    const ours = [
      { $currentOp: { allUsers: true, idleConnections: true } },
      { $match: { appName: /^spendhook-/ } },
      { $limit: 1 },
    ];
    // What does not answer has nobody it could answer.
    const found = await withAdmin(port, (admin) => admin.aggregate(ours).toArray()).catch(() => []);
    return found.length > 0;
  };
  if (await isLeft(recordFile, hasClients)) await retireStale(folder, recordFile, undefined);
}

/** The data folder of the mongod at this port; null when none answers. */
async function folderServedAt(port: number): Promise<string | null> {
  try {
    const options = await withAdmin(port, (admin) => admin.command({ getCmdLineOpts: 1 }));
    const folder: unknown = options["parsed"]?.storage?.dbPath;
    return typeof folder === "string" ? folder : null;
  } catch {
    // Not reachable, or not a mongod. One that is ours but hangs keeps mongod.lock, so ours will not start.
    return null;
  }
}
