import type { Document } from "./bson-codec.ts";
import { encode } from "./bson-codec.ts";
import { checkOptions, integerOption, requireDatabaseName } from "./commands/command.ts";
import type { Command } from "./commands/command.ts";
import { findCommand } from "./commands/registry.ts";
import { hasWriteErrors } from "./commands/write-batch.ts";
import { Cursors } from "./cursors.ts";
import {
  RETRYABLE_WRITE,
  StoreError,
  TRANSIENT_TRANSACTION,
  diskFailure,
  errorReply,
  notImplemented,
} from "./errors.ts";
import type { Log, Request } from "./request.ts";
import type { Reading } from "./scan.ts";
import { noSuchTransaction, readSession, recordReply, recordedReply } from "./session.ts";
import type { Session } from "./session.ts";
import type { Storage } from "./storage.ts";
import { OpenTransaction } from "./transaction.ts";
import type { View, WriteView } from "./view.ts";
import { WaitingLine } from "./waiting-line.ts";

/**
 * Runs commands against the storage. Plain writes that arrive in one turn of the event loop share one
 * commit, and their replies leave after it. A transaction has the writer for itself: meanwhile others
 * read what is committed, and what they want to write waits in line.
 */
export class Engine {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #cursors = new Cursors();
  readonly #line: WaitingLine;
  #batch: { request: Request; reply: Uint8Array }[] | null = null;
  #open: OpenTransaction | null = null;

  constructor(storage: Storage, log: Log) {
    this.#storage = storage;
    this.#log = log;
    this.#line = new WaitingLine(log);
  }

  /** Runs a command now or as soon as it is its turn; always answers once. */
  submit(request: Request): void {
    try {
      this.#dispatch(request);
    } catch (error) {
      this.#answer(request, this.#failure(request, error));
    }
  }

  /** Forgets a client: its waiting commands, and its transaction when no other connection shares it. */
  disconnected(client: number): void {
    this.#line.removeClient(client);
    if (this.#open?.left(client) === true) this.#abort("its client is gone");
  }

  /** Runs housekeeping as a write of its own, unless a transaction is open. */
  maintain(work: (view: WriteView, reading: Reading) => void, now: number): void {
    this.#cursors.expire(now);
    if (this.#open !== null) return;
    this.#ensureBatch();
    const view = this.#storage.writer;
    try {
      this.#storage.attempt(() => work(view, { view, deadline: Number.POSITIVE_INFINITY }));
    } catch (error) {
      if (!view.sql.inTransaction) this.#failBatch(error);
      this.#log("store.maintenance_failed", { error: String(error) });
    }
  }

  close(): void {
    this.#flush();
    this.#line.clear();
    this.#open?.end();
    this.#open = null;
  }

  #dispatch(request: Request): void {
    const { name, body } = request;
    requireDatabaseName(request.database);
    if (name === "endSessions") return this.#answer(request, encode({ ok: 1 }));
    const ends = name === "commitTransaction" || name === "abortTransaction";
    const command = findCommand(name);
    if (command === undefined && !ends) throw notImplemented(`command ${name}`);
    checkOptions(name, body, command?.options ?? ["recoveryToken"]);
    const session = readSession(body);
    if (command === undefined) return this.#endTransaction(request, session);
    if (session?.transaction === true) return this.#runInTransaction(request, command, session);
    if (command.kind === "read") return this.#read(request, command);
    if (this.#open === null) return this.#write(request, command, session);
    this.#line.add(request, () => this.#write(request, command, session));
  }

  #read(request: Request, command: Command & { kind: "read" }): void {
    const view = this.#open === null ? this.#storage.writer : this.#storage.committed;
    this.#answer(request, encoded(command.run(this.#context(request, view, null))));
  }

  #write(request: Request, command: Command, session: Session | null): void {
    this.#ensureBatch();
    try {
      const reply = this.#storage.attempt(() => this.#runRecorded(request, command, session));
      this.#answer(request, reply);
    } catch (error) {
      if (!this.#storage.writer.sql.inTransaction) this.#failBatch(error);
      this.#answer(request, this.#failure(request, error));
    }
  }

  #runRecorded(request: Request, command: Command, session: Session | null): Uint8Array {
    const { sql } = this.#storage.writer;
    const known = session === null ? null : recordedReply(sql, session);
    if (known !== null) return known;
    const reply = this.#run(request, command, null);
    if (session !== null) recordReply(sql, session, reply);
    return reply;
  }

