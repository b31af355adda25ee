#!/usr/bin/env node
/**
 * Adds to package-lock.json the optional packages of other platforms that are missing in it. Run it after
 * `npm install` when a test says so.
 *
 * npm leaves them out when the registry it asked does not have them, as a mirror may not, and then
 * refuses its own lock file: "npm ci can only install packages when your package.json and
 * package-lock.json are in sync. Missing: …". An added entry has no integrity hash, since nothing was
 * downloaded; npm installs it on its platform all the same and the entries of this platform are untouched.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));

/** Is the package there for the one at `place`? Node looks in every node_modules on the way up. */
function isLocked(name, place) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/node_modules/"), 0))) {
    if (lock.packages[`${folder ? `${folder}/` : ""}node_modules/${name}`]) return true;
    if (folder === "") return false;
  }
}

/** What another version of the package says about its platform: it is the same from version to version. */
function platformOf(name) {
  const fields = ["cpu", "libc", "os", "engines", "license"];
  const answer = JSON.parse(execFileSync("npm", ["view", name, ...fields, "--json"], { encoding: "utf8" }));
  const about = Array.isArray(answer) ? answer.at(-1) : answer;
  for (const field of ["cpu", "libc", "os"]) if (about[field]) about[field] = [about[field]].flat();
  return about;
}

const added = [];
for (const [place, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (isLocked(name, place)) continue;
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${name}@${version}: not one exact version`);
    const dev = parent.dev ? { dev: true } : {};
    lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), ...dev, optional: true };
    added.push(`${name}@${version}`);
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en"));
lock.packages = Object.fromEntries(sorted);
if (added.length > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added.length} added ${added.join(" ")}\n`);
