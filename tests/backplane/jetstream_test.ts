/** jetStream(): the contract, with both connections. */
import { jetStream } from "../../src/backplane/jetstream.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { Service } from "../services.ts";
import { connections } from "./nats_clients.ts";

for (const [name, connect] of Object.entries(connections)) {
  backplaneContract(`jetStream() with ${name}`, async () => {
    const service = await Service.nats();
    const opened: { close(): Promise<void> }[] = [];
    return {
      async open({ frames } = {}) {
        const connection = await connect(service.port);
        opened.push(connection);
        const keep = frames === undefined ? {} : { frames };
        return jetStream({ connection, keep });
      },
      async remove() {
        await Promise.all(opened.map((connection) => connection.close()));
        await service[Symbol.asyncDispose]();
      },
    };
  }, { keeps: true, lasts: true, shared: true });
}
