import type { IncomingMessage } from "node:http";
import { AppError } from "../errors.ts";

/**
 * The whole request body. Throws request_too_large as soon as it is known to pass `maxBytes`, and
 * unsupported_media_type for a compressed body.
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new AppError("unsupported_media_type", "Compressed request bodies are not supported");
  }
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        request.removeAllListeners("data");
        request.resume();
        reject(tooLarge(maxBytes));
      } else {
        chunks.push(chunk);
      }
    });
    request.once("end", () => {
      const only = chunks[0];
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
    request.once("error", (cause) =>
      reject(new AppError("request_timeout", "The request body did not arrive", { cause })),
    );
    request.once("close", () => {
      if (!request.readableEnded)
        reject(new AppError("request_timeout", "The request body did not arrive whole"));
    });
  });
}

function tooLarge(maxBytes: number): AppError {
  return new AppError(
    "request_too_large",
    `The request body is over ${maxBytes} bytes (general_settings.max_request_size_mb)`,
  );
}
