import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { configForPort, mongodArguments } from "../../src/embedded/mongod.ts";
import { redisArguments } from "../../src/embedded/redis-server.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** The tools of a bare system that the scripts use. Everything else on PATH is a stub of the test. */
const BARE_SYSTEM = [
  "cat",
  "chmod",
  "cksum",
  "cp",
  "dirname",
  "env",
  "find",
  "mkdir",
  "mktemp",
  "rm",
  "sh",
  "sort",
];

function whichOnPath(name: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not on PATH`);
  return found;
}

/**
 * A checkout in a temporary folder with nothing but our scripts, on a machine whose only programs are
 * those of `BARE_SYSTEM` and the stubs. Each stub is the body of a shell script; all append what they
 * were called with to one log.
 */
function bareMachine(stubs: Record<string, string> = {}) {
  const top = mkdtempSync(join(tmpdir(), "spendhook setup-"));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const [root, path, log] = [join(top, "checkout"), join(top, "path"), join(top, "calls.log")];
  for (const folder of [root, path]) mkdirSync(folder);
  cpSync(join(repository, "bin"), join(root, "bin"), { recursive: true });
  writeFileSync(join(root, "package-lock.json"), "{}");
  mkdirSync(join(root, "src", "dashboard"), { recursive: true });
  writeFileSync(join(root, "src", "dashboard", "main.tsx"), "");
  for (const tool of BARE_SYSTEM) symlinkSync(whichOnPath(tool), join(path, tool));
  const stub = (name: string, body: string) => {
    const script = `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>"${log}"\n${body}\n`;
    writeFileSync(join(path, name), script);
    chmodSync(join(path, name), 0o755);
  };
  const installNode24 = `
    mkdir -p node_modules/.bin
    printf '#!/bin/sh\\nif [ "$1" = --version ]; then echo v24.21.0; else exec "${process.execPath}" "$@"; fi\\n' >node_modules/.bin/node
    chmod +x node_modules/.bin/node
    mkdir -p dist/dashboard`;
  const usual = { node: "echo v18.19.0", npm: installNode24, id: "echo 1000", "redis-server": "" };
  for (const [name, body] of Object.entries({ ...usual, ...stubs })) stub(name, body);
  return {
    root,
    remove: (name: string) => rmSync(join(path, name)),
    calls: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
    run: (script: string, args: string[] = [], env: Record<string, string> = {}) => {
      const done = spawnSync(join(root, "bin", script), args, {
        cwd: tmpdir(),
        env: { PATH: path, HOME: top, ...env },
        stdio: ["ignore", "pipe", "pipe"],
        encoding: "utf8",
      });
      return { code: done.status, out: done.stdout, err: done.stderr };
    },
  };
}

test("bin/setup installs the packages once and again only when the lock file changed", () => {
  const machine = bareMachine();
  const installs = () => machine.calls().match(/^npm ci .*$/gm);
  expect(machine.run("setup")).toEqual({
    code: 0,
    out: "setup: installing npm packages\nsetup: building the dashboard\nsetup: ready (Node v24.21.0)\n",
    err: "",
  });
  expect(machine.run("setup").out).toBe("setup: ready (Node v24.21.0)\n");
  expect(installs()).toEqual(["npm ci --include=dev --loglevel=error"]);
  writeFileSync(join(machine.root, "package-lock.json"), '{ "name": "changed" }');
  expect(machine.run("setup").code).toBe(0);
  expect(installs()).toHaveLength(2);
});

test("bin/setup tries again after an npm ci that failed", () => {
  const machine = bareMachine({ npm: "mkdir -p node_modules; exit 1" });
  for (const _ of [1, 2])
    expect(machine.run("setup")).toMatchObject({ code: 1, err: "setup: npm ci failed\n" });
  expect(machine.calls().match(/^npm ci/gm)).toHaveLength(2);
});

test("bin/setup builds the dashboard once and again only when one of its sources changed", () => {
  const machine = bareMachine();
  const builds = () => machine.calls().match(/^npm run .*$/gm);
  for (const _ of [1, 2]) machine.run("setup");
  expect(builds()).toEqual(["npm run --silent build"]);
  writeFileSync(join(machine.root, "src", "dashboard", "main.tsx"), "changed");
  expect(machine.run("setup").out).toBe("setup: building the dashboard\nsetup: ready (Node v24.21.0)\n");
  expect(builds()).toHaveLength(2);
  // Sources that the dashboard is not built from.
  writeFileSync(join(machine.root, "src", "main.ts"), "changed");
  machine.run("setup");
  expect(builds()).toHaveLength(2);
});

test("bin/setup tries again after a build that failed", () => {
  const machine = bareMachine();
  machine.run("setup");
  const npm = join(machine.root, "..", "path", "npm");
  writeFileSync(npm, "#!/bin/sh\nrm -rf dist/dashboard\nexit 1\n");
  writeFileSync(join(machine.root, "src", "dashboard", "main.tsx"), "wrong");
  for (const _ of [1, 2])
    expect(machine.run("setup")).toMatchObject({ code: 1, err: "setup: npm run build failed\n" });
});

test.each(["node", "npm"])("without %s, bin/setup says how to get it", (name) => {
  const machine = bareMachine();
  machine.remove(name);
  const { code, err } = machine.run("setup");
  expect(code).toBe(1);
  expect(err).toContain(`${name} is not installed`);
  expect(err).toMatch(/apt-get install nodejs npm[^]*dnf[^]*apk[^]*brew/);
});

test("when npm ran no install scripts, bin/setup says how to get Node 24", () => {
  const machine = bareMachine({ npm: "mkdir -p node_modules" });
  const { code, err } = machine.run("setup");
  expect(code).toBe(1);
  expect(err).toContain("Node 24 or newer is needed, found v18.19.0");
  expect(err).toContain("npm rebuild node --ignore-scripts=false");
});

test("bin/setup is content with a system that has Node 24 itself", () => {
  const machine = bareMachine({ npm: "mkdir -p node_modules dist/dashboard", node: "echo v25.1.0" });
  expect(machine.run("setup")).toMatchObject({ code: 0, err: "" });
});

test("who may not install system packages is told the command for each system", () => {
  const machine = bareMachine({ "apt-get": "", sudo: "exit 1" });
  machine.remove("redis-server");
  const { code, err } = machine.run("setup", ["--test"]);
  expect(code).toBe(1);
  expect(err.split("\n").slice(1, -1)).toEqual([
    "setup:   Debian, Ubuntu: sudo apt-get update && sudo apt-get install --no-install-recommends redis-server chromium python3",
    "setup:   Fedora, RHEL:   sudo dnf install valkey chromium python3",
    "setup:   Alpine:         sudo apk add redis chromium python3",
    "setup:   macOS:          brew install redis chromium python",
  ]);
  expect(machine.calls()).not.toContain("apt-get");
});

test("a system without apt-get is told the command even for root", () => {
  const machine = bareMachine({ id: "echo 0" });
  machine.remove("redis-server");
  expect(machine.run("setup")).toMatchObject({
    code: 1,
    err: expect.stringContaining("sudo dnf install valkey\n"),
  });
});

test("with passwordless sudo, bin/setup installs what is missing, without starting its service", () => {
  // What would change the system runs under sudo, and this sudo only looks at it.
  const machine = bareMachine({
    "apt-get": "",
    sudo: `
      [ "$2" != true ] || exit 0
      shift 5
      for package in "$@"; do cp "$(dirname "$0")/npm" "$(dirname "$0")/$package"; done`,
  });
  machine.remove("redis-server");
  const { code, out } = machine.run("setup", ["--test"]);
  expect(out).toContain("setup: installing redis-server chromium python3 with apt-get\n");
  expect(code).toBe(0);
  const calls = machine.calls();
  expect(calls).toMatch(/^sudo -n sh -c \n/m);
  expect(calls).toContain("DEBIAN_FRONTEND=noninteractive");
  expect(calls).toContain("install --no-install-recommends");
  expect(calls.indexOf("exit 101")).toBeLessThan(calls.indexOf("apt-get -q"));
  expect(calls).toContain("apt-install redis-server chromium python3\n");
});

test("an installation after which the program is still missing is an error", () => {
  const machine = bareMachine({ "apt-get": "", sudo: "" });
  machine.remove("redis-server");
  expect(machine.run("setup")).toMatchObject({
    code: 1,
    err: "setup: installed, but still not on PATH: redis-server\n",
  });
});

test("valkey-server or a REDIS_URL is as good as redis-server; the tests need a server of their own", () => {
  const machine = bareMachine({ "valkey-server": "" });
  machine.remove("redis-server");
  expect(machine.run("setup").code).toBe(0);
  machine.remove("valkey-server");
  expect(machine.run("setup").code).toBe(1);
  expect(machine.run("setup", [], { REDIS_URL: "redis://queue.internal" }).code).toBe(0);
  expect(machine.run("setup", [], { REDIS_URL_FILE: "/run/secrets/redis" }).code).toBe(0);
  const forTests = machine.run("setup", ["--test"], { REDIS_URL: "redis://queue.internal" });
  expect(forTests.err).toContain("missing: redis-server chromium python3");
});

test("bin/setup explains itself and refuses what it does not know", () => {
  const machine = bareMachine();
  expect(machine.run("setup", ["--help"])).toMatchObject({ code: 0, out: expect.stringMatching(/^usage: /) });
  expect(machine.run("setup", ["--tset"])).toMatchObject({ code: 2, err: expect.stringMatching(/^usage: /) });
  expect(machine.calls()).toBe("");
});

test("bin/start becomes the server: same process, Node 24, arguments passed on, exit code kept", () => {
  const machine = bareMachine();
  const server = "console.log(process.ppid, process.cwd(), process.argv.slice(2)); process.exitCode = 7;";
  writeFileSync(join(machine.root, "src", "start.ts"), server);
  const { code, out } = machine.run("start", ["--config", "my file.yaml"]);
  expect(code).toBe(7);
  expect(out).toContain(`${process.pid} ${machine.root} [ '--config', 'my file.yaml' ]`);
});

test("bin/start runs what npm start runs", () => {
  const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
  const command = /^exec (.*) "\$@"$/m.exec(readFileSync(join(repository, "bin/start"), "utf8"))?.[1];
  expect(scripts.start.replace(/^NODE_COMPILE_CACHE=\S+ exec /, "")).toBe(command);
});

interface Outcome {
  check?: number;
  exit?: number;
  report?: { numPassedTests: number; numFailedTests: number; testResults: unknown[] };
}

/** Runs bin/test where npm is a stub that "runs" the check and vitest with the outcome given. */
function runTests({ check = 0, exit = 0, report }: Outcome) {
  const json = report === undefined ? ":" : `printf '%s' '${JSON.stringify(report)}' >"$file"`;
  const machine = bareMachine({ chromium: "", python3: "" });
  machine.run("setup");
  const npm = `
    case "$*" in
      "run --silent check") exit ${check} ;;
      test*) for word in "$@"; do case $word in --outputFile.json=*) file=\${word#*=} ;; esac; done; ${json}; exit ${exit} ;;
    esac`;
  const script = join(machine.root, "..", "path", "npm");
  writeFileSync(script, `#!/bin/sh\n${npm}\n`);
  const { code, out } = machine.run("test", [], { CI: "true" });
  return { code, last: out.trimEnd().split("\n").at(-1) };
}

