import { type LookupAddress, lookup as dnsLookup } from "node:dns";
import { promisify } from "node:util";
import ipaddr from "ipaddr.js";
import { withDeadline } from "../lib/deadline.ts";
import { type AddressPolicy, refuseAddresses, refuseUrl, schemeOf } from "./address-policy.ts";

/** All addresses of a name; rejects when it has none. */
export type ResolveName = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveAll: ResolveName = (hostname) => promisify(dnsLookup)(hostname, { all: true });
const LOOKUP_MS = 3000;
const UNRESOLVED = "names a host that cannot be resolved";

/**
 * Why a URL cannot be an endpoint's, as text for its owner; null when it can. The rule is that of each
 * attempt, names included: what would be refused when it is dialled is refused when it is saved.
 */
export async function checkUrl(
  text: string,
  policy: AddressPolicy,
  resolve: ResolveName = resolveAll,
): Promise<string | null> {
  const refused = refuseUrl(text, policy);
  if (refused !== null) return refused;
  const url = new URL(text);
  const scheme = schemeOf(url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (scheme === null || ipaddr.isValid(host)) return null;
  try {
    const addresses = await withDeadline(resolve(host), LOOKUP_MS);
    if (addresses.length === 0) return UNRESOLVED;
    return refuseAddresses(
      addresses.map(({ address }) => address),
      policy,
      scheme,
    );
  } catch {
    return UNRESOLVED;
  }
}
