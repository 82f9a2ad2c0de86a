// Drives an agent with the protocol's own TypeScript SDK.
//
// Argument: a job as JSON {command: [...], url, cwd, prompt, decision, cancelAfter}; with a url the agent
// is there already, behind a WebSocket.
// Output: one JSON object with what was seen. A notification that the SDK had to mend, because an
// optional field did not fit, is reported in `mended`.

import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { Readable, Transform, Writable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import * as acp from "@agentclientprotocol/sdk";
import { createWebSocketStream } from "@agentclientprotocol/sdk/experimental/ws-client";
import { WebSocket } from "ws";

const job = JSON.parse(process.argv[2]);
const seen = { introduced: null, session: null, stopReason: "", updates: [], permissions: [], mended: [] };
const sent = [];

function note(message) {
  if (message.method === "session/update") sent.push(message.params.update);
}

function started() {
  const agent = spawn(job.command[0], job.command.slice(1), { cwd: job.cwd, stdio: ["pipe", "pipe", "inherit"] });
  let rest = "";
  const tap = new Transform({
    transform(chunk, _encoding, done) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) note(JSON.parse(line));
      done(null, chunk);
    },
  });
  agent.stdout.setEncoding("utf8");
  const stream = acp.ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout.pipe(tap)));
  const ended = new Promise((resolve) => agent.on("exit", resolve));
  return { stream, end: () => (agent.stdin.end(), ended) };
}

function reached() {
  const { readable, writable } = createWebSocketStream(job.url, { WebSocket });
  const tap = new TransformStream({
    transform(message, controller) {
      note(structuredClone(message));
      controller.enqueue(message);
    },
  });
  return { stream: { readable: readable.pipeThrough(tap), writable }, end: () => 0 };
}

const { stream, end } = job.url ? reached() : started();

let speak;
const spoken = new Promise((resolve) => (speak = resolve));

await acp
  .client({ name: "interop" })
  .onRequest(acp.methods.client.session.requestPermission, ({ params }) => {
    seen.permissions.push(params);
    const option = params.options.find(({ kind }) => kind === job.decision);
    return { outcome: { outcome: "selected", optionId: option.optionId } };
  })
  .onRequest(acp.methods.client.fs.readTextFile, async ({ params }) => ({
    content: await readFile(params.path, "utf8"),
  }))
  .onRequest(acp.methods.client.fs.writeTextFile, async ({ params }) => {
    await writeFile(params.path, params.content, "utf8");
    return {};
  })
  .onNotification(acp.methods.client.session.update, ({ params }) => {
    seen.updates.push(params.update);
    if (params.update.sessionUpdate === job.cancelAfter) speak();
  })
  .connectWith(stream, async (ctx) => {
    seen.introduced = await ctx.request(acp.methods.agent.initialize, {
      protocolVersion: acp.PROTOCOL_VERSION,
      clientCapabilities: { fs: { readTextFile: true, writeTextFile: true } },
    });
    seen.session = await ctx.request(acp.methods.agent.session.new, { cwd: job.cwd, mcpServers: [] });
    const { sessionId } = seen.session;
    const prompt = [{ type: "text", text: job.prompt }];
    const turn = ctx.request(acp.methods.agent.session.prompt, { sessionId, prompt });
    if (job.cancelAfter) {
      await spoken;
      await ctx.notify(acp.methods.agent.session.cancel, { sessionId });
    }
    seen.stopReason = (await turn).stopReason;
  });

seen.status = await end();
seen.mended = sent.filter((update) => !seen.updates.some((got) => isDeepStrictEqual(got, update)));
process.stdout.write(JSON.stringify(seen) + "\n");
