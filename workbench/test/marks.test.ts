import { describe, expect, it } from "vitest";
import { arranged, glossaryHits, jump, located, tagMarks, unsure } from "../src/workbench/marks";
import { caretAt, edges, halves, timeAt } from "../src/workbench/shape";
import type { Word } from "../src/workbench/types";

const heard = (text: string, doubts: Record<string, number> = {}): Word[] => text.split(" ").map((word, n) => [n * 500, n * 500 + 400, word, doubts[word] ?? 0.95] as const);

describe("unsure words", () => {
  it("are found again in an edited text, and gone once they are changed", () => {
    const words = heard("the invoice of posch is paid", { posch: 0.2 });
    expect(unsure(words, "The invoice of posch, is paid").map((mark) => [mark.from, mark.to])).toEqual([[15, 21]]);
    expect(unsure(words, "The invoice of Bosch is paid")).toEqual([]);
    expect(unsure(words, "Dear all. The invoice of posch is paid")[0]?.from).toBe(25);
  });
  it("are few, also when everything is doubtful", () => {
    const words = heard("a b c d e f g h", { a: 0.1, b: 0.2, c: 0.3, d: 0.3, e: 0.3, f: 0.3, g: 0.3, h: 0.3 });
    expect(unsure(words, "a b c d e f g h").length).toBeLessThanOrEqual(3);
  });
  it("can be gone through, round and round", () => {
    const marks = unsure(heard("one two three four five six seven eight nine", { two: 0.1, five: 0.2 }), "one two three four five six seven eight nine");
    expect(jump(marks, 0, 1)?.from).toBe(4);
    expect(jump(marks, 4, 1)?.from).toBe(19);
    expect(jump(marks, 19, 1)?.from).toBe(4);
    expect(jump(marks, 4, -1)?.from).toBe(19);
    expect(jump([], 4, 1)).toBeNull();
  });
});

describe("terms and tags", () => {
  it("are whole words", () => {
    expect(glossaryHits("Bosch, bosch and Boschung", ["Bosch"]).map((mark) => mark.from)).toEqual([0, 7]);
    expect(glossaryHits("C++ (and C++)", ["C++"]).length).toBe(2);
    expect(tagMarks("well [noise] [foreign:de] [ not").length).toBe(2);
  });
  it("never overlap", () => {
    expect(arranged([{ from: 0, to: 5, kind: "unsure", title: "" }, { from: 3, to: 8, kind: "glossary", title: "" }, { from: 8, to: 9, kind: "tag", title: "" }]).map((mark) => mark.kind)).toEqual(["unsure", "tag"]);
  });
});

it("locates words of scripts without spaces", () => {
  const words: Word[] = [[0, 100, "今", 0.9], [100, 200, "日", 0.9], [200, 300, "雨", 0.9]];
  expect(located(words, "今日は雨")).toEqual([[0, 1], [1, 2], [3, 4]]);
});

describe("cutting", () => {
  const words = heard("one two three four");
  it("knows the time of a caret and the caret of a time", () => {
    expect(timeAt(8, "one two three four", words, 0, 2000)).toBe(950);
    expect(caretAt(950, "one two three four", words, 0, 2000)).toBe(7);
    expect(caretAt(10, "one two three four", words, 0, 2000)).toBe(0);
    expect(timeAt(5, "0123456789", [], 1000, 3000)).toBe(2000);
    expect(halves("one two three", 7)).toEqual(["one two", "three"]);
  });
  it("keeps edges inside their neighbours and a sound's length apart", () => {
    expect(edges(-50, 3000, 0, 2500)).toEqual([0, 2500]);
    expect(edges(990, 1000, 0, 2500)).toEqual([800, 1000]);
    expect(edges(500, 400, 0, 2500)).toEqual([200, 400]);
  });
});