const passed = { numPassedTests: 3, numFailedTests: 0, testResults: [] };
const unloaded = { status: "failed", assertionResults: [] };
const failedFile = { status: "failed", assertionResults: [{ status: "failed" }] };

test.each<[string, Outcome, { code: number; last: string }]>([
  ["all is well", { report: passed }, { code: 0, last: "3 passed, 0 failed" }],
  [
    "a test failed",
    { exit: 1, report: { ...passed, numFailedTests: 1, testResults: [failedFile] } },
    { code: 1, last: "3 passed, 1 failed" },
  ],
  [
    "a test file could not be loaded",
    { exit: 1, report: { ...passed, testResults: [unloaded] } },
    { code: 1, last: "3 passed, 1 failed" },
  ],
  ["the check failed", { check: 1, report: passed }, { code: 1, last: "3 passed, 1 failed" }],
  ["an error outside any test", { exit: 1, report: passed }, { code: 1, last: "3 passed, 1 failed" }],
  ["no test ran", { report: { ...passed, numPassedTests: 0 } }, { code: 1, last: "0 passed, 1 failed" }],
  ["vitest crashed without a report", { exit: 134 }, { code: 1, last: "0 passed, 1 failed" }],
])("bin/test counts and judges: %s", (_, outcome, verdict) => {
  expect(runTests(outcome)).toEqual(verdict);
});

