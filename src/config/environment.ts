import { readFileSync } from "node:fs";
import { ConfigError, nearestHint } from "./config-error.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Every environment variable that Spendhook reads. Each also works as NAME_FILE. */
export const VARIABLES = [
  "PORT",
  "HOST",
  "CONFIG_FILE_PATH",
  "MASTER_KEY",
  "LITELLM_MASTER_KEY",
  "MONGODB_URL",
  "REDIS_URL",
  "WEBHOOK_URL",
  "WEBHOOK_SECRET",
  "WEBHOOK_ALLOW_PRIVATE",
  "WEBHOOK_ALLOW_CIDRS",
  "TRUSTED_PROXIES",
  "SECRETS_KEY",
  "DATA_DIR",
  "LOG_LEVEL",
  "SPENDHOOK_EMBEDDED",
] as const;

export type Variable = (typeof VARIABLES)[number];

/**
 * Reads one variable, from NAME or from the file that NAME_FILE names (Docker secrets; one trailing line
 * break is dropped). An empty value is the same as an absent one.
 */
export function readVariable(env: Environment, name: Variable): string | undefined {
  const direct = env[name];
  const file = env[`${name}_FILE`];
  if (direct && file) throw new ConfigError("environment", [`set ${name} or ${name}_FILE, not both`]);
  if (!file) return direct || undefined;
  try {
    return readFileSync(file, "utf8").replace(/\r?\n$/, "") || undefined;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "error";
    throw new ConfigError("environment", [`${name}_FILE names a file that cannot be read (${code})`]);
  }
}

const REFERENCE = /^os\.environ\/(.+)$/;

/** Replaces `os.environ/NAME` values anywhere in the file; a missing variable is a fault with its place. */
export function resolveReferences(value: unknown, env: Environment, path: string, faults: string[]): unknown {
  if (typeof value === "string") {
    const name = REFERENCE.exec(value)?.[1];
    if (name === undefined) return value;
    const found = env[name];
    if (found) return found;
    faults.push(
      `${path}: the environment variable ${name} is not set${nearestHintIfNear(name, Object.keys(env))}`,
    );
    return value;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => resolveReferences(item, env, `${path}[${index}]`, faults));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        resolveReferences(item, env, path ? `${path}.${key}` : key, faults),
      ]),
    );
  }
  return value;
}

function nearestHintIfNear(name: string, known: readonly string[]): string {
  const hint = nearestHint(name, known);
  return hint.startsWith(" (did") ? hint : "";
}
