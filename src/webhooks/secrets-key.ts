import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const KEY_BYTES = 32;

/**
 * The key that seals secrets at rest: SECRETS_KEY, else a file in DATA_DIR that only its owner can read,
 * made once. Machines that share a store must share the key, so they need SECRETS_KEY.
 */
export function loadSecretsKey(options: { secretsKey: string | null; dataDir: string }): Uint8Array {
  if (options.secretsKey !== null) return Buffer.from(options.secretsKey, "base64");
  const file = path.join(options.dataDir, "secrets.key");
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, randomBytes(KEY_BYTES).toString("base64"), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const key = Buffer.from(readFileSync(file, "utf8"), "base64");
  if (key.length !== KEY_BYTES) throw new Error(`${file} does not hold a key of ${KEY_BYTES} bytes`);
  return key;
}
