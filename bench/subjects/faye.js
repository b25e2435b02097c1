/**
 * Faye's `NodeAdapter`, as its documentation has it: it takes the requests at its
 * mount, and the program publishes through its server-side client.
 * @module
 */
import faye from "faye";

/** Makes it. */
export async function program({ heartbeat }) {
  // A session that is not heard of for twice that is over.
  const timeout = heartbeat / 1_000;
  const adapter = new faye.NodeAdapter({ mount: "/cometd", timeout });
  const clients = new Set();
  adapter.on("handshake", (id) => clients.add(id));
  adapter.on("disconnect", (id) => clients.delete(id));
  const own = adapter.getClient();
  await own.publish("/bench-begins", "");
  const [ownId] = clients;
  return {
    handle: (request, response) => adapter.handle(request, response),
    publish: (channel, data) => own.publish(`/${channel}`, data),
    size: () => clients.size - (clients.has(ownId) ? 1 : 0),
  };
}
