import { AppError } from "../errors.ts";
import type { EndpointDoc, SecretDoc } from "../store/webhook-documents.ts";
import { newKeyPair, type SigningKeys } from "./sign.ts";

/** How secrets are made, and sealed for the store. `open` throws for what was sealed with another key. */
export interface SecretBox {
  generate(): string;
  seal(plain: string): string;
  open(sealed: string): string;
}

/** The most secrets that may sign at once. */
export const MOST_SECRETS = 5;

/** The secrets that sign at this instant, newest first. */
export function liveSecrets(secrets: readonly SecretDoc[], now: Date): SecretDoc[] {
  return secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);
}

/** What an attempt is signed with now. Throws AppError internal when the secrets key has changed. */
export function signingKeysOf(endpoint: EndpointDoc, box: SecretBox, now: Date): SigningKeys {
  const { sealedPrivateKey, signature } = endpoint;
  return {
    secrets: liveSecrets(endpoint.secrets, now).map(({ sealed }) => openOf(endpoint, sealed, box)),
    privateKey:
      signature === "v1+v1a" && sealedPrivateKey !== null ? openOf(endpoint, sealedPrivateKey, box) : null,
  };
}

/** The endpoint's newest secret as text. */
export function newestSecret(endpoint: EndpointDoc, box: SecretBox): string {
  const [newest] = endpoint.secrets;
  if (newest === undefined) throw new AppError("internal", `The endpoint '${endpoint._id}' has no secret`);
  return openOf(endpoint, newest.sealed, box);
}

/** The endpoint's custom headers. */
export function customHeaders(endpoint: EndpointDoc, box: SecretBox): Record<string, string> {
  if (endpoint.sealedHeaders === null) return {};
  return JSON.parse(openOf(endpoint, endpoint.sealedHeaders, box)) as Record<string, string>;
}

/** The fields of an endpoint that asks for asymmetric signatures and has no key pair yet. */
export function newSealedKeyPair(box: SecretBox): Pick<EndpointDoc, "sealedPrivateKey" | "publicKey"> {
  const { privateKey, publicKey } = newKeyPair();
  return { sealedPrivateKey: box.seal(privateKey), publicKey };
}

function openOf(endpoint: EndpointDoc, sealed: string, box: SecretBox): string {
  try {
    return box.open(sealed);
  } catch (cause) {
    throw new AppError(
      "internal",
      `The stored secrets of endpoint '${endpoint._id}' cannot be opened: SECRETS_KEY (or the key file in DATA_DIR) is not the one they were sealed with`,
      { cause },
    );
  }
}
