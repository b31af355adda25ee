import path from "node:path";
import { parseArgs } from "node:util";
import { endLeftMongod } from "./mongod.ts";
import { endLeftRedis } from "./redis-server.ts";

/** What `guard` becomes: `node end-left.ts redis|mongod DATA_DIR`, when the process that started the server is gone. */
const { positionals } = parseArgs({ allowPositionals: true });
const [server, dataDir] = positionals;
if (dataDir === undefined) throw new Error("usage: end-left.ts redis|mongod DATA_DIR");
await (server === "mongod" ? endLeftMongod : endLeftRedis)(path.resolve(dataDir));
