import type { DefaultState, ParameterizedContext } from "koa";
import type { NewId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { GrowBody } from "./read-body.ts";
import type { Session } from "../sessions/sessions.ts";

/** What a request gathers on its way, for its one log line. */
export interface RequestState extends DefaultState {
  requestId: string;
  /** SHA-256 of the caller's API key, once it is known to be valid. */
  keyHash: string;
  /** The dashboard that asks; absent for a request with the key itself. */
  session?: Session;
  /** Makes room for a call's body of so many bytes; set where calls are bounded. */
  growBody?: GrowBody;
  /** Fields that handlers add to the request's log line. */
  logFields: Record<string, unknown>;
}

export type AppContext = ParameterizedContext<RequestState>;

export interface HttpDeps {
  readonly log: Log;
  readonly newId: NewId;
  /** SHA-256 of the operator's key, lower-case hex. */
  readonly masterKeyHash: string;
  readonly maxBodyBytes: number;
  /** True for failures that say that the store is away, or does not answer in time. */
  readonly isStoreUnavailable: (error: unknown) => boolean;
  /** The store reads, and has no room for what is to be written. */
  readonly isStoreFull: (error: unknown) => boolean;
  /** True once the process has been told to stop. */
  readonly isDraining: () => boolean;
}
