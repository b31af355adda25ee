import { AppError } from "../errors.ts";
import type { EndpointDoc } from "../store/documents.ts";

/** How signing secrets are made, kept and read. */
export interface NewSecret {
  generate(): string;
  seal(secret: string): string;
  open(sealed: string): string;
}

/**
 * What the environment changes on the stored default endpoint; null when it agrees. A new URL enables an
 * endpoint that was switched off for its old one.
 */
export function reconcileDefault(
  stored: EndpointDoc,
  wanted: { readonly url: string; readonly secret: string | null },
  secrets: NewSecret,
): Partial<EndpointDoc> | null {
  const changes: Partial<EndpointDoc> = {};
  if (stored.url !== wanted.url) {
    Object.assign(changes, { url: wanted.url, state: "enabled", disabledReason: null, pausedUntil: null });
  }
  if (wanted.secret === null) {
    openStoredSecret(stored, secrets);
  } else if (!opensTo(stored, wanted.secret, secrets)) {
    changes.sealedSecret = secrets.seal(wanted.secret);
  }
  return Object.keys(changes).length === 0 ? null : changes;
}

/** The endpoint's signing secret. Throws when it was sealed with another SECRETS_KEY. */
export function openStoredSecret(endpoint: EndpointDoc, secrets: NewSecret): string {
  try {
    return secrets.open(endpoint.sealedSecret);
  } catch (cause) {
    throw new AppError(
      "internal",
      `The stored secret of endpoint '${endpoint._id}' cannot be opened: SECRETS_KEY (or the key file in DATA_DIR) is not the one it was sealed with`,
      { cause },
    );
  }
}

function opensTo(stored: EndpointDoc, secret: string, secrets: NewSecret): boolean {
  try {
    return secrets.open(stored.sealedSecret) === secret;
  } catch {
    // Sealed with another key: the environment's secret replaces it.
    return false;
  }
}
