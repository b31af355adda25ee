import { afterAll, beforeAll, expect, test } from "vitest";
import { hashApiKey } from "../../../src/lib/secrets.ts";
import { createSessionTokens } from "../../../src/sessions/session-token.ts";
import { DashboardApp, KEY } from "../../support/dashboard-app.ts";

let app: DashboardApp;
beforeAll(async () => {
  app = await DashboardApp.start({ proxies: 2 });
});
afterAll(() => app.close());

const NEW = { user_id: "ada" };

test("the operator's key opens a session that reads, and that writes with its token", async () => {
  const answer = await app.call("POST", "/ui/api/session", { headers: {}, body: { key: KEY } });
  expect(answer.status).toBe(200);
  const set = answer.headers.get("set-cookie") ?? "";
  expect(set).toMatch(/^spendhook_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Expires=/);
  expect(set).not.toContain("Secure");
  expect(set).not.toContain(KEY);
  const { csrf_token: token, expires_at: expires } = answer.json as Record<string, string>;
  const hours = (Date.parse(expires ?? "") - Date.now()) / 3_600_000;
  expect(hours).toBeGreaterThan(11.9);
  expect(hours).toBeLessThanOrEqual(12);
  const cookie = { cookie: set.split(";")[0] ?? "" };

  expect((await app.call("GET", "/ui/api/session", { headers: cookie })).json).toEqual({
    csrf_token: token,
    expires_at: expires,
  });
  expect((await app.call("GET", "/customer/list", { headers: cookie })).status).toBe(200);
  const write = { ...cookie, "x-csrf-token": token ?? "" };
  expect((await app.call("POST", "/customer/new", { headers: write, body: NEW })).status).toBe(200);
  const audit = await app.call("GET", "/audit?target_id=ada", { headers: cookie });
  expect(audit.json).toMatchObject({ data: [{ actor: hashApiKey(KEY), action: "customer.create" }] });
});

test("asked for over https, by a proxy's word, the cookie is only for https", async () => {
  const answer = await app.call("POST", "/ui/api/session", {
    headers: { "x-forwarded-proto": "https" },
    body: { key: KEY },
  });
  expect(answer.headers.get("set-cookie")).toMatch(/; Secure$/);
});

test.each([
  ["no token", {}],
  ["an empty token", { "x-csrf-token": "" }],
  ["another session's token", { "x-csrf-token": "A".repeat(43) }],
])("a change with the cookie and %s is refused with 403", async (_what, header) => {
  const { cookie } = await app.signIn();
  for (const [method, path] of [
    ["POST", "/customer/new"],
    ["POST", "/budget/new"],
    ["DELETE", "/ui/api/session"],
  ] as const) {
    const answer = await app.call(method, path, {
      headers: { ...cookie, ...header },
      body: { user_id: "mallory", budget_id: "mallory" },
    });
    expect([path, answer.status]).toEqual([path, 403]);
  }
  expect((await app.call("GET", "/customer/info?end_user_id=mallory")).status).toBe(404);
});

test("a session does not call models: completions want the key", async () => {
  const { write } = await app.signIn();
  const answer = await app.call("POST", "/v1/chat/completions", {
    headers: write,
    body: { model: "m", messages: [{ role: "user", content: "hi" }] },
  });
  expect(answer.status).toBe(401);
});

test("signing out ends the session on every process at once", async () => {
  const { cookie, write } = await app.signIn();
  expect((await app.call("GET", "/customer/list", { headers: cookie, proxy: 1 })).status).toBe(200);
  const out = await app.call("DELETE", "/ui/api/session", { headers: write });
  expect([out.status, out.text]).toEqual([204, ""]);
  expect(out.headers.get("set-cookie")).toMatch(/^spendhook_session=;.*Expires=Thu, 01 Jan 1970/);
  for (const proxy of [0, 1]) {
    expect((await app.call("GET", "/customer/list", { headers: cookie, proxy })).status).toBe(401);
    expect((await app.call("GET", "/ui/api/session", { headers: cookie, proxy })).status).toBe(401);
  }
});

test("cookies that are forged, changed, expired or another deployment's are refused", async () => {
  const { cookie } = await app.signIn();
  const token = cookie["cookie"]?.split("=")[1] ?? "";
  const [id = "", expires = "", signature = ""] = token.split(".");
  const past = new Date(Date.now() - 1000);
  const later = new Date(Number(expires) + 1000);
  const forged = [
    "",
    "x",
    `${id}.${expires}`,
    `${id}.${later.getTime()}.${signature}`,
    `${id}x.${expires}.${signature}`,
    `${id}.${expires}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "A"}`,
    createSessionTokens(KEY).sign({ id, expiresAt: past }),
    createSessionTokens("sk-another-key").sign({ id, expiresAt: later }),
    // Signed by us, and in no list of sessions.
    createSessionTokens(KEY).sign({ id: "ses_none", expiresAt: later }),
  ];
  for (const value of forged) {
    const headers = { cookie: `spendhook_session=${value}` };
    const answer = await app.call("GET", "/customer/list", { headers });
    expect([value, answer.status]).toEqual([value, 401]);
  }
});

test("a wrong key beside a good cookie is refused: the key is what was meant", async () => {
  const { cookie } = await app.signIn();
  const answer = await app.call("GET", "/customer/list", {
    headers: { ...cookie, authorization: "Bearer sk-wrong" },
  });
  expect(answer.status).toBe(401);
});

test("a request for a session without the field, or with more, lists what is wrong", async () => {
  const answer = await app.call("POST", "/ui/api/session", { headers: {}, body: { user: "root", key: 1 } });
  expect(answer.status).toBe(422);
  const { detail } = answer.json as { detail: { loc: string[] }[] };
  expect(detail.map(({ loc }) => loc.join("."))).toEqual(expect.arrayContaining(["body.key", "body.user"]));
});

test("five wrong keys within a minute close the door, also to the right one", async () => {
  const other = await DashboardApp.start();
  try {
    const attempt = (key: string) => other.call("POST", "/ui/api/session", { headers: {}, body: { key } });
    for (let tries = 0; tries < 5; tries++) {
      const answer = await attempt(`sk-guess-${tries}`);
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain("sk-guess");
    }
    const closed = await attempt(KEY);
    expect(closed.status).toBe(429);
    const wait = Number(closed.headers.get("retry-after"));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    // The key itself still works where it is sent with each request.
    expect((await other.call("GET", "/customer/list")).status).toBe(200);
  } finally {
    await other.close();
  }
});
