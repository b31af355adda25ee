import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DCLinter } from "dclint";
import { ValidationSeverity, validate } from "dockerfile-utils";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { VARIABLES } from "../../src/config/environment.ts";
import { MALLOC_ENVIRONMENT } from "../../src/supervisor/malloc-environment.ts";

interface Service {
  image?: string;
  build?: string;
  user?: string;
  restart?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  logging?: { options?: Record<string, string> };
  command?: string[];
  ports?: string[];
  networks?: string[];
  volumes?: string[];
  tmpfs?: string[];
  environment?: Record<string, string | null>;
  healthcheck?: { test?: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
}

interface Compose {
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (name: string) => readFileSync(join(root, name), "utf8");
const composeText = read("docker-compose.yml");
const compose: Compose = parse(composeText, { merge: true });
const services = Object.entries(compose.services);
const ours = ["proxy", "webhooks", "maintenance"];

/** What the linter, which carries the compose-spec schema, has against a compose file. */
function lintCompose(file: string): string[] {
  const config = {
    rules: {
      // Matters of taste: the file is ordered for its reader, and a name to pull beside `build` is wanted.
      "service-keys-order": 0,
      "services-alphabetical-order": 0,
      "top-level-properties-order": 0,
      "no-build-and-image": 0,
      "require-quotes-in-ports": [1, { quoteType: "double" }],
      // Does not see that a variable with a default names the interface; a test below does.
      "no-unbound-port-interfaces": 0,
    },
    quiet: true,
    debug: false,
    exclude: [],
  };
  const results: { messages: { rule: string; message: string }[] }[] = new DCLinter(config).lintFiles(
    [file],
    false,
  );
  return results.flatMap((result) => result.messages.map(({ rule, message }) => `${rule}: ${message}`));
}

const lintDockerfile = (text: string) =>
  validate(text, {
    deprecatedMaintainer: ValidationSeverity.ERROR,
    directiveCasing: ValidationSeverity.ERROR,
    emptyContinuationLine: ValidationSeverity.ERROR,
    instructionCasing: ValidationSeverity.ERROR,
    instructionCmdMultiple: ValidationSeverity.ERROR,
    instructionEntrypointMultiple: ValidationSeverity.ERROR,
    instructionHealthcheckMultiple: ValidationSeverity.ERROR,
    instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
    instructionWorkdirRelative: ValidationSeverity.ERROR,
  }).map((problem) => problem.message);

/** The instructions of the Dockerfile, one string each, continuation lines joined. */
const instructions = read("Dockerfile")
  .replace(/^#.*\n/gm, "")
  .replace(/\\\n\s*/g, "")
  .split("\n")
  .filter(Boolean);
const finalStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith("FROM ")));
const argumentsOf = (keyword: string) =>
  finalStage.filter((line) => line.startsWith(`${keyword} `)).map((line) => line.slice(keyword.length + 1));

test("docker-compose.yml follows the compose specification and its linter has nothing against it", () => {
  expect(lintCompose(join(root, "docker-compose.yml"))).toEqual([]);
});

test("the compose linter would notice a key that the specification does not know", () => {
  const folder = mkdtempSync(join(tmpdir(), "spendhook-compose-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "docker-compose.yml");
  writeFileSync(file, composeText.replace("    user: redis", "    usr: redis"));
  expect(lintCompose(file).join("\n")).toContain("must NOT have additional properties");
});

test("the Dockerfile passes the linter, which would notice a slip", () => {
  expect(lintDockerfile(read("Dockerfile"))).toEqual([]);
  expect(lintDockerfile("FROM node:24\nCOPPY a b\n")).toEqual(["Unknown instruction: COPPY"]);
});

test.each(services)("%s restarts, cannot be changed from inside and does not fill the disk", (_, service) => {
  expect(service.restart).toBe("unless-stopped");
  expect(service.read_only).toBe(true);
  expect(service.tmpfs).toContain("/tmp");
  expect(service.cap_drop).toEqual(["ALL"]);
  expect(service.security_opt).toEqual(["no-new-privileges:true"]);
  expect(service.stop_grace_period).toBe("50s");
  expect(service.logging?.options).toHaveProperty("max-size");
  expect(service.logging?.options).toHaveProperty("max-file");
  expect(service.healthcheck?.disable === true).toBe(service.command?.[1]?.startsWith("workers/") ?? false);
});

test("every image is pinned to a version, and no container of a foreign image runs as root", () => {
  const bases = instructions
    .filter((line) => line.startsWith("FROM "))
    .map((line) => line.split(" ")[1] ?? "");
  const images = [...bases, ...services.map(([, service]) => service.image ?? "")];
  for (const image of images) expect(image).toMatch(/^[a-z/.-]+:\d[\w.-]*$/);
  const foreign = services.filter(([, service]) => service.build === undefined);
  expect(foreign.map(([name, service]) => [name, service.user])).toEqual([
    ["mongo", "mongodb"],
    ["redis", "redis"],
  ]);
});

test("no secret has a default: the required ones stop compose, the others stay unset", () => {
  for (const name of ours) {
    const environment = compose.services[name]?.environment ?? {};
    expect(environment["MASTER_KEY"]).toMatch(/^\$\{MASTER_KEY:\?set MASTER_KEY/);
    expect(environment["SECRETS_KEY"]).toMatch(/^\$\{SECRETS_KEY:\?set SECRETS_KEY/);
    const passedThrough = Object.keys(environment).filter((key) => environment[key] === null);
    expect(passedThrough).toEqual(
      expect.arrayContaining(["WEBHOOK_SECRET", "WEBHOOK_URL", "OPENAI_API_KEY"]),
    );
  }
  for (const [, fallback] of composeText.matchAll(/\$\{\w+:-([^}]*)\}/g)) expect(fallback).toBe("127.0.0.1");
  expect(composeText + read(".env.example")).not.toMatch(/sk-1234|whsec_[A-Za-z0-9+/]{8}/);
  expect(instructions.join("\n")).not.toMatch(/_KEY|SECRET|PASSWORD|TOKEN/);
});

test("compose sets no variable that Spendhook does not read", () => {
  const set = ours.flatMap((name) => Object.keys(compose.services[name]?.environment ?? {}));
  const known = new Set<string>(VARIABLES);
  expect([...new Set(set.filter((name) => !known.has(name)))]).toEqual([
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "MISTRAL_API_KEY",
  ]);
});

test(".env.example leaves every secret empty and names every variable that compose reads", () => {
  const lines = read(".env.example").split("\n");
  const variables = lines.flatMap((line) => /^#?([A-Z_]+)=/.exec(line)?.[1] ?? []);
  const interpolated = [...composeText.matchAll(/\$\{(\w+)/g)].map((match) => match[1]);
  const passedThrough = [...composeText.matchAll(/^ {2}([A-Z_]+):$/gm)].map((match) => match[1]);
  expect(new Set(variables)).toEqual(new Set([...interpolated, ...passedThrough]));
  const secrets = lines.filter((line) => /^#?[A-Z_]*(KEY|SECRET)=/.test(line));
  expect(secrets.filter((line) => !line.endsWith("="))).toEqual([]);
});

test("only the proxy's port is open, on loopback unless told otherwise; the stores have no way out", () => {
  const open = services.filter(([, service]) => service.ports !== undefined);
  expect(open.map(([name, service]) => [name, service.ports])).toEqual([
    ["proxy", ["${SPENDHOOK_BIND:-127.0.0.1}:4000:4000"]],
  ]);
  expect(compose.networks["store"]).toEqual({ internal: true });
  for (const name of ["mongo", "redis"]) expect(compose.services[name]?.networks).toEqual(["store"]);
});

test.each(ours)("%s waits for healthy stores and reads the mounted config.yaml", (name) => {
  const service = compose.services[name];
  expect(service?.depends_on).toEqual({
    mongo: { condition: "service_healthy" },
    redis: { condition: "service_healthy" },
  });
  expect(service?.volumes).toContain("./config.yaml:/app/config.yaml:ro");
});

test("the proxy, which replays its own spool, keeps it on a volume, and workers keep none", () => {
  expect(compose.services["proxy"]?.volumes).toContain("spool:/data");
  for (const worker of ["webhooks", "maintenance"]) {
    expect(compose.services[worker]?.volumes).not.toContain("spool:/data");
  }
});

test("redis in compose is durable and never evicts", () => {
  const command = compose.services["redis"]?.command?.join(" ");
  expect(command).toContain("--appendonly yes");
  expect(command).toContain("--maxmemory-policy noeviction");
});

test("mongo makes itself a replica set of the name that the services connect to", () => {
  const mongo = compose.services["mongo"];
  expect(mongo?.command).toEqual(["mongod", "--replSet", "rs0", "--bind_ip_all"]);
  const check = mongo?.healthcheck?.test ?? [];
  expect(check.slice(0, 2)).toEqual(["CMD", "mongosh"]);
  expect(check.at(-1)).toContain('rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }] })');
  expect(compose.services["proxy"]?.environment?.["MONGODB_URL"]).toBe(
    "mongodb://mongo:27017/spendhook?replicaSet=rs0",
  );
});

test("the image runs the proxy as an unprivileged user, without a shell in between", () => {
  expect(argumentsOf("USER")).toEqual(["node"]);
  expect(argumentsOf("CMD")).toEqual(['["node", "src/main.ts"]']);
  expect(argumentsOf("EXPOSE")).toEqual(["4000"]);
  expect(argumentsOf("ENV").join(" ").split(" ")).toEqual([
    "NODE_ENV=production",
    "HOST=0.0.0.0",
    "PORT=4000",
    "DATA_DIR=/data",
    // As the supervisor sets them: freed memory goes back to the system.
    "MALLOC_ARENA_MAX=2",
    "MALLOC_MMAP_THRESHOLD_=131072",
    "MALLOC_TRIM_THRESHOLD_=131072",
  ]);
  expect(argumentsOf("VOLUME")).toEqual(['["/data"]']);
  expect(instructions.filter((line) => line.includes("npm "))).toEqual([
    "RUN npm ci --omit=dev --loglevel=error",
    "RUN npm ci --loglevel=error",
    "RUN npm run build",
  ]);
});

test.each([
  [200, 0],
  [503, 1],
])("the image's health check turns a %i of the liveliness route into exit code %i", async (status, code) => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(status).end();
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const [check] = argumentsOf("HEALTHCHECK");
  const [program, ...args]: string[] = JSON.parse(/CMD (\[.*\])$/.exec(check ?? "")?.[1] ?? "[]");
  expect(program).toBe("node");
  const PORT = String((server.address() as AddressInfo).port);
  const [exitCode] = await once(spawn(process.execPath, args, { env: { PORT } }), "exit");
  expect(exitCode).toBe(code);
  expect(asked).toEqual(["/health/liveliness"]);
});

test("the build context holds what the Dockerfile copies and nothing else", () => {
  const copied = instructions
    .filter((line) => line.startsWith("COPY ") && !line.includes("--from="))
    .flatMap((line) => line.split(" ").slice(1, -1));
  const rules = read(".dockerignore")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(rules[0]).toBe("*");
  expect(rules.slice(1).sort()).toEqual([...new Set(copied)].map((path) => `!${path}`).sort());
});

test("the image sets what the supervisor sets, so that freed memory goes back to the system", () => {
  for (const [name, value] of Object.entries(MALLOC_ENVIRONMENT)) {
    expect(read("Dockerfile")).toContain(`${name}=${value}`);
  }
});
