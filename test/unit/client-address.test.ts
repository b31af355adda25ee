import { expect, test } from "vitest";
import { createClientAddress } from "../../src/http/client-address.ts";

const TRUSTED = ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"];

test.each<[what: string, remote: string | undefined, forwardedFor: string | undefined, client: string]>([
  ["nobody forwarded it", "203.0.113.9", undefined, "203.0.113.9"],
  ["a stranger says whom it forwards", "203.0.113.9", "198.51.100.1", "203.0.113.9"],
  ["a trusted proxy forwards it", "10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["the client invents entries", "10.0.0.1", "1.1.1.1, 10.9.9.9, 198.51.100.1", "198.51.100.1"],
  ["two trusted proxies forward it", "10.0.0.1", "1.1.1.1, 198.51.100.1, 192.0.2.7", "198.51.100.1"],
  ["the second proxy is not trusted", "10.0.0.1", "198.51.100.1, 192.0.2.8", "192.0.2.8"],
  ["a trusted proxy forwards nothing", "10.0.0.1", undefined, "10.0.0.1"],
  ["everybody on the way is trusted", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["the server listens on IPv6", "::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["an entry is an IPv4 address in IPv6", "10.0.0.1", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"],
  ["the way is IPv6", "fd00::1", "2001:db8::9", "2001:db8::9"],
  ["entries have ports", "10.0.0.1", "198.51.100.1:5123, 10.0.0.2:80", "198.51.100.1"],
  ["an IPv6 entry has a port", "10.0.0.1", "[2001:db8::9]:443", "2001:db8::9"],
  ["an IPv6 entry has brackets", "10.0.0.1", "[2001:db8::9]", "2001:db8::9"],
  ["the proxy does not know", "10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"],
  ["an entry is no address", "10.0.0.1", "198.51.100.1, 10", "10.0.0.1"],
  ["the entries are empty", "10.0.0.1", " , ", "10.0.0.1"],
  ["the connection is gone", undefined, "198.51.100.1", ""],
])("the client when %s", (_what, remoteAddress, forwardedFor, client) => {
  const headers = forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor };
  expect(createClientAddress(TRUSTED)({ socket: { remoteAddress }, headers })).toBe(client);
});

test("without trusted proxies nobody is believed", () => {
  const request = { socket: { remoteAddress: "127.0.0.1" }, headers: { "x-forwarded-for": "198.51.100.1" } };
  expect(createClientAddress([])(request)).toBe("127.0.0.1");
});
