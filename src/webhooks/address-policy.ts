import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";

export interface AddressPolicy {
  /** Loopback and private addresses may be dialled. */
  readonly allowPrivate: boolean;
  /** Ranges opened by the operator, such as 10.1.0.0/16. */
  readonly allowCidrs: readonly string[];
}

/** Thrown for an address that webhooks may not go to. */
export class AddressRefusedError extends Error {
  override readonly name = "AddressRefusedError";
  readonly code = "ERR_ADDRESS_REFUSED";
}

/**
 * True for an address that may be dialled: a public unicast one, or one the operator opened. IPv4 inside
 * IPv6 is judged as the IPv4 it reaches.
 */
export function isAllowedAddress(address: string, policy: AddressPolicy): boolean {
  if (!ipaddr.isValid(address)) return false;
  if (policy.allowPrivate) return true;
  const parsed = ipaddr.process(address);
  if (isPublic(parsed)) return true;
  return policy.allowCidrs.some((cidr) => {
    const range = ipaddr.parseCIDR(cidr);
    return range[0].kind() === parsed.kind() && parsed.match(range);
  });
}

/** All of IPv6 that is given out (RFC 4291); outside it lie old ways to write IPv4, such as ::127.0.0.1. */
const GLOBAL_UNICAST_6 = ipaddr.IPv6.parseCIDR("2000::/3");

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== "unicast") return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST_6);
}

/**
 * A DNS lookup for sockets that refuses a name when any of its addresses is refused. What it returns is
 * what gets dialled, so an answer that changes between check and use gains nothing. Sockets do not call
 * it for IP literals: check those with `isAllowedAddress`.
 */
export function guardedLookup(policy: AddressPolicy, resolve: typeof dnsLookup = dnsLookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const first = addresses?.[0];
      if (error !== null || first === undefined) {
        callback(error ?? noAddress(), "", 0);
      } else if (!addresses.every(({ address }) => isAllowedAddress(address, policy))) {
        callback(
          new AddressRefusedError(`${hostname} resolves to an address that webhooks may not go to`),
          "",
          0,
        );
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

/**
 * Why a URL cannot be an endpoint's, as text for its owner; null when it can. The same rule holds at save
 * and at each attempt; names are checked again when they are resolved.
 */
export function refuseUrl(text: string, policy: AddressPolicy): string | null {
  if (!URL.canParse(text)) return "is not a URL";
  // Programs differ in what they make of these: what was checked must be what is meant.
  if (/[\s\\\p{Cc}]/u.test(text)) return "must not contain spaces, line breaks or backslashes";
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must be an https URL";
  if (url.protocol === "http:" && !policy.allowPrivate && policy.allowCidrs.length === 0) {
    return "must be an https URL; http is for private targets, which WEBHOOK_ALLOW_PRIVATE opens";
  }
  if (url.username !== "" || url.password !== "") return "must not carry a user name or password";
  if (url.port !== "" && REFUSED_PORTS.has(Number(url.port))) return `must not use port ${url.port}`;
  if (url.hostname === "") return "must name a host";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (ipaddr.isValid(host) && !isAllowedAddress(host, policy)) {
    return "names an address that is not public; WEBHOOK_ALLOW_PRIVATE or WEBHOOK_ALLOW_CIDRS open private ones";
  }
  return null;
}