  #run(request: Request, command: Command, transaction: string | null): Uint8Array {
    const view = this.#storage.writer;
    const context = this.#context(request, view, transaction);
    return encoded(command.kind === "read" ? command.run(context) : command.run({ ...context, view }));
  }

  #runInTransaction(request: Request, command: Command, session: Session): void {
    if (!command.inTransaction) {
      throw new StoreError(
        "OperationNotSupportedInTransaction",
        `Cannot run '${request.name}' in a multi-document transaction.`,
      );
    }
    if (session.starts) return this.#start(request, command, session);
    if (this.#open?.session.key !== session.key) throw noSuchTransaction(session);
    this.#statement(request, command, this.#open);
  }

  #start(request: Request, command: Command, session: Session): void {
    // A session that starts another transaction has given up the one before.
    if (this.#open?.isOlderOf(session) === true) this.#abort("its session started another");
    if (this.#open !== null) {
      this.#line.addTransaction(request, session, () => this.#start(request, command, session));
      return;
    }
    this.#flush();
    const { sql } = this.#storage.writer;
    if (recordedReply(sql, session) !== null) {
      throw new StoreError("TransactionCommitted", `Transaction ${session.txnNumber} has been committed.`);
    }
    this.#storage.begin();
    this.#open = new OpenTransaction(session, () => this.#abort("it took too long"));
    this.#statement(request, command, this.#open);
  }

  #statement(request: Request, command: Command, transaction: OpenTransaction): void {
    transaction.usedBy(request.client);
    let reply: Uint8Array;
    let failed = false;
    try {
      const context = {
        ...this.#context(request, this.#storage.writer, transaction.session.key),
        view: this.#storage.writer,
      };
      const result = command.run(context);
      failed = !(result instanceof Uint8Array) && hasWriteErrors(result);
      reply = encoded(result);
    } catch (error) {
      reply = this.#failure(request, error);
      failed = true;
    }
    // Any error ends a transaction, as it does in MongoDB.
    if (failed) this.#abort(null);
    request.respond(reply);
  }

  #endTransaction(request: Request, session: Session | null): void {
    if (session === null) throw new StoreError("InvalidOptions", `${request.name} needs a transaction`);
    const transaction = this.#open?.session.key === session.key ? this.#open : null;
    if (request.name === "abortTransaction") {
      if (transaction === null && !this.#line.removeTransaction(session)) throw noSuchTransaction(session);
      if (transaction !== null) this.#abort(null);
      return this.#answer(request, encode({ ok: 1 }));
    }
    if (transaction === null) {
      // A commit may be sent again when its answer was lost.
      const known = recordedReply(this.#storage.committed.sql, session);
      if (known === null) throw noSuchTransaction(session);
      return request.respond(known);
    }
    const reply = encode({ ok: 1 });
    try {
      recordReply(this.#storage.writer.sql, session, reply);
      this.#storage.commit();
    } catch (error) {
      this.#abort("its commit failed");
      throw commitFailure(error, TRANSIENT_TRANSACTION);
    }
    this.#released(transaction);
    request.respond(reply);
    this.#line.advance(() => this.#open === null);
  }

  #abort(reason: string | null): void {
    const transaction = this.#open;
    if (transaction === null) return;
    if (reason !== null) this.#log("store.transaction_aborted", { reason });
    this.#storage.rollback();
    this.#released(transaction);
    this.#line.advance(() => this.#open === null);
  }

  #released(transaction: OpenTransaction): void {
    transaction.end();
    this.#cursors.endTransaction(transaction.session.key);
    this.#open = null;
  }

  #context(request: Request, view: View, transaction: string | null) {
    const { database, body } = request;
    const limit = integerOption(body, "maxTimeMS") || Number.POSITIVE_INFINITY;
    return {
      database,
      body,
      reading: { view, deadline: Date.now() + limit },
      cursors: this.#cursors,
      transaction,
    };
  }

  /** While a batch is open every answer waits for its commit, so that nobody sees what could be lost. */
  #answer(request: Request, reply: Uint8Array): void {
    if (this.#batch === null) request.respond(reply);
    else this.#batch.push({ request, reply });
  }

  #ensureBatch(): void {
    if (this.#batch !== null) return;
    this.#storage.begin();
    this.#batch = [];
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === null) return;
    try {
      this.#storage.commit();
    } catch (error) {
      return this.#failBatch(error);
    }
    this.#batch = null;
    for (const { request, reply } of batch) request.respond(reply);
  }

  /** Nothing of the batch is stored; the drivers may send it again, unless it is the disk that fails. */
  #failBatch(cause: unknown): void {
    const batch = this.#batch ?? [];
    this.#batch = null;
    this.#storage.rollback();
    this.#log("store.commit_failed", { error: String(cause) });
    const error = encode(errorReply(commitFailure(cause, RETRYABLE_WRITE)));
    for (const { request } of batch) {
      // What only looked is done again: a store that has no room must still answer what it knows.
      if (isRepeatable(request)) this.submit(request);
      else request.respond(error);
    }
  }

  #failure(request: Request, error: unknown): Uint8Array {
    if (!(error instanceof StoreError)) {
      this.#log("store.command_failed", {
        command: request.name,
        error: error instanceof Error ? error.stack : error,
      });
    }
    return encode(errorReply(error));
  }
}

/** `label`: what makes a driver try again, where that may help. */
function commitFailure(cause: unknown, label: string): StoreError {
  return (
    diskFailure(cause) ??
    new StoreError("InternalError", `the commit failed: ${String(cause)}`, { labels: [label] })
  );
}

/** Done twice, `getMore` would pass over what it has answered. */
function isRepeatable({ name }: Request): boolean {
  return name !== "getMore" && findCommand(name)?.kind === "read";
}

function encoded(reply: Document | Uint8Array): Uint8Array {
  return reply instanceof Uint8Array ? reply : encode(reply);
}
