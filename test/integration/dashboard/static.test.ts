import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardApp } from "../../support/dashboard-app.ts";

const INDEX = "<!doctype html><title>Spendhook</title>";
const SCRIPT = "export const answer = 42;\n".repeat(100);
let app: DashboardApp;
let bare: DashboardApp;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "spendhook-ui-"));
  const dist = path.join(folder, "dashboard");
  await mkdir(path.join(dist, "assets"), { recursive: true });
  await writeFile(path.join(folder, "secret.txt"), "not for the web");
  await writeFile(path.join(dist, ".env"), "hidden");
  await writeFile(path.join(dist, "index.html"), INDEX);
  const script = path.join(dist, "assets", "index-a1b2c3.js");
  await writeFile(script, SCRIPT);
  await writeFile(`${script}.br`, brotliCompressSync(SCRIPT));
  await writeFile(`${script}.gz`, gzipSync(SCRIPT));
  [app, bare] = await Promise.all([
    DashboardApp.start({ dashboardDir: dist }),
    DashboardApp.start({ dashboardDir: path.join(folder, "nothing") }),
  ]);
});
afterAll(async () => {
  await app.close();
  await bare.close();
  await rm(folder, { recursive: true });
});

/** As it comes over the wire: fetch would tidy the path and unpack the body. */
function raw(target: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      const sent = request(app.base(), { path: target, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(chunks) });
        });
      });
      sent.on("error", reject).end();
    },
  );
}

test.each(["/", "/ui"])("%s leads to the dashboard", async (target) => {
  const { status, headers } = await raw(target);
  expect([status, headers["location"]]).toEqual([302, "/ui/"]);
});

test.each(["/ui/", "/ui/customers", "/ui/customers/acme%2Feu", "/ui/customers/a.b%00c", "/ui/events?type=x"])(
  "%s is the page, never cached, under a policy that lets nothing else in",
  async (target) => {
    const { status, headers, body } = await raw(target);
    expect([status, body.toString()]).toEqual([200, INDEX]);
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-cache",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "content-security-policy":
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    });
  },
);

test.each([
  ["br, gzip", "br", brotliCompressSync(SCRIPT)],
  ["gzip", "gzip", gzipSync(SCRIPT)],
  ["br;q=0, gzip", "gzip", gzipSync(SCRIPT)],
  ["identity", undefined, Buffer.from(SCRIPT)],
])("assets are kept for ever and come as %s asks", async (accepted, encoding, bytes) => {
  const { status, headers, body } = await raw("/ui/assets/index-a1b2c3.js", { "accept-encoding": accepted });
  expect([status, headers["content-encoding"], body.equals(bytes)]).toEqual([200, encoding, true]);
  expect(headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=31536000, immutable",
    vary: "accept-encoding",
  });
});

test("a page the browser has is not sent again", async () => {
  const { headers } = await raw("/ui/");
  const again = await raw("/ui/", { "if-none-match": String(headers["etag"]) });
  expect([again.status, again.body.length]).toEqual([304, 0]);
});

test.each([
  "/ui/../secret.txt",
  "/ui/%2e%2e/secret.txt",
  "/ui/..%2fsecret.txt",
  "/ui/assets/../../secret.txt",
  "/ui/.env",
  "/ui//etc/passwd",
])("nothing outside the build, and nothing hidden, is served: %s", async (target) => {
  const { body } = await raw(target);
  expect(body.toString()).not.toMatch(/not for the web|hidden|root:/);
});

test.each(["/ui/assets/gone.js", "/ui/api/nothing"])("%s is 404 and not the page", async (target) => {
  expect((await raw(target)).status).toBe(404);
});

test("without a build there is a page that says how to make one", async () => {
  const answer = await bare.call("GET", "/ui/", { headers: {} });
  expect(answer.status).toBe(503);
  expect(answer.text).toContain("npm run build");
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
});
