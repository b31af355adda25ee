import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { holdsWithin, isAlive, type EmbeddedServer } from "../../src/embedded/child.ts";
import { startRedis, type RedisOptions } from "../../src/embedded/redis-server.ts";
import { openTestRedis } from "../support/test-redis.ts";
import { waitUntil } from "../support/wait-until.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "spendhook redis-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(options: RedisOptions): Promise<EmbeddedServer> {
  const server = await startRedis(options);
  onTestFinished(() => server.close());
  return server;
}

function connectTo(server: { url: string }): Redis {
  const redis = new Redis(server.url, { retryStrategy: () => null });
  redis.on("error", () => {}); // a test that kills the server expects the connection to break
  onTestFinished(() => redis.disconnect());
  return redis;
}

/** A process of its own that starts a redis and then only waits, to be killed. */
async function startInAnotherProcess(
  dataDir: string,
): Promise<{ owner: number; redis: number; url: string }> {
  const program = `
    import { startRedis } from ${JSON.stringify(new URL("../../src/embedded/redis-server.ts", import.meta.url).href)};
    const server = await startRedis({ dataDir: ${JSON.stringify(dataDir)} });
    console.log(JSON.stringify({ owner: process.pid, redis: server.pid, url: server.url }));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface(child.stdout)) return JSON.parse(line);
  throw new Error("the other process started no redis");
}

async function ends(pid: number): Promise<void> {
  expect(await holdsWithin(5_000, async () => !isAlive(pid))).toBe(true);
}

test("what redis acknowledged is there again after kill -9", async () => {
  const dataDir = await temporaryFolder();
  const first = await start({ dataDir });
  await connectTo(first).set("kept", "yes");
  const exited = once(first.process, "exit");
  process.kill(first.pid, "SIGKILL");
  await exited;

  const second = await start({ dataDir });
  expect(await connectTo(second).get("kept")).toBe("yes");
});

test("a full memory makes redis refuse a write, never evict a job", async () => {
  const redis = connectTo(await start({ dataDir: await temporaryFolder() }));
  expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
  await redis.config("SET", "maxmemory", "1");
  await expect(redis.set("a", "b")).rejects.toThrow(/^OOM/);
});

test("redis is durable to the second, writes no snapshots and listens on loopback only", async () => {
  const redis = connectTo(await start({ dataDir: await temporaryFolder() }));
  const setting = async (name: string) => (await redis.config("GET", name))[1];
  expect(await setting("appendonly")).toBe("yes");
  expect(await setting("appendfsync")).toBe("everysec");
  expect(await setting("save")).toBe("");
  expect(await setting("bind")).toBe("127.0.0.1");
  expect(await setting("protected-mode")).toBe("yes");
});

test("the data folder is closed to other users, and the record gone after close", async () => {
  const dataDir = await temporaryFolder();
  const server = await start({ dataDir });
  expect((await stat(join(dataDir, "redis"))).mode & 0o777).toBe(0o700);
  const record = join(dataDir, "redis", "redis.pid");
  expect(await readFile(record, "utf8")).toMatch(new RegExp(`^${server.pid}\n\\d+\n${process.pid}\n$`));
  await Promise.all([server.close(), server.close()]);
  expect(isAlive(server.pid)).toBe(false);
  await expect(stat(record)).rejects.toThrow(/ENOENT/);
});

test("the next start shuts down the redis of a parent that was killed, and keeps its data", async () => {
  const dataDir = await temporaryFolder();
  const left = await startInAnotherProcess(dataDir);
  await connectTo(left).set("kept", "yes");
  process.kill(left.owner, "SIGKILL");
  await ends(left.owner);
  expect(isAlive(left.redis)).toBe(true);

  const lines: string[] = [];
  const server = await start({ dataDir, log: (line) => lines.push(line) });
  await expect(connectTo(left).ping()).rejects.toThrow();
  expect(await connectTo(server).get("kept")).toBe("yes");
  expect(lines).toContain(
    `shutting down redis-server (process ${left.redis}), left by process ${left.owner}`,
  );
});

test("redis ends after its killed parent, when its last client has gone, and keeps its data", async () => {
  const dataDir = await temporaryFolder();
  const left = await startInAnotherProcess(dataDir);
  const client = connectTo(left);
  await client.set("kept", "yes");
  process.kill(left.owner, "SIGKILL");
  await ends(left.owner);
  expect(await client.get("kept")).toBe("yes");
  client.disconnect();
  await waitUntil("the end of redis", () => !isAlive(left.redis));

  expect(await connectTo(await start({ dataDir })).get("kept")).toBe("yes");
});

test("a folder that a live process uses is refused, and its redis goes on", async () => {
  const dataDir = await temporaryFolder();
  const other = await startInAnotherProcess(dataDir);
  onTestFinished(() => {
    process.kill(other.redis, "SIGKILL");
  });
  await expect(startRedis({ dataDir })).rejects.toThrow(`for process ${other.owner}`);
  expect(await connectTo(other).ping()).toBe("PONG");
});

test("a record of a process that is not our redis is ignored", async () => {
  const dataDir = await temporaryFolder();
  await (await start({ dataDir })).close();
  const stranger = await start({ dataDir: await temporaryFolder() });
  const port = new URL(stranger.url).port;
  await writeFile(join(dataDir, "redis", "redis.pid"), `${stranger.pid}\n${port}\n${process.pid}\n`);
  await start({ dataDir });
  expect(await connectTo(stranger).ping()).toBe("PONG");
});

test("half a record, as a kill in the middle of writing leaves it, is ignored", async () => {
  const dataDir = await temporaryFolder();
  await (await start({ dataDir })).close();
  await writeFile(join(dataDir, "redis", "redis.pid"), "12");
  expect(await connectTo(await start({ dataDir })).ping()).toBe("PONG");
});

test("Ctrl-C in the terminal does not reach redis: it leads a process group of its own", async () => {
  const server = await start({ dataDir: await temporaryFolder() });
  expect(() => process.kill(-server.pid, 0)).not.toThrow();
});

test("a missing redis-server is an error that says how to get it", async () => {
  const dataDir = await temporaryFolder();
  const started = startRedis({ dataDir, searchPath: dataDir });
  await expect(started).rejects.toThrow(/bin\/setup/);
  await expect(started).rejects.toThrow(/apt-get install .*redis-server[^]*dnf[^]*apk[^]*brew[^]*REDIS_URL/);
});

test("a redis that cannot start is an error with its own last words", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  const address = taken.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const started = startRedis({ dataDir: await temporaryFolder(), port });
  await expect(started).rejects.toThrow(/exited with 1[^]*already in use/);
});

test("another redis on the wanted port is not mistaken for ours", async () => {
  const other = await start({ dataDir: await temporaryFolder() });
  const port = Number(new URL(other.url).port);
  await expect(startRedis({ dataDir: await temporaryFolder(), port })).rejects.toThrow(/already in use/);
  expect(await connectTo(other).ping()).toBe("PONG");
});

test("openTestRedis gives a redis that takes writes", async () => {
  const opened = await openTestRedis();
  onTestFinished(() => opened.close());
  expect(await connectTo(opened).set("a", "b", "EX", 1)).toBe("OK");
});
