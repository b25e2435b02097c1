/**
 * Making the stream where there is none: by one node, however many want to.
 *
 * NATS 2.9 takes two requests that come at the same moment for both the first (11 of
 * 3,000 that were tried). Then there are two streams of one name, one in memory and
 * maybe the other on disk, and what is published to the one is gone for whoever knows
 * the other. So each node says that it is about to, and only the last one to say so
 * does it: of any two at one server, one hears the other.
 * @module
 */
import { newEpoch } from "../key.ts";
import { ApiError, type JetStreamApi } from "./jetstream_api.ts";
import { configOf, type Info, type StreamOptions } from "./jetstream_config.ts";
import { subjectOf } from "./jetstream_message.ts";
import { rest } from "./retry.ts";

/** How long a node listens for others before it makes the stream, in ms. */
const LISTENING = 100;
/** How long it leaves that to another, at most, in ms: so many do not go on forever. */
const LONGEST = 5_000;

const NAME_IN_USE = 10_058;

/**
 * Makes the stream, unless it is there or another node makes it; what JetStream says
 * of it. Rejects if `signal` aborts while another is about to.
 */
export async function makeStream(
  api: JetStreamApi,
  options: StreamOptions,
  signal: AbortSignal,
): Promise<Info> {
  for (let wait = 2 * LISTENING;; wait = Math.min(2 * wait, LONGEST)) {
    const info = await findStream(api) ?? await make(api, options);
    if (info) return info;
    // Another does; should it fail, not all of us try at once.
    await rest(wait, signal);
    signal.throwIfAborted();
  }
}

/** Makes it, unless another does. */
async function make(
  api: JetStreamApi,
  options: StreamOptions,
): Promise<Info | undefined> {
  const epoch = newEpoch();
  const own = `${options.stream}.create.${epoch}`;
  let last = true;
  const stop = api.listen(`${options.stream}.create.*`, ({ subject }) => {
    if (subject !== own) last = false;
  });
  try {
    api.touch(own);
    await sleep(LISTENING);
    // What others have said until now comes before this answer.
    const info = await findStream(api);
    if (info || !last) return info;
    const config = configOf(options, [subjectOf(options.stream, epoch)]);
    return await api.ask<Info>("STREAM.CREATE", config);
  } catch (error) {
    if (error instanceof ApiError && error.number === NAME_IN_USE) {
      return await findStream(api);
    }
    throw error;
  } finally {
    stop();
  }
}

/** What JetStream says of the stream, if there is one. */
export async function findStream(
  api: JetStreamApi,
): Promise<Info | undefined> {
  try {
    return await api.ask<Info>("STREAM.INFO");
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
