/** redis(): the contract, with both clients. */
import { redis } from "../../src/backplane/redis.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { Service } from "../services.ts";
import { clients } from "./redis_clients.ts";

for (const [name, connect] of Object.entries(clients)) {
  backplaneContract(`redis() with ${name}`, async () => {
    const service = await Service.redis();
    return {
      open: ({ frames } = {}) =>
        redis({
          client: connect(service.port),
          ...(frames === undefined ? {} : { history: { frames } }),
        }),
      remove: () => service[Symbol.asyncDispose](),
    };
  }, { keeps: true, lasts: true, shared: true });
}
