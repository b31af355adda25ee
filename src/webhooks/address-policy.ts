import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

export interface AddressPolicy {
  /** Loopback, private, unique local and carrier-grade NAT addresses may be dialled; link-local ones not. */
  readonly allowPrivate: boolean;
  /** Ranges opened by the operator, such as 10.1.0.0/16. */
  readonly allowCidrs: readonly string[];
}

/** A URL's `protocol`: plain http is for addresses that the operator opened, public ones need https. */
export type WebhookScheme = "http:" | "https:";

/** Thrown for an address that webhooks may not go to. */
export class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError";
  readonly code = "ERR_ADDRESS_REFUSED";
}

/**
 * True for an address that may be dialled: a public unicast one over https, or one the operator opened. IPv4
 * inside IPv6 is judged as the IPv4 it reaches.
 */
export function isAllowedAddress(address: string, policy: AddressPolicy, scheme: WebhookScheme): boolean {
  const verdict = judge(address, policy);
  return verdict === "opened" || (verdict === "public" && scheme === "https:");
}

function judge(address: string, { allowPrivate, allowCidrs }: AddressPolicy): "public" | "opened" | "closed" {
  if (!ipaddr.isValid(address)) return "closed";
  const reached = reachedBy(ipaddr.process(address));
  if (isPublic(reached)) return "public";
  if (allowPrivate && isPrivate(reached)) return "opened";
  const isOpened = allowCidrs.some((cidr) => {
    const range = ipaddr.parseCIDR(cidr);
    return range[0].kind() === reached.kind() && reached.match(range);
  });
  return isOpened ? "opened" : "closed";
}

/** Not link-local: there clouds tell a machine its credentials. */
const PRIVATE_RANGES = new Set(["loopback", "private", "uniqueLocal", "carrierGradeNat"]);
/** Where clouds tell them inside private ranges: Alibaba, AWS, Google. */
const METADATA = new Set(["100.100.100.200", "fd00:ec2::254", "fd20:ce::254"]);

function isPrivate(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return PRIVATE_RANGES.has(address.range()) && !METADATA.has(address.toString());
}

/** All of IPv6 that is given out (RFC 4291). */
const GLOBAL_UNICAST_6 = ipaddr.IPv6.parseCIDR("2000::/3");

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST_6);
}

/** Where IPv4 stands in IPv6: compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056). */
const IPV4_AT_BYTE: readonly [range: [ipaddr.IPv6, number], byte: number][] = [
  [ipaddr.IPv6.parseCIDR("::/96"), 12],
  [ipaddr.IPv6.parseCIDR("64:ff9b::/96"), 12],
  [ipaddr.IPv6.parseCIDR("2002::/16"), 2],
];

function reachedBy(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address instanceof ipaddr.IPv4 || address.range() === "loopback") return address;
  const at = IPV4_AT_BYTE.find(([range]) => address.match(range))?.[1];
  return at === undefined ? address : new ipaddr.IPv4(address.toByteArray().slice(at, at + 4));
}

/**
 * A DNS lookup for sockets that refuses a name when any of its addresses is refused. What it returns is
 * what gets dialled, so an answer that changes between check and use gains nothing. Sockets do not call
 * it for IP literals: check those with `isAllowedAddress`.
 */
export function guardedLookup(
  policy: AddressPolicy,
  scheme: WebhookScheme,
  resolve: typeof dnsLookup = dnsLookup,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const first = addresses?.[0];
      if (error !== null || first === undefined) {
        callback(error ?? noAddress(), "", 0);
      } else if (!addresses.every(({ address }) => isAllowedAddress(address, policy, scheme))) {
        const reason = `${hostname} resolves to an address that webhooks may not go to over ${scheme}`;
        callback(new AddressRefusedError(reason), "", 0);
      } else if (options.all === true) {
        callback(null, addresses);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

function noAddress(): Error {
  return Object.assign(new Error("The name has no address"), { code: "ENODATA" });
}

/** Ports of services that live inside networks and never receive webhooks. */
const REFUSED_PORTS = new Set([
  22, 23, 25, 53, 110, 143, 389, 445, 1433, 2375, 3306, 5432, 6379, 9200, 11211, 27017,
]);

const HTTPS_ONLY =
  "must be an https URL; http is for private targets, which WEBHOOK_ALLOW_PRIVATE or WEBHOOK_ALLOW_CIDRS open";
const CLOSED =
  "leads to an address that is not public; WEBHOOK_ALLOW_PRIVATE opens private ones, WEBHOOK_ALLOW_CIDRS ranges";

/** Why these addresses of one host cannot be an endpoint's, as text; null when all of them can. */
export function refuseAddresses(
  addresses: readonly string[],
  policy: AddressPolicy,
  scheme: WebhookScheme,
): string | null {
  if (addresses.every((address) => isAllowedAddress(address, policy, scheme))) return null;
  return addresses.every((address) => isAllowedAddress(address, policy, "https:")) ? HTTPS_ONLY : CLOSED;
}

/**
 * Why a URL cannot be an endpoint's, as text for its owner; null when it can. The same rule holds at save
 * and at each attempt; names are checked again when they are resolved.
 */
export function refuseUrl(text: string, policy: AddressPolicy): string | null {
  if (!URL.canParse(text)) return "is not a URL";
  // Programs differ in what they make of these: what was checked must be what is meant.
  if (/[\s\\\p{Cc}]/u.test(text)) return "must not contain spaces, line breaks or backslashes";
  const url = new URL(text);
  const scheme = schemeOf(url);
  if (scheme === null) return "must be an https URL";
  if (scheme === "http:" && !policy.allowPrivate && policy.allowCidrs.length === 0) {
    return HTTPS_ONLY;
  }
  if (url.username !== "" || url.password !== "") return "must not carry a user name or password";
  if (url.port !== "" && REFUSED_PORTS.has(Number(url.port))) return `must not use port ${url.port}`;
  if (url.hostname === "") return "must name a host";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return ipaddr.isValid(host) ? refuseAddresses([host], policy, scheme) : null;
}

/** Null for a scheme that webhooks do not use. */
export function schemeOf({ protocol }: URL): WebhookScheme | null {
  return protocol === "https:" || protocol === "http:" ? protocol : null;
}
