/**
 * A push server that fails as it is told: the bench has to notice. One message in
 * so many is lost, doubled, comes after the next one, comes late, or goes to
 * somebody else; or others wait; `none` does everything right.
 * @module
 */
import { sleep } from "../../bench/orders.ts";
import {
  HEADERS,
  Members,
  read,
  type Served,
} from "../../bench/subjects/served.ts";

/** One message in so many. */
export const ONE_IN = 1_000;

/** How late a late message is, in ms. */
export const LATE = 2_000;

/** After how many messages others wait as long. */
export const STALLS_AFTER = 50;

type Controller = ReadableStreamDefaultController<Uint8Array>;
type Write = (controller: Controller, bytes: Uint8Array) => void;

const encoder = new TextEncoder();

/** How a delivery that fails is made. */
const failures: Record<string, () => Write> = {
  none: () => (controller, bytes) => controller.enqueue(bytes),
  lose: () => () => {},
  double: () => (controller, bytes) => {
    controller.enqueue(bytes);
    controller.enqueue(bytes);
  },
  delay: () => (controller, bytes) => {
    setTimeout(() => controller.enqueue(bytes), LATE);
  },
};

function make(failure: string): Served {
  const members = new Members<Controller>();
  const held = new Map<Controller, Uint8Array>();
  const fail = failures[failure]?.();
  let [connections, published, deliveries] = [0, 0, 0];

  function deliver(controller: Controller, bytes: Uint8Array): void {
    const before = held.get(controller);
    const fails = ++deliveries % ONE_IN === 0;
    if (fails && failure === "reorder") return void held.set(controller, bytes);
    if (fails && failure === "misdirect") {
      for (const other of members.all()) {
        if (other !== controller) return other.enqueue(bytes);
      }
    }
    if (fails && fail) fail(controller, bytes);
    else controller.enqueue(bytes);
    if (!before) return;
    held.delete(controller);
    controller.enqueue(before);
  }

  return {
    async fetch(request) {
      const asked = read(request);
      if (asked.kind === "health") {
        if (failure === "stall" && published >= STALLS_AFTER) await sleep(LATE);
        return new Response("ok");
      }
      if (asked.kind === "publish") {
        const text = await request.text();
        const bytes = encoder.encode(`id: ${++published}\ndata: ${text}\n\n`);
        for (const controller of members.of(asked.channel, asked.to)) {
          deliver(controller, bytes);
        }
        return new Response("{}");
      }
      const id = `c${connections++}`;
      let own: Controller;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          members.add(id, own = controller, asked.channels);
          controller.enqueue(encoder.encode(`: "connection":"${id}"\n\n`));
        },
        cancel() {
          held.delete(own);
          members.delete(id, asked.channels);
        },
      });
      return new Response(body, { headers: HEADERS });
    },
    size: () => members.size,
  };
}

/** Does everything right. */
export const none = (): Served => make("none");
/** Loses one. */
export const lose = (): Served => make("lose");
/** Delivers one twice. */
export const double = (): Served => make("double");
/** Delivers one after the next one. */
export const reorder = (): Served => make("reorder");
/** Delivers one late. */
export const delay = (): Served => make("delay");
/** Lets others wait. */
export const stall = (): Served => make("stall");
/** Delivers one to somebody else. */
export const misdirect = (): Served => make("misdirect");
