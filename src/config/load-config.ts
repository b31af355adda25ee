import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { budgetConfig, customerIdConfig } from "./budget-settings.ts";
import type { BudgetConfig, Config } from "./config.ts";
import { ConfigError, nearestHint } from "./config-error.ts";
import { type Environment, resolveReferences, VARIABLES } from "./environment.ts";
import { type ConfigFile, fileSchema, knownKeysAt } from "./file-schema.ts";
import { loadConfigOf, memoryBytes } from "./load-settings.ts";
import { resolveDeployments } from "./resolve-deployments.ts";
import { readSettings } from "./settings.ts";
import { webhookConfig } from "./webhook-settings.ts";

export interface LoadOptions {
  readonly env: Environment;
  readonly cwd: string;
  /** From `--config`; wins over CONFIG_FILE_PATH. */
  readonly configPath?: string;
  /** What this process may use; found out unless given. */
  readonly memoryBytes?: number;
}

const DEFAULT_MASTER_KEY = "sk-1234";
const DEFAULT_BODY_MB = 20;

/**
 * Reads environment and config.yaml into one frozen Config. Throws ConfigError with every fault of the
 * file at once. Without a named file, a missing ./config.yaml is an empty configuration.
 */
export function loadConfig(options: LoadOptions): Config {
  const settings = readSettings(options.env);
  const { configPath, exists, file } = findConfigFile(options, settings.configFilePath);
  // Values of `environment_variables` act as if they had been exported, as in LiteLLM.
  const env = { ...file.environment_variables, ...options.env };
  const masterKey = settings.masterKey ?? file.general_settings?.master_key;
  if (masterKey === undefined && !settings.embedded) {
    throw new ConfigError("configuration", [
      "set MASTER_KEY: with an external store there is no default key",
    ]);
  }
  const maxBodyBytes = Math.floor(
    (file.general_settings?.max_request_size_mb ?? DEFAULT_BODY_MB) * 1024 * 1024,
  );
  return Object.freeze({
    ...settings.values,
    configPath: exists ? configPath : null,
    dataDir: path.resolve(options.cwd, settings.values.dataDir),
    masterKey: masterKey ?? DEFAULT_MASTER_KEY,
    masterKeyIsDefault: masterKey === undefined,
    embedded: settings.embedded,
    webhookAlerting: file.general_settings?.alerting?.includes("webhook") ?? false,
    maxBodyBytes,
    load: loadConfigOf(file, { maxBodyBytes, memoryBytes: options.memoryBytes ?? memoryBytes() }),
    deployments: resolveDeployments(file, env),
    budgets: budgetConfig(file),
    customerIds: customerIdConfig(file),
    webhooks: webhookConfig(file),
  });
}

export interface BudgetSetup {
  readonly budgets: BudgetConfig;
  /** Null: not known. */
  readonly modelNames: readonly string[] | null;
  /** Why the file could not be read, and defaults are used. */
  readonly fault: string | null;
}

/**
 * What the configuration says of budgets and models, for tools beside the service: these run where its keys
 * may not be set. Throws ConfigError only for a file that was named by `configPath`.
 */
export function loadBudgetSetup(options: LoadOptions): BudgetSetup {
  try {
    const { file } = findConfigFile(options, readSettings(options.env).configFilePath);
    const modelNames = [...new Set(file.model_list.map(({ model_name: name }) => name))];
    return { budgets: budgetConfig(file), modelNames, fault: null };
  } catch (error) {
    if (!(error instanceof ConfigError) || options.configPath !== undefined) throw error;
    return { budgets: budgetConfig(fileSchema.parse({})), modelNames: null, fault: error.message };
  }
}

function findConfigFile(
  options: LoadOptions,
  fromEnvironment: string | undefined,
): { configPath: string; exists: boolean; file: ConfigFile } {
  const named = options.configPath ?? fromEnvironment;
  const configPath = path.resolve(options.cwd, named ?? "config.yaml");
  const exists = existsSync(configPath);
  if (named !== undefined && !exists) {
    throw new ConfigError("configuration", [`the file ${named} does not exist`]);
  }
  return {
    configPath,
    exists,
    file: exists ? readConfigFile(configPath, options.env) : fileSchema.parse({}),
  };
}

function readConfigFile(configPath: string, env: Environment): ConfigFile {
  let raw: unknown;
  try {
    raw = parseYaml(readFileSync(configPath, "utf8"), { prettyErrors: true }) ?? {};
  } catch (cause) {
    throw new ConfigError(configPath, [cause instanceof Error ? cause.message.trim() : "cannot be read"]);
  }
  const faults: string[] = [];
  const declared = (raw as { environment_variables?: Record<string, string> }).environment_variables ?? {};
  const resolved = resolveReferences(raw, { ...declared, ...env }, "", faults);
  const parsed = fileSchema.safeParse(resolved);
  if (!parsed.success) faults.push(...parsed.error.issues.flatMap(describeIssue));
  if (faults.length > 0 || !parsed.success) throw new ConfigError(configPath, faults);
  return parsed.data;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  const place = formatPath(issue.path);
  if (issue.code !== "unrecognized_keys") return [`${place || "the file"}: ${issue.message}`];
  return issue.keys.map((key) => {
    const full = place ? `${place}.${key}` : key;
    return `unknown key "${full}"${nearestHint(key, [...knownKeysAt(issue.path), ...misplaced(key)])}`;
  });
}

/** An environment variable written into the file is a common slip: name it. */
function misplaced(key: string): string[] {
  return VARIABLES.filter((name) => name.toLowerCase() === key.toLowerCase());
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((step, index) =>
      typeof step === "number" ? `[${step}]` : index === 0 ? String(step) : `.${String(step)}`,
    )
    .join("");
}
