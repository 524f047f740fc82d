import { describe, expect, it } from "vitest";
import { Drafts, verdict, type Keep } from "../src/drafts";

class Memory implements Keep {
  items = new Map<string, string>();
  full = false;
  getItem = (key: string) => this.items.get(key) ?? null;
  setItem = (key: string, value: string) => {
    if (this.full) throw new Error("QuotaExceededError");
    this.items.set(key, value);
  };
  removeItem = (key: string) => void this.items.delete(key);
}

describe("Drafts", () => {
  it("keeps texts of different people and segments apart, and forgets what was confirmed", () => {
    const memory = new Memory();
    const [dana, omar] = [new Drafts("dana", memory), new Drafts("omar", memory)];
    expect(dana.write("7", { text: "שלום", base: 2, at: 1 })).toBe(true);
    expect(omar.read("7")).toBeNull();
    expect(dana.read("7")).toEqual({ text: "שלום", base: 2, at: 1 });
    dana.remove("7");
    expect(memory.items.size).toBe(0);
  });
  it("says so when the browser refuses", () => {
    const memory = new Memory();
    memory.full = true;
    expect(new Drafts("dana", memory).write("7", { text: "x", base: 0, at: 0 })).toBe(false);
  });
  it("reads nothing from what is no draft", () => {
    const memory = new Memory();
    for (const raw of ["", "null", "[]", '{"text":1}', "{", '{"text":"a","base":"1","at":2}']) {
      memory.items.set("earmark.draft:dana:7", raw);
      expect(new Drafts("dana", memory).read("7")).toBeNull();
    }
  });
});

describe("verdict", () => {
  const draft = { text: "mine", base: 3, at: 0 };
  it("restores on the same base, compares on another, forgets what the server has", () => {
    expect(verdict(null, "x", 3)).toBe("none");
    expect(verdict(draft, "x", 3)).toBe("restore");
    expect(verdict(draft, "x", 4)).toBe("compare");
    expect(verdict(draft, "mine", 9)).toBe("forget");
  });
});
