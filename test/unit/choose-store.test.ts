import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { findMongod } from "../../src/embedded/mongod.ts";
import { chooseStore } from "../../src/supervisor/services.ts";

function folder(...files: string[]): string {
  const made = mkdtempSync(path.join(tmpdir(), "spendhook-choose-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  for (const file of files) {
    mkdirSync(path.dirname(path.join(made, file)), { recursive: true });
    writeFileSync(path.join(made, file), "");
  }
  return made;
}

/** PATH with a mongod of this version before all else; null = without one. */
function installMongod(version: string | null): void {
  const bin = folder();
  if (version !== null) {
    const script = `#!/bin/sh\necho "db version v${version}"\n`;
    writeFileSync(path.join(bin, "mongod"), script, { mode: 0o755 });
  }
  vi.stubEnv("PATH", `${bin}${path.delimiter}/usr/bin${path.delimiter}/bin`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

test.each([
  ["8.0.17", "mongod"],
  ["10.2.0", "mongod"],
  ["7.0.14", null],
])("a mongod on PATH that says %s: %s", (version, found) => {
  installMongod(version);
  expect(findMongod()).toBe(found);
});

test.each([
  ["nothing yet, and a mongod", [], "8.0.17", "mongod"],
  ["nothing yet, and an old mongod", [], "7.0.14", "store"],
  ["data of the embedded store, and a mongod", ["store/store.db"], "8.0.17", "store"],
  ["data of a mongod, and a mongod", ["mongo/WiredTiger"], "8.0.17", "mongod"],
])("what is used with %s", (_what, files, version, used) => {
  installMongod(version);
  expect(chooseStore(folder(...files))).toBe(used);
});

test("data of a mongod is not passed over when there is none to read it", () => {
  installMongod("7.0.14");
  const dataDir = folder("mongo/WiredTiger");
  expect(() => chooseStore(dataDir)).toThrow(/data of a mongod in .*mongo, and no mongod of 8\.0 or newer/);
});
