/**
 * What reading costs a client: whole messages, and messages cut anywhere.
 * @module
 */
import { ndjson, sse } from "../../src/client/parse.ts";

const json = (n: number) =>
  JSON.stringify({
    type: "message",
    channel: "bench",
    id: `0123456789-${n}`,
    data: "x".repeat(100),
  });
const numbers = Array.from({ length: 100 }, (_, n) => n);
const encoder = new TextEncoder();
const events = encoder.encode(
  numbers.map((n) => `id: 0123456789-${n}\ndata: ${json(n)}\n\n`).join(""),
);
const lines = encoder.encode(numbers.map((n) => `${json(n)}\n`).join(""));

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    found.push(bytes.subarray(at, at + size));
  }
  return found;
}

for (
  const [name, make, bytes] of [
    ["server-sent events", sse, events],
    ["lines", ndjson, lines],
  ] as const
) {
  const group = `parse 100 ${name}`;
  const cut = pieces(bytes, 50);
  Deno.bench(`parse: 100 ${name} at once`, { group }, () => {
    make()(bytes);
  });
  Deno.bench(`parse: 100 ${name} in pieces of 50 bytes`, { group }, () => {
    const parser = make();
    for (const piece of cut) parser(piece);
  });
}
