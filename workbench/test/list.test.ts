import { describe, expect, it } from "vitest";
import { counts, folded, neighbour, picked, reveal, slice, type Asked } from "../src/workbench/list";
import type { Row, State } from "../src/workbench/types";

function row(id: number, more: Partial<Row> = {}): Row {
  return { id: String(id), index: id, start_ms: id * 1000, end_ms: id * 1000 + 900, channel: 0, speaker: "", state: "draft" as State, locked: false, risk: null, revision: 1, lease: null, annotator: null, return_reason: "", head: `text ${id}`, ...more };
}

const ROWS = [row(1, { risk: 0.2 }), row(2, { risk: 0.9, speaker: "B" }), row(3, { state: "corrected", annotator: "dana", head: "Straße Élan" }), row(4, { state: "returned", risk: 0.1 }), row(5, { locked: true, state: "corrected" })];
const asked = (more: Partial<Asked> = {}): Asked => ({ show: "all", order: "time", speaker: "", search: "", ...more });
const ids = (rows: Row[]) => rows.map((one) => one.id).join("");

describe("picked", () => {
  it("keeps what was asked for", () => {
    expect(ids(picked(ROWS, asked({ show: "todo" }), "dana"))).toBe("124");
    expect(ids(picked(ROWS, asked({ show: "risky" }), "dana"))).toBe("2");
    expect(ids(picked(ROWS, asked({ show: "mine" }), "dana"))).toBe("3");
    expect(ids(picked(ROWS, asked({ show: "locked" }), "dana"))).toBe("5");
    expect(ids(picked(ROWS, asked({ speaker: "B" }), "dana"))).toBe("2");
  });
  it("serves returned work first, then the worst", () => {
    expect(ids(picked(ROWS, asked({ order: "risk" }), "dana"))).toBe("42135");
  });
  it("searches without case or accents, and takes what the server found in whole texts", () => {
    expect(ids(picked(ROWS, asked({ search: "elan" }), "dana"))).toBe("3");
    expect(ids(picked(ROWS, asked({ search: "elsewhere" }), "dana", new Set(["1"])))).toBe("1");
    expect(folded("ＡＢＣ é")).toBe("abc e");
  });
  it("counts as it filters", () => {
    expect(counts(ROWS, "dana")).toEqual({ all: 5, todo: 3, risky: 1, returned: 1, mine: 1, locked: 1 });
  });
});

describe("neighbour", () => {
  it("goes to the next of what is shown, also when the present row was filtered away", () => {
    const todo = picked(ROWS, asked({ show: "todo" }), "dana");
    expect(neighbour(todo, ROWS, "2", 1)?.id).toBe("4");
    expect(neighbour(todo, ROWS, "3", 1)?.id).toBe("4");
    expect(neighbour(todo, ROWS, "3", -1)?.id).toBe("2");
    expect(neighbour(todo, ROWS, "4", 1)).toBeNull();
    expect(neighbour(todo, ROWS, null, 1)?.id).toBe("1");
  });
});

describe("what is on the screen", () => {
  it("is a few rows, whatever the number", () => {
    expect(slice(5_000, 44, 0, 600)).toEqual([0, 20]);
    const [first, end] = slice(5_000, 44, 100_000, 600);
    expect(end - first).toBeLessThan(30);
    expect(slice(3, 44, 0, 600)).toEqual([0, 3]);
  });
  it("scrolls only as far as it must", () => {
    expect(reveal(2, 44, 0, 600)).toBe(0);
    expect(reveal(100, 44, 0, 600)).toBe(100 * 44 + 88 - 600);
    expect(reveal(0, 44, 500, 600)).toBe(0);
  });
});
