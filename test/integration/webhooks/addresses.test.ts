import type { lookup as dnsLookup, LookupAddress } from "node:dns";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AddressPolicy } from "../../../src/webhooks/address-policy.ts";
import { checkUrl } from "../../../src/webhooks/check-url.ts";
import { createPoster } from "../../../src/webhooks/post-event.ts";
import { answering, answerText, ProgrammableReceiver } from "../../support/programmable-receiver.ts";

const PUBLIC_ONLY: AddressPolicy = { allowPrivate: false, allowCidrs: [] };
/** Nobody's address (TEST-NET is refused as such, so a real one): nothing is ever sent to it here. */
const PUBLIC = "93.184.215.14";

let receiver: ProgrammableReceiver;
beforeAll(async () => {
  // On all addresses of the machine, so that whatever spelling got through would be seen.
  receiver = await ProgrammableReceiver.start(answering(204), { host: "::" });
});
afterAll(() => receiver.close());

const addressesOf = (addresses: readonly string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

/** A name server that gives these answers, one after the other, and the last one from then on. */
function nameServer(...answers: readonly (readonly string[])[]) {
  let asked = 0;
  const next = (): LookupAddress[] => addressesOf(answers[Math.min(asked++, answers.length - 1)] ?? []);
  const dial = (_name: string, _options: object, done: (error: null, found: object[]) => void): void =>
    done(null, next());
  return {
    asked: () => asked,
    save: () => Promise.resolve(next()),
    dial: dial as unknown as typeof dnsLookup,
  };
}

/** What saving says, and what an attempt says that is made all the same. */
async function both(
  url: string,
  policy: AddressPolicy,
  answers: readonly (readonly string[])[] = [],
): Promise<{ saved: string | null; attempt: string | number; connections: number }> {
  const before = receiver.connections;
  const names = nameServer(...answers);
  const poster = createPoster(policy, answers.length === 0 ? undefined : names.dial);
  const saved = await checkUrl(url, policy, answers.length === 0 ? undefined : names.save);
  const body = Buffer.from("{}");
  const { result } = await poster.post({ url, body, headers: {}, timeoutMs: 2000 });
  poster.close();
  const attempt = result.kind === "response" ? result.status : result.code;
  return { saved, attempt, connections: receiver.connections - before };
}

const REFUSED = { saved: expect.any(String), attempt: "address_refused", connections: 0 };

test.each([
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "0177.0.0.1",
  "0x7f.1",
  "0x7f000001",
  "2130706433",
  "017700000001",
  "0",
  "0.0.0.0",
  "127.0.0.1.",
  "１２７.0.0.1",
  "127。0。0。1",
  "①②⑦.0.0.1",
  "%31%32%37.0.0.1",
  "10.0.0.1",
  "172.31.255.255",
  "192.168.0.1",
  "100.64.0.1",
  "169.254.169.254",
  "192.0.0.1",
  "192.0.2.1",
  "198.18.0.1",
  "198.51.100.1",
  "203.0.113.1",
  "192.88.99.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::ffff:0:7f00:1]",
  "[::7f00:1]",
  "[64:ff9b::a9fe:a9fe]",
  "[64:ff9b:1::7f00:1]",
  "[2002:7f00:1::]",
  "[2001:0:7f00:1::]",
  "[2001:db8::1]",
  "[3fff::1]",
  "[5f00::1]",
  "[100::1]",
  "[fe80::1]",
  "[fec0::1]",
  "[fc00::1]",
  "[fd12:3456::1]",
  "[ff02::1]",
])("row 18: the address %s is refused when it is saved and when it is dialled", async (host) => {
  for (const scheme of ["http", "https"]) {
    expect(await both(`${scheme}://${host}:${receiver.port}/`, PUBLIC_ONLY)).toEqual(REFUSED);
  }
});

test.each([
  ["localhost", ["127.0.0.1", "::1"]],
  ["localhost.", ["127.0.0.1"]],
  ["LOCALHOST", ["::1"]],
  ["metadata.google.internal", ["169.254.169.254"]],
  ["127.0.0.1.nip.io", ["127.0.0.1"]],
])("row 18: the name %s is judged by its addresses", async (name, addresses) => {
  const url = `https://${name}:${receiver.port}/`;
  expect(await both(url, PUBLIC_ONLY, [addresses])).toEqual(REFUSED);
});

test.each([
  ["a user name", "https://user@hooks.test/"],
  ["a password", "https://:secret@hooks.test/"],
  ["another host as user name", "https://hooks.test@127.0.0.1/"],
  ["a backslash before the at", String.raw`https://hooks.test\@127.0.0.1/`],
  ["a backslash for a slash", String.raw`https:\\hooks.test/`],
  ["no host", "https:///"],
  ["another scheme", "gopher://127.0.0.1:6379/_FLUSHALL"],
  ["a unix socket", "http://unix:/var/run/docker.sock:/info"],
  ["a line break", "https://hooks.test/\r\nx-injected: 1"],
  ["a tab within the host", "https://127\t.0.0.1/"],
])("row 18: a URL with %s is refused", async (_what, url) => {
  expect(await both(url, PUBLIC_ONLY, [[PUBLIC]])).toEqual(REFUSED);
});

test.each([
  ["a public and a private IPv4", [PUBLIC, "10.0.0.1"]],
  ["a private one first", ["127.0.0.1", PUBLIC]],
  ["loopback hidden as mapped IPv6", [PUBLIC, "::ffff:127.0.0.1"]],
])("row 19: a name with %s is refused", async (_what, addresses) => {
  expect(await both(`https://hooks.test:${receiver.port}/`, PUBLIC_ONLY, [addresses])).toEqual(REFUSED);
});

test("row 20: a name that is public when saved and private when dialled is refused, and no socket is opened", async () => {
  const answers = [[PUBLIC], ["127.0.0.1"]];
  expect(await both(`https://hooks.test:${receiver.port}/`, PUBLIC_ONLY, answers)).toEqual({
    ...REFUSED,
    saved: null,
  });
});

test("row 20: the answer that was checked is the one that is dialled: the name is asked for once per connection", async () => {
  const policy = { allowPrivate: false, allowCidrs: ["127.0.0.1/32"] };
  const names = nameServer(["127.0.0.1"], ["127.0.0.2"]);
  const poster = createPoster(policy, names.dial);
  const before = receiver.connections;
  receiver.script = ({ socket }) => void socket.end(answerText(204, { connection: "close" }));
  const url = receiver.url("hooks.test");
  const post = () => poster.post({ url, body: Buffer.from("{}"), headers: {}, timeoutMs: 2000 });
  expect((await post()).result).toMatchObject({ status: 204 });
  expect([names.asked(), receiver.connections - before]).toEqual([1, 1]);
  expect((await post()).result).toEqual({ kind: "failure", code: "address_refused" });
  expect([names.asked(), receiver.connections - before]).toEqual([2, 1]);
  poster.close();
});

test.each([
  ["only a private IPv6", ["fd00::1"]],
  ["only loopback of IPv6", ["::1"]],
  ["a private IPv6 beside a public IPv4", [PUBLIC, "fe80::1"]],
])("row 21: a name with %s is refused", async (_what, addresses) => {
  expect(await both(`https://hooks.test:${receiver.port}/`, PUBLIC_ONLY, [addresses])).toEqual(REFUSED);
});

test("a name without any address is a dns_error", async () => {
  const { saved, attempt } = await both("https://hooks.test/", PUBLIC_ONLY, [[]]);
  expect([saved, attempt]).toEqual([expect.any(String), "dns_error"]);
});

test.each([22, 23, 25, 53, 110, 143, 389, 445, 1433, 2375, 3306, 5432, 6379, 9200, 11_211, 27_017])(
  "row 24: port %i belongs to services that receive no webhooks, even where private addresses are open",
  async (port) => {
    for (const policy of [PUBLIC_ONLY, { allowPrivate: true, allowCidrs: [] }]) {
      expect(await both(`https://hooks.test:${port}/`, policy, [[PUBLIC]])).toEqual(REFUSED);
    }
  },
);

test("what an operator has opened is reached under every name, and nothing beside it", async () => {
  const loopback = { allowPrivate: false, allowCidrs: ["127.0.0.0/8"] };
  receiver.script = answering(204);
  const reached = { saved: null, attempt: 204, connections: 1 };
  expect(await both(receiver.url("127.0.0.1"), loopback)).toEqual(reached);
  expect(await both(receiver.url("hooks.test"), loopback, [["127.0.0.1"]])).toEqual(reached);
  expect(await both(receiver.url("hooks.test"), loopback, [["127.0.0.1", "10.0.0.1"]])).toEqual(REFUSED);
  expect(await both(receiver.url("[::1]"), loopback)).toEqual(REFUSED);
});

test("what is open to private targets is not open to the machine's metadata service", async () => {
  const open = { allowPrivate: true, allowCidrs: [] };
  const names = ["169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0"];
  for (const address of names) {
    for (const scheme of ["http", "https"]) {
      const url = `${scheme}://metadata.test:${receiver.port}/`;
      expect([address, await both(url, open, [[address]])]).toEqual([address, REFUSED]);
    }
  }
});

test("plain http goes to opened addresses only, also when a name turns public after it was saved", async () => {
  receiver.script = ({ socket }) => void socket.end(answerText(204, { connection: "close" }));
  for (const open of [
    { allowPrivate: true, allowCidrs: [] },
    { allowPrivate: false, allowCidrs: ["127.0.0.0/8"] },
  ]) {
    const url = receiver.url("hooks.test");
    expect(await both(url, open, [["127.0.0.1"]])).toEqual({ saved: null, attempt: 204, connections: 1 });
    expect(await both(url, open, [[PUBLIC]])).toEqual({
      ...REFUSED,
      saved: expect.stringContaining("https"),
    });
    expect(await both(url, open, [["127.0.0.1", PUBLIC]])).toEqual(REFUSED);
    expect(await both(url, open, [["127.0.0.1"], [PUBLIC]])).toEqual({ ...REFUSED, saved: null });
    expect(await both(`http://${PUBLIC}/`, open)).toEqual(REFUSED);
  }
});
