/// <reference lib="dom" />
/**
 * The page at `/` of the stand-alone server: watch, publish, cut, see it resume.
 * It runs in the browser, on the client that everybody else uses.
 * @module
 */
import { type Client, createClient, type Transport } from "../../client.ts";

const find = <T extends HTMLElement>(id: string) =>
  document.getElementById(id) as T;
const state = find<HTMLElement>("state");
const names = find<HTMLUListElement>("names");
const messages = find<HTMLTableSectionElement>("messages");
const events = find<HTMLOListElement>("events");
const result = find<HTMLOutputElement>("result");

/** How many messages and events are shown. */
const SHOWN = 200;

const listening = new Map<string, () => void>();
/** When what was published here was sent, and what has arrived before its id. */
const sent = new Map<string, number>();
const arrived = new Map<string, { at: number; cell: HTMLElement }>();
const cuts = new Set<AbortController>();
let client: Client;

/** Keeps a handle on every response, so that it can be cut. */
const cuttable: typeof fetch = async (input, init) => {
  const cut = new AbortController();
  const signals = [cut.signal, ...(init?.signal ? [init.signal] : [])];
  cuts.add(cut);
  // Only the last few can still be open.
  if (cuts.size > 20) cuts.delete(cuts.values().next().value!);
  return await fetch(input, { ...init, signal: AbortSignal.any(signals) });
};

function connect(transport: Transport | "auto", since?: string): void {
  client = createClient("/push", {
    transport,
    fetch: cuttable,
    ...(since ? { since } : {}),
  });
  client.on("open", ({ transport, id }) => {
    show("open", `open over ${transport}`);
    tell("open", `over ${transport}, as ${id}`);
  });
  client.on("reconnect", ({ attempt, delay, reason }) => {
    show("waiting", "reconnecting");
    const wait = `again in ${Math.round(delay)} ms (attempt ${attempt})`;
    tell("lost", `${reason} – ${wait}`);
  });
  client.on("reset", ({ channel }) => {
    tell("reset", `messages are missing in ${channel ?? "all channels"}`);
  });
  client.on("close", ({ code, reason }) => {
    show("closed", "closed");
    tell("closed", code === "closed" ? reason : `${code}: ${reason}`);
  });
  client.on("message", ({ channel, id, data }) => add(channel, id, data));
  for (const name of [...listening.keys()]) listen(name);
}

function listen(name: string): void {
  try {
    listening.set(name, client.subscribe(name, () => {}));
  } catch (error) {
    tell("error", (error as Error).message);
  }
  drawNames();
}

function drawNames(): void {
  names.replaceChildren(...[...listening.keys()].map((name) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "×";
    button.ariaLabel = `Stop listening to ${name}`;
    button.onclick = () => {
      listening.get(name)?.();
      listening.delete(name);
      drawNames();
      // Else a screen reader would begin again at the top.
      find("name").focus();
    };
    item.append(text("code", name), button);
    return item;
  }));
}

function add(channel: string, id: string, data: unknown): void {
  const at = performance.now();
  const row = document.createElement("tr");
  const latency = text("td", "");
  const time = new Date().toLocaleTimeString([], { hour12: false });
  row.append(
    text("td", time),
    text("td", channel),
    text("td", JSON.stringify(data)),
    text("td", id),
    latency,
  );
  messages.prepend(row);
  while (messages.rows.length > SHOWN) messages.deleteRow(-1);
  arrived.set(id, { at, cell: latency });
  if (arrived.size > SHOWN) arrived.delete(arrived.keys().next().value!);
  measure(id);
}

/** The time from here to here, for what was published here. */
function measure(id: string): void {
  const start = sent.get(id);
  const end = arrived.get(id);
  if (start === undefined || !end) return;
  end.cell.textContent = `${(end.at - start).toFixed(1)} ms`;
  sent.delete(id);
  arrived.delete(id);
}

function show(kind: string, words: string): void {
  state.dataset.state = kind;
  state.textContent = words;
}

function tell(kind: string, words: string): void {
  const item = document.createElement("li");
  const time = new Date().toLocaleTimeString([], { hour12: false });
  item.append(text("time", time), " ", text("strong", kind), ` ${words}`);
  events.prepend(item);
  while (events.children.length > SHOWN) events.lastElementChild!.remove();
}

function text(tag: string, words: string): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = words;
  return element;
}

/** JSON as it was typed, or the words themselves. */
function parse(words: string): unknown {
  try {
    return JSON.parse(words);
  } catch {
    return words;
  }
}

find<HTMLFormElement>("listen").onsubmit = (event) => {
  event.preventDefault();
  const input = find<HTMLInputElement>("name");
  const name = input.value.trim();
  input.value = "";
  if (name !== "" && !listening.has(name)) listen(name);
};
find<HTMLFormElement>("publish").onsubmit = async (event) => {
  event.preventDefault();
  const channel = find<HTMLInputElement>("channel").value.trim();
  const data = parse(find<HTMLTextAreaElement>("data").value);
  const start = performance.now();
  try {
    const id = await client.publish(channel, data);
    result.textContent = `published as ${id}`;
    sent.set(id, start);
    measure(id);
  } catch (error) {
    result.textContent = (error as Error).message;
  }
};
find<HTMLSelectElement>("transport").onchange = (event) => {
  const { cursor } = client;
  client.close("another transport was chosen");
  const chosen = (event.target as HTMLSelectElement).value;
  connect(chosen as Transport | "auto", cursor);
};
find<HTMLButtonElement>("cut").onclick = () => {
  tell("cut", "as asked");
  for (const cut of cuts) cut.abort("It was cut here.");
  cuts.clear();
};
find<HTMLButtonElement>("clear").onclick = () => messages.replaceChildren();

connect("auto");
listen("news");
