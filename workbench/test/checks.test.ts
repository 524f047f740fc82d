import { describe, expect, it } from "vitest";
import { checksOf, numbersChanged, repetition, unbalanced, unknownTag, type Checked } from "../src/workbench/checks";

function codes(text: string, more: Partial<Checked> & { heardText?: string; ms?: number; state?: "draft" | "corrected" } = {}): string[] {
  const { heardText = "", ms = 3_000, state = "corrected", ...rest } = more;
  const given: Checked = { text, segment: { start_ms: 0, end_ms: ms, language: "", machine_text: heardText, state }, language: "en", glossary: [], tags: ["noise", "foreign:xx"], heard: 1, ...rest };
  return checksOf(given).map((check) => check.code);
}

describe("checksOf", () => {
  it("has nothing to say about an ordinary text", () => {
    expect(codes("we should ship on Friday [noise]", { heardText: "we should chip on Friday" })).toEqual([]);
  });
  it("asks about what machines say into silence", () => {
    expect(codes("Thanks for watching!", { state: "draft" })).toContain("hallucination");
  });
  it("asks about an empty text where words were heard", () => {
    expect(codes("", { heardText: "hello" })).toContain("empty");
    expect(codes("", { heardText: "" })).not.toContain("empty");
  });
  it("asks about speed, and knows that unspaced scripts say more in a letter", () => {
    expect(codes("x".repeat(90))).toContain("too_fast");
    expect(codes("今".repeat(40), { language: "ja" })).toContain("too_fast");
    expect(codes("今日は雨が降っています", { language: "ja" })).toEqual([]);
    expect(codes("yes", { ms: 9_000 })).toContain("too_slow");
  });
  it("asks about numbers, tags, script, spaces and the glossary", () => {
    expect(codes("84 Euro", { heardText: "48 Euro" })).toContain("number_changed");
    expect(codes("hm [noise")).toContain("tag_unbalanced");
    expect(codes("hm [nosie]")).toContain("tag_unknown");
    expect(codes("hm [foreign:de]")).toEqual([]);
    expect(codes("the сat sat")).toContain("wrong_script");
    expect(codes("two  spaces")).toContain("double_space");
    expect(codes("from bosch", { glossary: ["Bosch"] })).toContain("glossary");
  });
  it("asks whether it was listened to", () => {
    expect(codes("well", { heard: 0.4 })).toEqual(["not_heard"]);
  });
});

it("finds a run of words only when it stands there three times", () => {
  expect(repetition("no no no way")).toBe("no");
  expect(repetition("I think I think we")).toBe("");
  expect(repetition("so we go so we go so we go")).toBe("so we go");
});

it("names the numbers that differ", () => {
  expect(numbersChanged("room 12 at 9:30", "room 21 at 9:30")).toBe("12 ↔ 21");
  expect(numbersChanged("no numbers", "a 4")).toBe("");
});

it("counts brackets", () => {
  expect(unbalanced("[a] b [c]")).toBe(false);
  expect(unbalanced("a] b")).toBe(true);
  expect(unbalanced("[[a]]")).toBe(true);
  expect(unknownTag("[noise] [pii]", ["noise", "pii"])).toBeNull();
  expect(unknownTag("[x]", [])).toBeNull();
});
