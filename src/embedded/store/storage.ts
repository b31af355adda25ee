import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DataLostError, hasContent, leaveMark, requireContent, syncFolder } from "../in-use.ts";
import { SCHEMA, loadCatalog } from "./catalog.ts";
import type { Catalog } from "./catalog.ts";
import { Sql } from "./sql.ts";
import { WriteView } from "./view.ts";
import type { View } from "./view.ts";

/**
 * The files of one store: a connection that writes and one that reads what is committed while a
 * transaction holds the first. A commit is on disk when it returns.
 */
export class Storage {
  readonly writer: WriteView;
  readonly #reader: Sql;
  readonly #lock: Sql;
  /** There while a log belongs to the file; its folder and whatever a kill leaves keep it. */
  readonly #openMark: string;
  #isMarked = false;
  #committed: Catalog;

  /**
   * Throws if another server has the directory, and DataLostError when its data is missing or damaged: once `inUse`
   * exists, which is made with the first start, and with `existing` in any case.
   */
  constructor(directory: string, { inUse = join(directory, "in-use"), existing = false } = {}) {
    const path = join(directory, "store.db");
    const isUsed = existing || existsSync(inUse);
    // Before anything is opened: SQLite removes what belongs to a file that is gone.
    if (isUsed || hasContent(`${path}-wal`)) requireContent(path);
    this.#openMark = join(directory, "store.open");
    mkdirSync(directory, { recursive: true });
    this.#lock = lockDirectory(directory);
    try {
      // With the lock: another one that is closing just now removes both.
      if (existsSync(this.#openMark)) {
        const or = `remove ${this.#openMark} to go on without what was committed last before the store was killed`;
        requireContent(`${path}-wal`, or);
      }
      const sql = openFile(path, isUsed);
      this.#reader = new Sql(path);
      this.#reader.exec("PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA mmap_size = 1073741824");
      this.#committed = loadCatalog(sql);
      this.writer = new WriteView(sql, this.#committed);
      syncFolder(directory);
      this.#isMarked = existsSync(this.#openMark);
      leaveMark(inUse);
    } catch (error) {
      this.#lock.close();
      throw error;
    }
  }

  /** What is committed, whatever the writer is in the middle of. */
  get committed(): View {
    return { sql: this.#reader, catalog: this.#committed };
  }

  begin(): void {
    this.writer.sql.run("BEGIN IMMEDIATE");
  }

  commit(): void {
    this.writer.sql.run("COMMIT");
    this.#committed = this.writer.catalog;
    if (!this.#isMarked) this.#markOpen();
  }

  /** From the first commit on that writes. Where there is no room for the mark the next commit tries again. */
  #markOpen(): void {
    try {
      if (!hasContent(join(dirname(this.#openMark), "store.db-wal"))) return;
      leaveMark(this.#openMark);
      this.#isMarked = true;
    } catch {
      // What is committed is committed.
    }
  }

  rollback(): void {
    if (this.writer.sql.inTransaction) this.writer.sql.run("ROLLBACK");
    this.writer.catalog = this.#committed;
  }

  /** Runs a part of the transaction that is undone alone if it throws. */
  attempt<T>(part: () => T): T {
    const { sql, catalog } = this.writer;
    sql.run("SAVEPOINT attempt");
    try {
      const result = part();
      sql.run("RELEASE attempt");
      return result;
    } catch (error) {
      this.writer.catalog = catalog;
      // Without a transaction SQLite has rolled back all of it, and there is no savepoint to return to.
      if (sql.inTransaction) sql.exec("ROLLBACK TO attempt; RELEASE attempt");
      throw error;
    }
  }

  close(): void {
    this.rollback();
    // First: what closes last takes the log into the file and removes it.
    rmSync(this.#openMark, { force: true });
    syncFolder(dirname(this.#openMark));
    this.#reader.close();
    this.writer.sql.close();
    this.#lock.close();
  }
}

/** NOTADB, CORRUPT. */
const DAMAGED: ReadonlySet<unknown> = new Set([26, 11]);

function openFile(path: string, isUsed: boolean): Sql {
  const sql = new Sql(path);
  try {
    sql.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
    sql.exec("PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864");
    const known = sql.get("SELECT 1 FROM sqlite_master WHERE name = 'collections'");
    if (isUsed && known === undefined) throw new DataLostError(`${path} has no data`);
    sql.exec(SCHEMA);
    return sql;
  } catch (error) {
    sql.close();
    if (error instanceof Error && "errcode" in error && DAMAGED.has(error.errcode)) {
      throw new DataLostError(`${path} is damaged (${error.message})`);
    }
    throw error;
  }
}

/** Held until it is closed or the process ends, however it ends: the kernel releases it. Throws when another has it. */
export function lockDirectory(directory: string): Sql {
  const lock = new Sql(join(directory, "lock.db"));
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    throw new Error(`another store is running on ${directory}`, { cause: error });
  }
  return lock;
}
