import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

/** The parts of a request that tell where it comes from. */
interface Request {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
}

/** The address of the client that a request comes from; empty when its connection is gone. */
export type ClientAddress = (request: Request) => string;

/**
 * The address of the connection; where that is a trusted proxy's, the right-most entry of `x-forwarded-for`
 * that is not one. Each proxy appends whom it was asked by, so what stands further left is only the client's
 * word. `trustedProxies` are CIDRs, known to be valid.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const ranges = trustedProxies.map((cidr) => ipaddr.parseCIDR(cidr));
  const isTrusted = (address: string): boolean => {
    if (isIP(address) === 0) return false;
    const parsed = ipaddr.process(address);
    return ranges.some((range) => range[0].kind() === parsed.kind() && parsed.match(range));
  };
  return ({ socket, headers }) => {
    let address = socket.remoteAddress ?? "";
    if (!isTrusted(address)) return address;
    const forwarded = [headers["x-forwarded-for"] ?? ""].flat().join(",").split(",");
    for (const entry of forwarded.toReversed()) {
      const earlier = withoutPort(entry.trim());
      // A proxy that names nobody answers for whom it forwards.
      if (isIP(earlier) === 0) return address;
      address = earlier;
      if (!isTrusted(address)) return address;
    }
    return address;
  };
}

/** Some proxies write 198.51.100.1:5123 or [2001:db8::9]:443. */
function withoutPort(entry: string): string {
  const [, inBrackets, ipv4] = /^(?:\[(.*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  return inBrackets ?? ipv4 ?? entry;
}
