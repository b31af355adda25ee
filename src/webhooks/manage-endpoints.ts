import type { ClientSession } from "mongodb";
import { AppError } from "../errors.ts";
import type { NewId } from "../lib/ids.ts";
import type { Store } from "../store/connect.ts";
import type { EndpointDoc, SecretDoc } from "../store/webhook-documents.ts";
import { inTransaction } from "../store/in-transaction.ts";
import { writeAudit } from "../store/write-audit.ts";
import type { EndpointPatch, NewEndpoint, Rotation } from "./endpoint-fields.ts";
import { endpointAudit } from "./endpoint-json.ts";
import {
  liveSecrets,
  MOST_SECRETS,
  newestSecret,
  newSealedKeyPair,
  type SecretBox,
} from "./endpoint-keys.ts";
import { asNew, DEFAULT_ENDPOINT_ID, newEndpoint, secretId } from "./endpoint-store.ts";

export interface ManageDeps {
  readonly store: Store;
  readonly secrets: SecretBox;
  readonly newId: NewId;
  readonly now: () => Date;
  /** Why a URL cannot be an endpoint's; null when it can. */
  readonly checkUrl: (url: string) => Promise<string | null>;
  /** WEBHOOK_SECRET is set: the default endpoint's secret is not ours to change. */
  readonly defaultSecretIsGiven: boolean;
  /** Told after each change, so that every process sees it at once. */
  readonly changed: (endpointId: string) => void;
}

/** An endpoint, and its newest secret where that is shown once. */
export interface WithSecret {
  readonly endpoint: EndpointDoc;
  readonly secret: string;
}

/** Adds an endpoint. Throws invalid_endpoint for a URL that events may not go to. */
export async function createEndpoint(
  deps: ManageDeps,
  actor: string,
  body: NewEndpoint,
): Promise<WithSecret> {
  await requireGoodUrl(deps, body.url);
  const now = deps.now();
  const secret = body.secret ?? deps.secrets.generate();
  const id = deps.newId("ep");
  const made = newEndpoint({ id, url: body.url, secret: deps.secrets.seal(secret) }, now);
  const endpoint = { ...made, ...changesOf(deps, made, body) };
  await inTransaction(deps.store, async (session) => {
    await deps.store.collections.endpoints.insertOne(endpoint, { session });
    await record(deps, session, { actor, action: "endpoint.create", before: null, after: endpoint });
  });
  deps.changed(id);
  return { endpoint, secret };
}

/** Changes what is given; `null` clears. Throws invalid_endpoint for a URL that events may not go to. */
export async function patchEndpoint(
  deps: ManageDeps,
  actor: string,
  change: { readonly id: string; readonly body: EndpointPatch },
): Promise<EndpointDoc> {
  const { id, body } = change;
  const { url } = body;
  if (url !== undefined && id !== DEFAULT_ENDPOINT_ID) await requireGoodUrl(deps, url);
  return changeEndpoint(deps, actor, {
    id,
    action: "endpoint.update",
    of: (known) => {
      if (id === DEFAULT_ENDPOINT_ID && url !== undefined && url !== known.url) {
        const message = "The default endpoint's URL is what WEBHOOK_URL says";
        throw new AppError("invalid_endpoint", message, { param: "url" });
      }
      const isMoved = url !== undefined && url !== known.url;
      return { ...changesOf(deps, known, body), ...(isMoved && { url, ...asNew(known, deps.now()) }) };
    },
  });
}

function changesOf(deps: ManageDeps, known: EndpointDoc, body: EndpointPatch): Partial<EndpointDoc> {
  const keyPairMissing = body.signature === "v1+v1a" && known.sealedPrivateKey === null;
  return {
    ...(body.description !== undefined && { description: body.description }),
    ...(body.event_types !== undefined && { eventTypes: body.event_types }),
    ...(body.customers !== undefined && { customers: body.customers }),
    ...(body.headers !== undefined && sealedHeaders(deps, body.headers)),
    ...(body.timeout_ms !== undefined && { timeoutMs: body.timeout_ms }),
    ...(body.max_in_flight !== undefined && { maxInFlight: body.max_in_flight }),
    ...(body.rate_per_second !== undefined && { ratePerSecond: body.rate_per_second }),
    ...(body.signature !== undefined && { signature: body.signature }),
    ...(keyPairMissing && newSealedKeyPair(deps.secrets)),
    ...(body.coalesce !== undefined && {
      coalesce:
        body.coalesce === null
          ? null
          : { maxEvents: body.coalesce.max_events, maxSeconds: body.coalesce.max_seconds },
    }),
  };
}

function sealedHeaders(
  deps: ManageDeps,
  headers: Record<string, string> | null,
): Pick<EndpointDoc, "headerNames" | "sealedHeaders"> {
  const entries = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  if (entries.length === 0) return { headerNames: [], sealedHeaders: null };
  const byName = Object.fromEntries(entries);
  return { headerNames: Object.keys(byName), sealedHeaders: deps.secrets.seal(JSON.stringify(byName)) };
}

/** Keeps an endpoint's events until it is resumed. */
export function pauseEndpoint(deps: ManageDeps, actor: string, id: string): Promise<EndpointDoc> {
  return changeEndpoint(deps, actor, {
    id,
    action: "endpoint.pause",
    of: () => ({ state: "paused", disabledReason: null }),
  });
}

