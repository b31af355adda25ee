import { once } from "node:events";
import { type IncomingMessage, request as open } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { DashboardApp, KEY } from "../../support/dashboard-app.ts";

let app: DashboardApp;
beforeAll(async () => {
  // This test is the proxy in front: each test is another client of it.
  app = await DashboardApp.start({ env: { TRUSTED_PROXIES: "127.0.0.0/8, 10.0.0.0/8" } });
});
afterAll(() => app.close());

const signIn = (client: string, key: string) =>
  app.call("POST", "/ui/api/session", { headers: { "x-forwarded-for": client }, body: { key } });

const ask = (client: string, header: Record<string, string>, target = "/customer/list") =>
  app.call("GET", target, { headers: { "x-forwarded-for": client, ...header } });

/** A sign-in of which the server has had the headers, and awaits the body. Answers what sends the body. */
async function begin(client: string, key: string): Promise<() => Promise<IncomingMessage>> {
  const body = JSON.stringify({ key });
  const request = open(`${app.base()}/ui/api/session`, {
    method: "POST",
    headers: { "x-forwarded-for": client, expect: "100-continue", "content-length": Buffer.byteLength(body) },
  });
  const answered = once(request, "response");
  request.flushHeaders();
  await once(request, "continue");
  return async () => {
    request.end(body);
    const [response] = (await answered) as [IncomingMessage];
    return response.resume();
  };
}

test("keys whose bodies come after all the headers are counted as well: five are tried, the rest wait", async () => {
  const keys = Array.from({ length: 30 }, (_, at) => `sk-guess-${at}`);
  const finish = await Promise.all(keys.map((key) => begin("198.51.100.1", key)));
  const answers = await Promise.all(finish.map((send) => send()));
  const statuses = answers.map(({ statusCode }) => statusCode);
  expect(statuses.filter((status) => status === 401)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(25);
});

test("the right key whose body comes after five wrong ones waits like them", async () => {
  const send = await begin("198.51.100.2", KEY);
  for (let tries = 0; tries < 5; tries++) await signIn("198.51.100.2", `sk-guess-${tries}`);
  const { statusCode, headers } = await send();
  expect(statusCode).toBe(429);
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
});

test("behind trusted proxies one client's wrong keys close the door for that client only", async () => {
  const before = async (client: string): Promise<number[]> => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 6; tries++) statuses.push((await signIn(client, "sk-wrong")).status);
    return statuses;
  };
  expect(await before("198.51.100.3")).toEqual([401, 401, 401, 401, 401, 429]);
  expect((await signIn("198.51.100.3", KEY)).status).toBe(429);
  // What a client puts in front of the entry that our proxies write is its own invention.
  expect((await signIn("198.51.100.99, 198.51.100.3, 10.0.0.5", KEY)).status).toBe(429);
  expect((await signIn("198.51.100.3, 198.51.100.4", KEY)).status).toBe(200);
});

test.each([
  ["on a management route", "/customer/list"],
  ["where calls are made", "/v1/models"],
])("wrong keys %s are counted by client, and the right one passes all the same", async (what, target) => {
  const client = `203.0.113.${what.length}`;
  const wrong = (at: number) => ask(client, { authorization: `Bearer sk-guess-${at}` }, target);
  for (let at = 0; at < 20; at++) expect((await wrong(at)).status).toBe(401);
  const refused = await wrong(20);
  expect(refused.status).toBe(429);
  expect(refused.headers.get("x-should-retry")).toBe("false");
  expect(refused.text).not.toContain("sk-guess");
  const wait = Number(refused.headers.get("retry-after"));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(60);
  expect((await ask(client, { "x-api-key": "sk-another" }, target)).status).toBe(429);
  expect((await ask(client, { authorization: `Bearer ${KEY}` }, target)).status).toBe(200);
  expect((await ask(client, { "x-api-key": KEY }, target)).status).toBe(200);
  expect((await ask("203.0.113.200", { authorization: "Bearer sk-guess" }, target)).status).toBe(401);
});

test("requests without a key, and those with a session, are no guesses; nor do guesses end a session", async () => {
  const client = "203.0.113.100";
  const { cookie } = await app.signIn();
  for (let at = 0; at < 25; at++) expect((await ask(client, {})).status).toBe(401);
  expect((await ask(client, { authorization: "Bearer sk-guess" })).status).toBe(401);
  for (let at = 0; at < 25; at++) await ask(client, { authorization: "Bearer sk-guess" });
  expect((await ask(client, cookie)).status).toBe(200);
  expect((await ask(client, {})).status).toBe(401);
  // A program with an old key closes the dashboard to nobody beside it.
  expect((await signIn(client, KEY)).status).toBe(200);
});
