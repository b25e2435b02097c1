/**
 * Blocks in Markdown that tests run.
 * @module
 */
import { readFileSync } from "node:fs";

/** A fenced block. */
export interface Block {
  readonly language: string;
  readonly text: string;
  /** Where it begins. */
  readonly line: number;
  /** Why it is not run: the comment right before it says `not run: REASON`. */
  readonly excuse: string | undefined;
}

/** A file of the repository as text; empty if there is none. */
export function read(name: string): string {
  try {
    return readFileSync(new URL(`../${name}`, import.meta.url), "utf8");
  } catch {
    return "";
  }
}

/** The fenced blocks of a text. */
export function blocksOf(markdown: string): Block[] {
  const fence = /^(?:<!-- not run: ([^>]+) -->\n+)?```(.*)\n([^]*?)^```$/gm;
  return [...markdown.matchAll(fence)].map((found) => {
    const [whole, excuse, language = "", text = ""] = found;
    const before = markdown.slice(0, found.index + whole.indexOf("```"));
    return { language, text, line: before.split("\n").length, excuse };
  });
}