test("bin/test reports a machine that cannot be made ready as a failure", () => {
  const machine = bareMachine();
  const { code, out } = machine.run("test");
  expect(code).toBe(1);
  expect(out).toMatch(/0 passed, 1 failed\n$/);
});

test("npm ci accepts the lock file on every platform (if not: node bin/complete-lockfile.mjs)", () => {
  const { packages } = JSON.parse(readFileSync(join(repository, "package-lock.json"), "utf8"));
  const locked = Object.keys(packages);
  const optional = Object.values<{ optionalDependencies?: object }>(packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  );
  const missing = optional.filter((name) => !locked.some((place) => place.endsWith(`node_modules/${name}`)));
  expect(missing).toEqual([]);
});

test("redis gets its durability on the command line, whatever the system's redis.conf says", () => {
  expect(redisArguments({ folder: "/a folder/redis", port: 7000 }).join(" ")).toBe(
    "--port 7000 --bind 127.0.0.1 --protected-mode yes --dir /a folder/redis --appendonly yes " +
      "--appendfsync everysec --save  --maxmemory-policy noeviction --daemonize no",
  );
});

test("mongod listens on loopback as a member of the replica set", () => {
  expect(mongodArguments({ folder: "/data/mongo", port: 7000 })).toEqual(
    "--dbpath /data/mongo --port 7000 --bind_ip 127.0.0.1 --replSet rs0 --nounixsocket".split(" "),
  );
});

test("a replica set keeps its configuration on the same port and is moved to another one", () => {
  const config = { _id: "rs0", version: 4, term: 2, members: [{ _id: 0, host: "127.0.0.1:7000", votes: 1 }] };
  expect(configForPort(config, 7000)).toBeNull();
  expect(configForPort(config, 7001)).toEqual({
    ...config,
    version: 5,
    members: [{ _id: 0, host: "127.0.0.1:7001", votes: 1 }],
  });
});
