import dns from "node:dns";
import { isIP } from "node:net";

/**
 * Loaded before a process's own program: every name is asked of NAME_SERVER, also those that Node would leave to the
 * system, which only its administrator can give another server.
 */
const server = process.env["NAME_SERVER"] ?? "";
dns.setServers([server]);
dns.promises.setServers([server]);

type Callback = (error: Error | null, address?: string | dns.LookupAddress[], family?: number) => void;

const { lookup: systemLookup } = dns;
const lookup = (name: string, options: dns.LookupOptions, callback: Callback): void => {
  if (isIP(name) !== 0) {
    systemLookup(name, options, callback);
    return;
  }
  dns.resolve4(name, (error, addresses) => {
    if (error !== null) callback(error);
    else if (options.all === true) {
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    } else callback(null, addresses[0], 4);
  });
};
Object.assign(dns, { lookup });
