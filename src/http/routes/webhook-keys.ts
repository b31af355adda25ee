import type { AppContext } from "../context.ts";

/** An endpoint's public key. */
export interface PublicKey {
  readonly endpointId: string;
  /** `whpk_` and base64 of 32 bytes. */
  readonly publicKey: string;
}

const PREFIX = /^whpk_/;

/** GET /.well-known/spendhook/webhook-keys.json, open to all: what `v1a` signatures are verified with. */
export function webhookKeys(list: () => Promise<readonly PublicKey[]>) {
  return async (ctx: AppContext): Promise<void> => {
    ctx.set("cache-control", "public, max-age=300");
    ctx.body = {
      keys: (await list()).map(({ endpointId, publicKey }) => ({
        endpoint_id: endpointId,
        algorithm: "ed25519",
        public_key: publicKey,
        jwk: {
          kty: "OKP",
          crv: "Ed25519",
          use: "sig",
          kid: endpointId,
          x: Buffer.from(publicKey.replace(PREFIX, ""), "base64").toString("base64url"),
        },
      })),
    };
  };
}
