/**
 * Channel names (protocol text 2.2): the Bayeux channel `/chat/room` is the native
 * channel `chat/room`.
 * @module
 */
import { channelFault, subscriptionFault } from "../../name.ts";

/**
 * What a segment may be made of: the grammar's characters, and those that CometD's
 * own check lets through besides (`/foo.bar` is in use).
 */
const SEGMENT = /^[A-Za-z0-9\-_!~()$@ #+.{}]+$/;

const SERVICE = "/service/";

/** Whether a message to it goes to the server alone, and to nobody else. */
export function isService(channel: string): boolean {
  return channel.startsWith(SERVICE);
}

/** What a service channel is called after its prefix. */
export function targetOf(channel: string): string {
  return channel.slice(SERVICE.length);
}

/** Whether it is one of the protocol's own channels, or looks like one. */
export function isMeta(channel: string): boolean {
  return channel === "/meta" || channel.startsWith("/meta/");
}

/** The native channel or pattern. */
export function nativeName(channel: string): string {
  return channel.slice(1);
}

/** What is wrong with `channel` as one to publish to, if anything is. */
export function publishFault(channel: string): string | undefined {
  return fault(channel, channel) ?? channelFault(nativeName(channel));
}

/** What is wrong with `channel` as one to subscribe to, or a pattern. */
export function followFault(channel: string): string | undefined {
  return fault(channel, channel.replace(/\/\*{1,2}$/, "/a")) ??
    subscriptionFault(nativeName(channel));
}

function fault(channel: string, plain: string): string | undefined {
  if (!channel.startsWith("/")) return "it does not begin with a slash";
  if (channel === "/service") return "it is not a service";
  const good = nativeName(plain).split("/").every((part) => SEGMENT.test(part));
  return good ? undefined : "it has a segment that is not allowed";
}
