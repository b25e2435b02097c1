// A chat, open to all: WHOEVER REACHES IT MAY WRITE, under any name. Whom to let in is
// for `identify` to say. `deno serve examples/chat.ts` or `bun examples/chat.ts`.
import process from "node:process";
import { createEngine, createRouter } from "../mod.ts";

const engine = createEngine({
  history: { frames: 100, age: 86_400_000 },
  limits: { message: 2_000 },
  policy: {
    allow: (action, channel) =>
      !action.startsWith("send") && /^room\/[a-z]{1,20}$/.test(channel),
  },
});
const push = createRouter(engine);

const page = `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chat</title>
<style>body { font: 1rem system-ui; max-width: 40rem; margin: auto }</style>
<p role="status" id="state">Connecting…</p>
<ol id="log" aria-live="polite"></ol>
<form><input id="text" aria-label="Message" autofocus> <button>Send</button></form>
<script type="module">
const room = "/room/" + (location.hash.slice(1) || "lobby");
const name = prompt("Your name?") || "somebody";
const [state, log, text] = ["state", "log", "text"].map((id) =>
  document.getElementById(id));
// What has been said comes first; after a lost connection, only what was missed.
const source = new EventSource(room + "?since=earliest&presence=1");
source.onopen = () => state.textContent = "Connected as " + name;
source.onerror = () => state.textContent = "Coming back…";
const show = (line) => log.append(Object.assign(
  document.createElement("li"), { textContent: line }));
source.onmessage = ({ data }) => {
  const { from, said } = JSON.parse(data).data;
  show(from + ": " + said);
};
source.addEventListener("control", ({ data }) => {
  const { type } = JSON.parse(data);
  if (type === "join") show("Somebody has joined.");
  if (type === "leave") show("Somebody has left.");
  if (type === "reset") show("(Something is missing here.)");
});
document.forms[0].onsubmit = async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ from: name, said: text.value });
  const headers = { "content-type": "application/json" };
  const { ok } = await fetch(room, { method: "POST", headers, body });
  if (ok) text.value = "";
};
</script>`;

export default {
  port: Number(process.env.PORT ?? 8000),
  fetch(request: Request, env?: Record<string, unknown>) {
    if (new URL(request.url).pathname !== "/") return push.fetch(request, env);
    return new Response(page, { headers: { "content-type": "text/html" } });
  },
};
