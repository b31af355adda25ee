import { type CustomerTerms, customerUnknown } from "../customers/customer-terms.ts";
import { AppError } from "../errors.ts";
import { type AdmitDeps, type AdmittedCall, admitCall } from "./admit-call.ts";
import { type ChatRequest, withMembers } from "./chat-request.ts";
import { chooseDeployment } from "./choose-deployment.ts";
import { type Headers, headerText, pickCustomerId } from "./customer-id.ts";
import type { ModelCatalog } from "./model-catalog.ts";
import { unavailable } from "./refusals.ts";

export interface PrepareDeps extends AdmitDeps {
  readonly catalog: ModelCatalog;
  /** Null: the store does not answer, and nothing is known from before. */
  readonly termsOf: (customerId: string) => Promise<CustomerTerms | null>;
  /** Throws ledger_unavailable while no charge could be recorded, wherever. */
  readonly requireRecordable: () => Promise<void>;
  /** False while charges go to the spool, and until the store has been prepared. */
  readonly isStoreUp: () => boolean;
  readonly customerIds: CustomerIdPolicy;
  readonly failClosedWithoutStore: boolean;
  /** Customers whose limits nobody can tell are served without any, by the operator's own choice. */
  readonly serveUnknownWithoutStore: boolean;
}

/** How the customer's id is found, and whether there must be one. */
export interface CustomerIdPolicy {
  readonly headers: readonly string[];
  readonly forwardedHeader: string | null;
  readonly required: boolean;
  readonly knownOnly: boolean;
}

/** A request as it came in, its caller authenticated. */
export interface IncomingChat {
  readonly requestId: string;
  readonly keyHash: string;
  readonly headers: Headers;
  readonly request: ChatRequest;
}

export interface PreparedCall extends AdmittedCall {
  /** Null: nobody pays, or nobody can tell. */
  readonly terms: CustomerTerms | null;
}

/**
 * Everything that may refuse a call before the upstream is touched, in LiteLLM's order: who pays, blocked,
 * models, region, pace, budget. What it admits is held: complete it, or release it.
 */
export async function prepareCall(deps: PrepareDeps, incoming: IncomingChat): Promise<PreparedCall> {
  const { customerId, terms } = await findCustomer(deps, incoming);
  if (customerId !== null) await deps.requireRecordable();
  const { requestId, keyHash } = incoming;
  const customer = customerId === null || terms === null ? null : { id: customerId, terms };
  const { model, deployment } = chooseDeployment(deps.catalog, incoming.request, customer);
  const request = withForwardedUser(incoming, deps.customerIds);
  const call = { requestId, keyHash, customerId, request, model, deployment };
  return { ...(await admitCall(deps, call, terms)), terms };
}

async function findCustomer(
  deps: PrepareDeps,
  { headers, request }: IncomingChat,
): Promise<{ customerId: string | null; terms: CustomerTerms | null }> {
  const { customerIds } = deps;
  if (customerIds.required && (request.user === null || request.user === "")) {
    throw new AppError("customer_required", "'user' param not passed in. 'enforce_user_param'=True", {
      param: "user",
    });
  }
  const customerId = pickCustomerId(headers, request, customerIds);
  if (customerId === null) return { customerId, terms: null };
  const terms = await deps.termsOf(customerId);
  if (terms === null) {
    if (deps.failClosedWithoutStore) throw unavailable("the store that knows them does not answer");
    if (!deps.serveUnknownWithoutStore) throw customerUnknown();
    return { customerId, terms };
  }
  if (customerIds.knownOnly && !isKept(customerId, terms)) return { customerId: null, terms: null };
  if (deps.failClosedWithoutStore && terms.budget?.maxNano != null && !deps.isStoreUp()) {
    throw unavailable("the store that records its spend does not answer");
  }
  return { customerId, terms };
}

/** Ids of nobody are kept when a default budget covers them; JSON blobs never are. */
function isKept(customerId: string, terms: CustomerTerms): boolean {
  if (terms.exists) return true;
  return terms.budget !== null && !/^\s*[[{]/.test(customerId);
}

/** LiteLLM's `user_header_name` also names the user to the upstream. */
function withForwardedUser(
  { headers, request }: IncomingChat,
  { forwardedHeader }: CustomerIdPolicy,
): ChatRequest {
  const value = forwardedHeader === null ? null : headerText(headers[forwardedHeader]);
  if (value === null || value.trim() === "") return request;
  return withMembers(request, [["user", JSON.stringify(value)]]);
}
