/**
 * A process that obeys orders, and what Linux says of it.
 * @module
 */

/** Clock ticks per second in /proc (the same on every Linux there is). */
const TICKS = 100;

/** A child that takes an order a line and answers each (see `orders.ts`). */
export class Child {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  constructor(command: string[]) {
    this.#process = new Deno.Command(command[0]!, {
      args: command.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#lines = this.#process.stdout
      .pipeThrough(
        new TextDecoderStream() as TransformStream<Uint8Array, string>,
      )
      .getReader();
  }

  /** Waits until it takes orders. */
  async ready(): Promise<this> {
    await this.#answer();
    return this;
  }

  /** Gives an order, and waits for its answer. */
  async tell<T>(order: string, argument = 0): Promise<T> {
    await this.#writer.write(
      new TextEncoder().encode(`${order} ${argument}\n`),
    );
    return await this.#answer() as T;
  }

  async #answer(): Promise<unknown> {
    let end: number;
    while ((end = this.#rest.indexOf("\n")) < 0) {
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("A process of the bench has ended early.");
      this.#rest += value;
    }
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return JSON.parse(line);
  }

  /** Its resident memory, in bytes. */
  get rss(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#process.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1_024;
  }

  /** The CPU time of all its threads so far, in µs, to 10 ms. */
  get cpu(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#process.pid}/stat`);
    // The second field is the name, in parentheses: it may have spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * (1e6 / TICKS);
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#lines.cancel();
    await this.#writer.close().catch(() => {});
    await this.#process.status;
  }
}
