import type { Config } from "../config/config.ts";
import { repeat } from "../lib/repeat.ts";
import { newSigningSecret, openSecret, sealSecret } from "../lib/secrets.ts";
import type { AddressPolicy } from "../webhooks/address-policy.ts";
import type { SecretBox } from "../webhooks/endpoint-keys.ts";
import { createEndpointRouter, type EndpointRouter, ROUTER_REFRESH_MS } from "../webhooks/endpoint-router.ts";
import { createEndpointStore, DEFAULT_ENDPOINT_ID, type EndpointStore } from "../webhooks/endpoint-store.ts";
import { loadSecretsKey } from "../webhooks/secrets-key.ts";
import type { Parts } from "./parts.ts";

/** Where events go, and what that takes. */
export interface Endpoints {
  readonly endpoints: EndpointStore;
  readonly secrets: SecretBox;
  readonly addresses: AddressPolicy;
}

export function openEndpoints({ config, store }: Parts): Endpoints {
  const key = loadSecretsKey(config);
  const secrets: SecretBox = {
    generate: newSigningSecret,
    seal: (secret) => sealSecret(secret, key),
    open: rememberOpened((sealed) => openSecret(sealed, key)),
  };
  return {
    endpoints: createEndpointStore(store, secrets),
    secrets,
    addresses: { allowPrivate: config.webhookAllowPrivate, allowCidrs: config.webhookAllowCidrs },
  };
}

const MOST_REMEMBERED = 1000;

/** Opening a secret costs more than signing with it. */
function rememberOpened(open: (sealed: string) => string): (sealed: string) => string {
  const opened = new Map<string, string>();
  return (sealed) => {
    const known = opened.get(sealed);
    if (known !== undefined) return known;
    const plain = open(sealed);
    if (opened.size >= MOST_REMEMBERED) opened.clear();
    opened.set(sealed, plain);
    return plain;
  };
}

/** Knows who wants which events; reads the endpoints again every two seconds, or when told to. */
export function openRouter({ config, closer, log }: Parts, endpoints: EndpointStore): EndpointRouter {
  const router = createEndpointRouter({
    list: async () =>
      (await endpoints.list()).filter(({ _id }) => _id !== DEFAULT_ENDPOINT_ID || hasDefault(config)),
    log,
  });
  closer.add("endpoints", repeat({ name: "endpoints", intervalMs: ROUTER_REFRESH_MS, log }, router.refresh));
  return router;
}

/** The default endpoint gets events as long as the environment and the configuration say so. */
export function hasDefault(config: Config): boolean {
  return config.webhookAlerting && config.webhookUrl !== null;
}
