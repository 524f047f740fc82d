import { describe, expect, it } from "vitest";
import { clock, left, size, Speed } from "../src/format";
import { sort } from "../src/files";
import { elsewhere } from "../src/workbench/say";

describe("format", () => {
  it("writes times and sizes", () => {
    expect(clock(7_390)).toBe("0:07.3");
    expect(clock(3_727_000)).toBe("1:02:07.0");
    expect(size(999)).toBe("999 B");
    expect(size(1_234_567)).toBe("1.2 MB");
    expect(left(4)).toBe("a few seconds left");
    expect(left(600)).toBe("10 min left");
  });
  it("measures speed over a window, and begins anew when a transfer does", () => {
    const speed = new Speed(1000);
    expect(speed.value).toBe(0);
    speed.mark(0, 0);
    speed.mark(500, 1000);
    expect(speed.value).toBe(500);
    speed.mark(4500, 2000);
    expect(speed.value).toBe(4000);
    speed.mark(10, 3000);
    expect(speed.value).toBe(0);
  });
});

describe("elsewhere", () => {
  const none = { total: 0, open: 0, leased: 0, returned_to_you: 0, waiting_for_machine: 0, done: 0 };
  it("says where the rest of a queue is, and nothing of what is nowhere", () => {
    expect(elsewhere(none)).toEqual([]);
    expect(elsewhere({ ...none, total: 4, done: 4 })).toEqual(["4 of 4 done"]);
    expect(elsewhere({ ...none, total: 1200, done: 90, open: 1, leased: 2, waiting_for_machine: 1107 })).toEqual([
      "90 of 1,200 done", "2 are being edited just now", "1 is meant for others", "1,107 wait for their drafts",
    ]);
  });
});

describe("sort", () => {
  const file = (name: string, type = "") => new File(["x"], name, { type });
  it("leaves out what lies around in a folder, and tries whatever was picked alone", () => {
    const { wanted, other } = sort([file("a.wav"), file("b.MP3"), file("notes.txt", "text/plain"), file(".DS_Store"), file("c", "audio/x")]);
    expect(wanted.map((f) => f.name)).toEqual(["a.wav", "b.MP3", "c"]);
    expect(other.length).toBe(2);
    expect(sort([file("unknown.bin")]).wanted.length).toBe(1);
  });
});
