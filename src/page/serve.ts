/**
 * Serves the page and its program. Browsers get the very modules of the client;
 * their types are taken off by the runtime, so there is no build step.
 * @module
 */
import { withoutTypes } from "../deps.ts";
import { html } from "./html.ts";

/** Where the files of the package are, seen from a browser. */
const BASE = "/page/";
const PACKAGE = new URL("../../", import.meta.url);
/** `.ts` in the repository, `.js` in the packed tarball. */
const ENDING = import.meta.url.endsWith(".js") ? "js" : "ts";
/** The client's modules that are more than types. */
const CLIENT = [
  "client",
  "error",
  "http",
  "link",
  "loop",
  "messages",
  "page",
  "parse",
  "place",
  "publish",
  "share",
  "subscriptions",
  "time",
  "transports",
];
/**
 * The client, the page's own program, and the table of errors they share; by name, as
 * it may cost a request elsewhere to find out that there is no such file.
 */
const SERVED = new Set(
  [
    "client",
    "src/errors",
    "src/page/app",
    ...CLIENT.map((name) => `src/client/${name}`),
  ].map((name) => `${name}.${ENDING}`),
);

const HEADERS = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
};
const POLICY = "default-src 'none'; connect-src 'self'; img-src data:; " +
  "style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const modules = new Map<string, Promise<string>>();

/** Answers a request for the page or one of its modules. */
export async function servePage(path: string): Promise<Response | undefined> {
  if (path === "/") {
    const headers = {
      ...HEADERS,
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
    };
    return new Response(html(`${BASE}src/page/app.${ENDING}`), { headers });
  }
  const name = path.startsWith(BASE) ? path.slice(BASE.length) : "";
  if (!SERVED.has(name)) return undefined;
  let module = modules.get(name);
  if (!module) modules.set(name, module = load(name));
  try {
    const headers = { ...HEADERS, "content-type": "text/javascript" };
    return new Response(await module, { headers });
  } catch {
    modules.delete(name); // The next may find it.
    return undefined;
  }
}

async function load(name: string): Promise<string> {
  const response = await fetch(new URL(name, PACKAGE));
  // Where this file came from a URL, that is out of reach.
  if (!response.ok) throw new Error(`${response.status}: ${response.url}`);
  const code = await response.text();
  return ENDING === "js" ? code : await stripTypes(code);
}

async function stripTypes(code: string): Promise<string> {
  const { Bun } = globalThis as {
    Bun?: {
      Transpiler: new (
        options: { loader: "ts"; target: "browser" },
      ) => { transformSync(code: string): string };
    };
  };
  if (Bun) {
    const transpiler = new Bun.Transpiler({ loader: "ts", target: "browser" });
    return transpiler.transformSync(code);
  }
  return await withoutTypes(code);
}