/** Sends what was kept, slowly at first. */
export function resumeEndpoint(deps: ManageDeps, actor: string, id: string): Promise<EndpointDoc> {
  const now = deps.now();
  return changeEndpoint(deps, actor, {
    id,
    action: "endpoint.resume",
    of: (endpoint) => ({ state: "enabled", disabledReason: null, ...asNew(endpoint, now) }),
  });
}

/** Its deliveries stay to be seen; nothing more is sent. */
export async function deleteEndpoint(deps: ManageDeps, actor: string, id: string): Promise<void> {
  if (id === DEFAULT_ENDPOINT_ID) {
    throw new AppError(
      "invalid_endpoint",
      "The default endpoint is there as long as WEBHOOK_URL is set; unset it, or pause the endpoint",
    );
  }
  await changeEndpoint(deps, actor, { id, action: "endpoint.delete", of: () => ({ deletedAt: deps.now() }) });
}

const DEFAULT_OVERLAP_S = 24 * 3600;

/** A new secret signs from now on, and the ones before beside it until their overlap ends. */
export async function rotateSecret(
  deps: ManageDeps,
  actor: string,
  change: { readonly id: string; readonly body: Rotation },
): Promise<WithSecret> {
  const { id, body } = change;
  refuseGivenSecret(deps, id);
  const secret = body.secret ?? deps.secrets.generate();
  const now = deps.now();
  const until = new Date(now.getTime() + (body.overlap_seconds ?? DEFAULT_OVERLAP_S) * 1000);
  const added: SecretDoc = {
    id: secretId(now),
    sealed: deps.secrets.seal(secret),
    createdAt: now,
    expiresAt: null,
  };
  const endpoint = await changeEndpoint(deps, actor, {
    id,
    action: "endpoint.rotate",
    of: (known) => {
      const before = liveSecrets(known.secrets, now)
        .map((one) => ({ ...one, expiresAt: earlier(one.expiresAt, until) }))
        .filter(({ expiresAt }) => expiresAt > now);
      if (before.length >= MOST_SECRETS) {
        throw new AppError(
          "invalid_endpoint",
          `The endpoint has ${before.length} secrets that still sign; revoke the old ones first`,
        );
      }
      return { secrets: [added, ...before] };
    },
  });
  return { endpoint, secret };
}

/** Only the newest secret signs from now on. */
export function revokeSecrets(deps: ManageDeps, actor: string, id: string): Promise<EndpointDoc> {
  return changeEndpoint(deps, actor, {
    id,
    action: "endpoint.revoke",
    of: ({ secrets }) => ({ secrets: secrets.slice(0, 1) }),
  });
}

/** The newest secret as text; that it was looked at is written down. */
export async function revealSecret(deps: ManageDeps, actor: string, id: string): Promise<string> {
  return inTransaction(deps.store, async (session) => {
    const endpoint = await requireEndpoint(deps, session, id);
    await record(deps, session, { actor, action: "endpoint.reveal_secret", before: null, after: endpoint });
    return newestSecret(endpoint, deps.secrets);
  });
}

function refuseGivenSecret(deps: ManageDeps, id: string): void {
  if (id !== DEFAULT_ENDPOINT_ID || !deps.defaultSecretIsGiven) return;
  throw new AppError("invalid_endpoint", "The default endpoint's secret is what WEBHOOK_SECRET says");
}

function earlier(one: Date | null, other: Date): Date {
  return one !== null && one < other ? one : other;
}

async function requireGoodUrl(deps: ManageDeps, url: string): Promise<void> {
  const refused = await deps.checkUrl(url);
  if (refused !== null) throw new AppError("invalid_endpoint", `The URL ${refused}`, { param: "url" });
}

async function requireEndpoint(deps: ManageDeps, session: ClientSession, id: string): Promise<EndpointDoc> {
  const known = await deps.store.collections.endpoints.findOne({ _id: id, deletedAt: null }, { session });
  if (known === null) throw new AppError("endpoint_not_found", `There is no webhook endpoint '${id}'`);
  return known;
}

async function changeEndpoint(
  deps: ManageDeps,
  actor: string,
  change: {
    readonly id: string;
    readonly action: string;
    readonly of: (known: EndpointDoc) => Partial<EndpointDoc>;
  },
): Promise<EndpointDoc> {
  const endpoint = await inTransaction(deps.store, async (session) => {
    const before = await requireEndpoint(deps, session, change.id);
    const changes = { ...change.of(before), updatedAt: deps.now() };
    await deps.store.collections.endpoints.updateOne({ _id: change.id }, { $set: changes }, { session });
    const after = { ...before, ...changes };
    await record(deps, session, { actor, action: change.action, before, after });
    return after;
  });
  deps.changed(change.id);
  return endpoint;
}

async function record(
  { store, newId, now }: ManageDeps,
  session: ClientSession,
  entry: { actor: string; action: string; before: EndpointDoc | null; after: EndpointDoc },
): Promise<void> {
  const { actor, action, before, after } = entry;
  await writeAudit(
    store.collections.audit,
    {
      id: newId("aud"),
      at: now(),
      actor,
      action,
      targetId: after._id,
      before: before && endpointAudit(before),
      after: endpointAudit(after),
    },
    session,
  );
}
