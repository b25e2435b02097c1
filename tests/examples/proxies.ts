/**
 * The real nginx and HAProxy with the settings of the examples, in which only ports
 * and paths are changed.
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { Child } from "../http/child.ts";
import { tool, until } from "../outside.ts";
import { freePort } from "../port.ts";
import { readExample } from "./examples.ts";

/** A proxy that runs. */
export class Proxy implements AsyncDisposable {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  readonly #folder: string;
  readonly #child: Child;

  private constructor(folder: string, port: number, child: Child) {
    this.#folder = folder;
    this.url = `http://127.0.0.1:${port}`;
    this.#child = child;
  }

  /** nginx in front of the server on `port`. */
  static async nginx(port: number): Promise<Proxy> {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path FOLDER/${name};`).join(" ");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    return await Proxy.#start("nginx", "conf", (own, folder) => {
      const text = readExample("proxy/nginx.conf")
        .replace("http {", `http { ${paths} access_log off;`)
        .replace("listen 80;", `listen 127.0.0.1:${own};`)
        .replace("127.0.0.1:8000", `127.0.0.1:${port}`);
      return `${user} daemon off; pid FOLDER/pid;\n${text}`
        .replaceAll("FOLDER", folder);
    }, (file, folder) => ["-p", folder, "-c", file, "-e", "stderr"]);
  }

  /** HAProxy in front of two servers. */
  static async haproxy(a: number, b: number): Promise<Proxy> {
    return await Proxy.#start(
      "haproxy",
      "cfg",
      (own) =>
        readExample("proxy/haproxy.cfg")
          .replace("bind :80", `bind 127.0.0.1:${own}`)
          .replace("127.0.0.1:8001", `127.0.0.1:${a}`)
          .replace("127.0.0.1:8002", `127.0.0.1:${b}`)
          // As many as this machine lets a test have.
          .replace("maxconn 200000", "maxconn 2000"),
      (file) => ["-f", file],
    );
  }

  static async #start(
    name: string,
    type: string,
    configure: (port: number, folder: string) => string,
    flags: (file: string, folder: string) => string[],
  ): Promise<Proxy> {
    const folder = await mkdtemp(`${tmpdir()}/halley-${name}-`);
    const port = await freePort();
    const file = `${folder}/${name}.${type}`;
    await writeFile(file, configure(port, folder));
    const child = new Child([tool(name), ...flags(file, folder)]);
    const proxy = new Proxy(folder, port, child);
    let gone = false;
    child.exit.then(() => gone = true);
    await until(async () => {
      if (gone) throw new Error(`${name} ended with: ${child.output}`);
      const response = await fetch(`${proxy.url}/push/$presence?channel=a`)
        .catch(() => {});
      await response?.body?.cancel();
      // Not every server says who is there.
      return response?.status === 200 || response?.status === 401;
    }, () => child.output);
    return proxy;
  }

  /** Ends it and its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exit;
    await rm(this.#folder, { recursive: true });
  }
}
