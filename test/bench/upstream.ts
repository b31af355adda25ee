import { createServer, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { listen } from "../../src/http/listen.ts";
import { serveCommands } from "./part.ts";

/**
 * An upstream that costs almost nothing and keeps its own bill of what it answered in full, by `user`.
 * Model `whole` answers at once; model `frames` streams FRAMES frames, FRAME_MS apart.
 */
const FRAMES = 64;
const FRAME_MS = 20;
const WHOLE = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 };
const STREAMED = { prompt_tokens: 100, completion_tokens: FRAMES, total_tokens: 100 + FRAMES };
const answer = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-bench",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "whole",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "All is well. ".repeat(30) },
        finish_reason: "stop",
      },
    ],
    usage: WHOLE,
  }),
);
const frame = `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_700_000_000, model: "frames", choices: [{ index: 0, delta: { content: "well " }, finish_reason: null }], usage: null })}\n\n`;
const lastFrame = `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_700_000_000, model: "frames", choices: [], usage: STREAMED })}\n\ndata: [DONE]\n\n`;

const bill = new Map<string, { calls: number; promptTokens: number; completionTokens: number }>();

function charge(user: string, usage: typeof WHOLE): void {
  const known = bill.get(user) ?? { calls: 0, promptTokens: 0, completionTokens: 0 };
  known.calls++;
  known.promptTokens += usage.prompt_tokens;
  known.completionTokens += usage.completion_tokens;
  bill.set(user, known);
}

async function stream(response: ServerResponse, user: string): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (let sent = 0; sent < FRAMES; sent++) {
    if (response.destroyed) return;
    response.write(frame);
    await delay(FRAME_MS);
  }
  charge(user, STREAMED);
  response.end(lastFrame);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { model, user } = JSON.parse(Buffer.concat(chunks).toString()) as { model: string; user: string };
    if (model === "frames") {
      void stream(response, user);
      return;
    }
    charge(user, WHOLE);
    response.writeHead(200, { "content-type": "application/json", "content-length": answer.length });
    response.end(answer);
  });
});
server.keepAliveTimeout = 60_000;
// As fast at taking connections as who calls it: what is measured is not the upstream.
const { port } = await listen(server, { port: 0, host: "127.0.0.1" });
serveCommands(port, { bill: () => [...bill] });
