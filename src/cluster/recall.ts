/**
 * Who was there before this node was: found in the recent past that it reads first.
 * @module
 */
import type { Frame } from "../frame.ts";
import type { Members } from "./members.ts";
import { type Said, saidIn } from "./said.ts";

/**
 * Takes a message from before this node was there. Whoever has spoken after `since`, in
 * ms since 1970, is there, though it may stand still and say nothing now.
 */
export function recall(
  members: Members,
  { data, time }: Frame,
  since: number,
): void {
  let said: Said;
  try {
    said = saidIn(data);
  } catch {
    return; // Those who were there have told of it.
  }
  if (said.bye) members.remove(said.node);
  else if (time > since) members.mention([said.node]);
  for (const id of said.gone ?? []) members.remove(id);
}
