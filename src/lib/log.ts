/** The few methods of a structured logger that our parts use; pino fits. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/**
 * An error as log fields: name, code and message, never the whole object (driver errors carry commands
 * and addresses).
 */
export function errorFields(error: unknown): { error: string; errorCode?: string | number } {
  if (!(error instanceof Error)) return { error: "A value that is not an error was thrown" };
  const { code } = error as { code?: unknown };
  const text = `${error.name}: ${redactUrls(error.message)}`.slice(0, 500);
  return typeof code === "string" || typeof code === "number"
    ? { error: text, errorCode: code }
    : { error: text };
}

/** Passwords in connection strings, and paths of URLs (webhook URLs carry tokens there). */
function redactUrls(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)(?:[^@/\s]*@)?([^/\s]*)(\/\S*)?/gi, "$1$2");
}
