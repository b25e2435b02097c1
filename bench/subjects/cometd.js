/**
 * CometD's server for Node, as its documentation has it: `handle` takes the
 * requests, and the program publishes on a server channel.
 * @module
 */
import cometd from "cometd-nodejs-server";

/** Makes it. */
export function program({ heartbeat }) {
  const server = cometd.createCometDServer({
    timeout: heartbeat,
    maxInterval: heartbeat,
  });
  let size = 0;
  server.addListener("sessionAdded", () => size++);
  server.addListener("sessionRemoved", () => size--);
  return {
    handle: server.handle,
    publish: (channel, data) =>
      new Promise((resolve, reject) => {
        server.createServerChannel(`/${channel}`).publish(
          null,
          data,
          (error) => error ? reject(error) : resolve(),
        );
      }),
    size: () => size,
  };
}
