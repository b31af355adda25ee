import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "..", "..");
const read = (name: string): string => readFileSync(path.join(ROOT, name), "utf8");
let image: string;

/** What the Dockerfile's last stage takes from the checkout. */
function copied(): string[] {
  const lastStage =
    read("Dockerfile")
      .split(/^FROM /m)
      .at(-1) ?? "";
  return [...lastStage.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, names = ""]) => names.split(" "));
}

/** What `npm ci --omit=dev` installs. */
function productionPackages(): string[] {
  const { packages } = JSON.parse(read("package-lock.json")) as { packages: Record<string, { dev?: true }> };
  return Object.entries(packages).flatMap(([place, { dev }]) =>
    /^node_modules\/(@[^/]+\/)?[^/]+$/.test(place) && dev !== true && existsSync(path.join(ROOT, place))
      ? [place]
      : [],
  );
}

beforeAll(() => {
  image = mkdtempSync(path.join(tmpdir(), "spendhook-image-"));
  for (const name of copied()) cpSync(path.join(ROOT, name), path.join(image, name), { recursive: true });
  for (const place of productionPackages()) {
    mkdirSync(path.dirname(path.join(image, place)), { recursive: true });
    symlinkSync(path.join(ROOT, place), path.join(image, place));
  }
});
afterAll(() => {
  rmSync(image, { recursive: true, force: true });
});

test("the image takes the sources of all its processes", () => {
  expect(copied()).toEqual(expect.arrayContaining(["package.json", "config.yaml", "src", "workers"]));
});

test.each(["src/main.ts", "workers/webhooks.ts", "workers/maintenance.ts", "src/verify.ts", "src/import.ts"])(
  "%s finds all it imports in the image",
  (file) => {
    // Packages are links here: what they import must be found in the image, too, not where they lead to.
    const text = execFileSync(process.execPath, ["--preserve-symlinks", file, "--help"], {
      cwd: image,
      encoding: "utf8",
    });
    expect(text).toContain("--help");
  },
);
