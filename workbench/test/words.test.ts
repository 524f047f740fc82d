import { describe, expect, it } from "vitest";
import { changes } from "../src/words";

const flat = (before: string, after: string) => changes(before, after).map((c) => `${c.kind[0]}:${c.text}`);

describe("changes", () => {
  it("marks a replaced word and nothing else", () => {
    expect(flat("von posch ist 84 Euro", "von Bosch ist 84 Euro")).toEqual(["s:von ", "r:posch", "a:Bosch", "s: ist 84 Euro"]);
  });
  it("joins neighbouring replaced words across their space", () => {
    expect(flat("a b c d", "a x y d")).toEqual(["s:a ", "r:b c", "a:x y", "s: d"]);
  });
  it("compares scripts without spaces character by character", () => {
    expect(flat("今日は雨", "今日は雪")).toEqual(["s:今日は", "r:雨", "a:雪"]);
  });
  it("leads from any text to any other", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    for (let round = 0; round < 300; round++) {
      const text = () => Array.from({ length: random(9) }, () => "abc d"[random(5)]).join(random(2) ? " " : "");
      const [a, b] = [text(), text()];
      const found = changes(a, b);
      expect(found.filter((c) => c.kind !== "added").map((c) => c.text).join("")).toBe(a);
      expect(found.filter((c) => c.kind !== "removed").map((c) => c.text).join("")).toBe(b);
    }
  });
});
