/**
 * A language model's answer, token by token, which survives a lost connection and can
 * be read from several tabs: `deno serve examples/tokens.ts` or `bun examples/tokens.ts`.
 *
 *     curl -d 'why is the sky blue' http://127.0.0.1:8000/ask
 *     curl -N 'http://127.0.0.1:8000/answers/ID?since=earliest'
 *
 * WHOEVER REACHES IT MAY ASK: check who it is before a model of yours is paid for it.
 */
import process from "node:process";
import { createEngine, createRouter, stream } from "../mod.ts";

const engine = createEngine({
  // An answer can be read for ten minutes.
  history: { frames: 10_000, age: 600_000 },
  policy: {
    // Who knows the id of an answer may read it; ids cannot be guessed.
    allow: (action, channel) =>
      ["subscribe", "history"].includes(action) &&
      /^answers\/[0-9a-f-]{36}$/.test(channel),
  },
});
const push = createRouter(engine);

/** Stands for the model. */
async function* model(prompt: string): AsyncGenerator<string> {
  for (const word of `You asked: ${prompt}. I do not know.`.split(" ")) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    yield `${word} `;
  }
}

/** Begins an answer, and says where it can be read; nobody has to be there for it. */
async function ask(request: Request): Promise<Response> {
  const prompt = await request.text();
  const name = `answers/${crypto.randomUUID()}`;
  const answer = engine.channel<{ token: string } | { end: string }>(name);
  void stream(answer, async (out) => {
    for await (const token of model(prompt)) await out.write({ token });
  }, { last: (end) => ({ end }) });
  return Response.json({ url: `/${name}?since=earliest` }, { status: 202 });
}

export default {
  port: Number(process.env.PORT ?? 8000),
  async fetch(request: Request, env?: Record<string, unknown>) {
    const { pathname } = new URL(request.url);
    const asks = pathname === "/ask" && request.method === "POST";
    return asks ? await ask(request) : await push.fetch(request, env);
  },
};
