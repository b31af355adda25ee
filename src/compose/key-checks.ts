import type { AppDeps } from "../app.ts";
import type { Config } from "../config/config.ts";
import { createClientAddress } from "../http/client-address.ts";
import { createKeyThrottle } from "../http/key-throttle.ts";
import { hashApiKey } from "../lib/secrets.ts";

/** People mistype a few times; programs with an old key ask more often. */
const WRONG_SIGN_INS = 5;
const WRONG_KEYS = 20;

/** Who is let in, and how often a client may try. */
export function openKeyChecks(
  config: Config,
): Pick<AppDeps, "masterKeyHash" | "clientAddress" | "signInThrottle" | "keyThrottle"> {
  const nowMs = (): number => performance.now();
  return {
    masterKeyHash: hashApiKey(config.masterKey),
    clientAddress: createClientAddress(config.trustedProxies),
    signInThrottle: createKeyThrottle({ mostWrong: WRONG_SIGN_INS, nowMs }),
    keyThrottle: createKeyThrottle({ mostWrong: WRONG_KEYS, nowMs }),
  };
}
