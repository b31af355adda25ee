import { AGGREGATE } from "./aggregate-command.ts";
import { BULK_WRITE } from "./bulk-write.ts";
import {
  CREATE,
  CREATE_INDEXES,
  DROP,
  DROP_DATABASE,
  DROP_INDEXES,
  LIST_COLLECTIONS,
  LIST_DATABASES,
  LIST_INDEXES,
} from "./catalog-commands.ts";
import type { Command } from "./command.ts";
import { FIND_AND_MODIFY } from "./find-and-modify.ts";
import { COUNT, DISTINCT, FIND, GET_MORE, KILL_CURSORS } from "./read-commands.ts";
import { DELETE, INSERT, UPDATE } from "./write-commands.ts";

const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    bulkWrite: BULK_WRITE,
    insert: INSERT,
    update: UPDATE,
    delete: DELETE,
    findAndModify: FIND_AND_MODIFY,
    find: FIND,
    getMore: GET_MORE,
    killCursors: KILL_CURSORS,
    aggregate: AGGREGATE,
    count: COUNT,
    distinct: DISTINCT,
    createIndexes: CREATE_INDEXES,
    listIndexes: LIST_INDEXES,
    dropIndexes: DROP_INDEXES,
    create: CREATE,
    drop: DROP,
    dropDatabase: DROP_DATABASE,
    listCollections: LIST_COLLECTIONS,
    listDatabases: LIST_DATABASES,
  }),
);

/** The commands that read or write data. */
export function findCommand(name: string): Command | undefined {
  return COMMANDS.get(name);
}
