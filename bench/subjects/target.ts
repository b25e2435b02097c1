/**
 * A server that runs already on this machine, whatever it is: `--target URL
 * --publish URL`.
 * @module
 */
import { listenersOn } from "../proc.ts";
import type { Subject } from "./table.ts";

/** Makes a subject of it; throws if the URLs are not of one server here. */
export function target(
  subscribe: string,
  publish: string,
  health: string | undefined,
): Subject {
  const [from, to] = [new URL(subscribe), new URL(publish)];
  const port = Number(from.port || 80);
  for (const url of [from, to]) {
    if (url.protocol !== "http:") {
      throw new Error(`${url} is not http: the load speaks HTTP/1.1 alone.`);
    }
  }
  if (from.host !== to.host) {
    throw new Error(`${from.host} and ${to.host} are two servers.`);
  }
  return {
    name: "target",
    title: from.host,
    runtimes: ["native"],
    dialects: { sse: "sse", stream: "stream", poll: "poll" },
    subscribe: pathOf(from),
    publish: pathOf(to),
    direct: undefined,
    ownChannels: false,
    resumes: true,
    health: health === undefined ? undefined : pathOf(new URL(health)),
    available: () => true,
    start: () =>
      Promise.resolve({
        pids: listenersOn(port),
        address: from.hostname,
        port,
        orders: undefined,
        end: () => Promise.resolve(),
      }),
  };
}

/** Its path as it was written: braces are not to be escaped. */
function pathOf({ pathname, search }: URL): string {
  return `${pathname}${search}`.replaceAll("%7B", "{").replaceAll("%7D", "}");
}
