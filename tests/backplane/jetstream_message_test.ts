/** Messages as they lie in a JetStream stream. */
import { assertEquals } from "@std/assert";
import {
  contentOf,
  frameOf,
  placeOf,
  subjectOf,
} from "../../src/backplane/jetstream_message.ts";
import { test } from "../harness.ts";

const encoder = new TextEncoder();

function stored(subject: string, content: string) {
  const data = encoder.encode(content);
  return { subject, seq: 7, stamp: "", data };
}

test("a message is what it was, whatever its names and data are", () => {
  const logs = ["a", "a/b.c *>", "$all", "ü€𝄞%", "%zz", `${"x".repeat(255)}`];
  for (const log of logs) {
    for (const channel of [log, "other"]) {
      const draft = {
        log,
        channel,
        data: JSON.stringify("1\n2\u2028 🌍"),
        time: 1,
        from: "someone",
        meta: '{"a":1}',
      };
      const subject = subjectOf("halley", "e1", log);
      assertEquals(subject.split(".").length, 3, subject);
      assertEquals(/[\s*>]/.test(subject), false, subject);
      assertEquals(placeOf("halley", subject), { epoch: "e1", log });
      const content = contentOf(draft, 1_234_567);
      const frame = frameOf("halley", stored(subject, content))!;
      const { seq, epoch, time, data, from, meta } = frame;
      assertEquals([frame.log, frame.channel], [log, channel]);
      assertEquals([seq, epoch, time], [7, "e1", 1_234.567]);
      assertEquals([data, from, meta], [draft.data, draft.from, draft.meta]);
    }
  }
});

test("what others have published there is none of ours, and hurts nobody", () => {
  const good = contentOf({ log: "a", channel: "a", data: "1", time: 1 }, 1);
  const subjects = [
    "halley",
    "halley.e1",
    "halley..a",
    "halley.e1.a.b",
    "other.e1.a",
    "halley.e1.%zz",
    "halley.e1.%",
  ];
  for (const subject of subjects) {
    assertEquals(placeOf("halley", subject), undefined, subject);
    assertEquals(frameOf("halley", stored(subject, good)), undefined, subject);
  }
  for (const content of ["", "\n", "1\n", "null\n1", '{"t":"1"}\n1', "{}\n1"]) {
    assertEquals(frameOf("halley", stored("halley.e1.a", content)), undefined);
  }
});
