import type { Charge, ChargeReceipt } from "../spend/charge.ts";
import type { CallFacts, ChatClient } from "./chat-client.ts";
import { type Answer, type CompleteChatDeps, completeChat } from "./complete-chat.ts";
import type { IncomingChat, PreparedCall } from "./prepare-call.ts";

export interface ServeChatDeps extends CompleteChatDeps {
  /** Asks whether the call may be made, and holds what it may cost. */
  readonly prepareCall: (incoming: IncomingChat) => Promise<PreparedCall>;
  /** Ends what is held for a call; does nothing when nothing is held. */
  readonly release: (requestId: string) => void;
}

/**
 * One chat call from its request to its end: asks its customer's limits, asks the upstream, charges, and for a
 * stream relays. The hold that admission made belongs to this function: whatever happens in between, it is handed
 * to the ledger with the charge, or released. Throws AppError for a call that was refused or failed before its
 * first byte.
 */
export async function serveChat(
  deps: ServeChatDeps,
  incoming: IncomingChat,
  client: ChatClient,
): Promise<Answer> {
  const { requestId } = incoming;
  let recorded = false;
  const commit = async (charge: Charge): Promise<ChargeReceipt> => {
    const receipt = await deps.commit(charge);
    recorded = true;
    return receipt;
  };
  try {
    const prepared = await deps.prepareCall(incoming);
    client.admitted(factsOf(prepared, deps.now()));
    return await completeChat({ ...deps, commit }, prepared.call, client);
  } finally {
    // A recorded charge keeps its hold until the store's number has it: the ledger ends it.
    if (!recorded) deps.release(requestId);
  }
}

function factsOf({ call, terms, cappedTokens, remainingNano }: PreparedCall, now: Date): CallFacts {
  const budget = terms?.budget ?? null;
  return {
    customerId: call.customerId,
    model: call.model,
    deploymentId: call.deployment.id,
    stream: call.request.stream,
    cappedTokens,
    maxNano: budget?.maxNano ?? null,
    remainingNano,
    resetAt: budget?.periodOf(now)?.end ?? null,
    region: terms?.region ?? null,
  };
}
