import type { AppDeps } from "../app.ts";
import { AppError } from "../errors.ts";
import type { EndpointDoc } from "../store/webhook-documents.ts";
import { USER_AGENT } from "../version.ts";
import { checkUrl } from "../webhooks/check-url.ts";
import { endpointJson } from "../webhooks/endpoint-json.ts";
import { endpointHistory, endpointStats } from "../webhooks/endpoint-stats.ts";
import { listDeliveries, showDelivery } from "../webhooks/list-deliveries.ts";
import {
  createEndpoint,
  deleteEndpoint,
  type ManageDeps,
  patchEndpoint,
  pauseEndpoint,
  resumeEndpoint,
  revealSecret,
  revokeSecrets,
  rotateSecret,
} from "../webhooks/manage-endpoints.ts";
import { createPoster } from "../webhooks/post-event.ts";
import { pullCustomerEvents, pullEvents } from "../webhooks/pull-events.ts";
import { resendDelivery } from "../webhooks/resend-delivery.ts";
import { replayJson, startReplay } from "../webhooks/run-replays.ts";
import { sendTest } from "../webhooks/send-test.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Parts } from "./parts.ts";

export interface WebhookWiring extends Endpoints {
  /** Tells every process that an endpoint has changed. */
  readonly tell: (endpointId: string) => void;
  /** Wakes workers for an endpoint; must not throw. */
  readonly wake: (endpointId: string) => void;
}

/** What operators do with endpoints and deliveries. */
export function openWebhooks(
  parts: Parts,
  wiring: WebhookWiring,
): Pick<AppDeps, "webhookEndpoints" | "webhookDeliveries" | "listPublicKeys"> {
  return {
    webhookEndpoints: openEndpointAdmin(parts, wiring),
    webhookDeliveries: openDeliveryAdmin(parts, wiring),
    listPublicKeys: async () =>
      (await wiring.endpoints.list()).flatMap(({ _id, signature, publicKey }) =>
        signature === "v1+v1a" && publicKey !== null ? [{ endpointId: _id, publicKey }] : [],
      ),
  };
}

function openEndpointAdmin(
  { config, store, newId, closer }: Parts,
  { endpoints, secrets, addresses, tell, wake }: WebhookWiring,
): AppDeps["webhookEndpoints"] {
  const now = (): Date => new Date();
  const poster = createPoster(addresses);
  closer.add("test receivers", () => poster.close());
  const deps: ManageDeps = {
    store,
    secrets,
    newId,
    now,
    checkUrl: (url) => checkUrl(url, addresses),
    defaultSecretIsGiven: config.webhookSecret !== null,
    changed: (id) => {
      tell(id);
      wake(id);
    },
  };
  const showAll = async (docs: readonly EndpointDoc[]): Promise<object[]> => {
    const stats = await endpointStats(store, docs, now());
    return docs.flatMap((doc, index) => {
      const own = stats[index];
      return own === undefined ? [] : [endpointJson(doc, own, now())];
    });
  };
  const require = async (id: string): Promise<EndpointDoc> => {
    const endpoint = await endpoints.find(id);
    if (endpoint === null) throw new AppError("endpoint_not_found", `There is no webhook endpoint '${id}'`);
    return endpoint;
  };
  const show = async (doc: EndpointDoc): Promise<object> => (await showAll([doc]))[0] ?? {};
  const testing = { endpoints, secrets, post: poster.post, userAgent: USER_AGENT, newId, now };
  return {
    list: async () => showAll(await endpoints.list()),
    find: async (id) => show(await require(id)),
    show,
    create: (actor, body) => createEndpoint(deps, actor, body),
    patch: (actor, change) => patchEndpoint(deps, actor, change),
    delete: (actor, id) => deleteEndpoint(deps, actor, id),
    pause: (actor, id) => pauseEndpoint(deps, actor, id),
    resume: (actor, id) => resumeEndpoint(deps, actor, id),
    rotate: (actor, change) => rotateSecret(deps, actor, change),
    revoke: (actor, id) => revokeSecrets(deps, actor, id),
    reveal: (actor, id) => revealSecret(deps, actor, id),
    test: (id, type) => sendTest(testing, id, type),
    history: async (id, hours) => {
      await require(id);
      return endpointHistory(store, id, { hours, now: now() });
    },
  };
}

function openDeliveryAdmin({ store, newId }: Parts, { wake }: WebhookWiring): AppDeps["webhookDeliveries"] {
  const now = (): Date => new Date();
  return {
    list: (query) => listDeliveries(store, query),
    show: (id) => showDelivery(store, id),
    resend: async (id) => {
      const { endpointId } = await resendDelivery(store, id, now());
      wake(endpointId);
      return showDelivery(store, id);
    },
    startReplay: async (actor, request) =>
      replayJson(await startReplay({ store, newId, now }, actor, request)),
    showReplay: async (id) => {
      const replay = await store.collections.replays.findOne({ _id: id });
      if (replay === null) throw new AppError("replay_not_found", `There is no replay '${id}'`);
      return replayJson(replay);
    },
    pull: (query) => pullEvents(store, query, now()),
    pullCustomer: (query) => pullCustomerEvents(store, query),
  };
}
