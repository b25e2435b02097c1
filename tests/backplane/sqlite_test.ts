/** The SQLite backplane: the contract, transactions, and how long it remembers keys. */
import { backplaneContract } from "../backplane_contract.ts";
import { filePlace } from "./files.ts";

backplaneContract("sqlite()", filePlace, { keeps: true, lasts: true });
