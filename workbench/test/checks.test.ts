import { describe, expect, it } from "vitest";
import terms from "../../tests/data/glossary_notes.json";
import cases from "../../tests/data/text_checks.json";
import { checksOf, numbersChanged, repetition, unbalanced, unknownTag } from "../src/workbench/checks";

interface Case {
  text: string;
  machine_text?: string;
  language?: string;
  duration_ms?: number;
  heard_share?: number;
  codes: string[];
}

const CASES: readonly Case[] = cases;
const TAGS = ["noise", "foreign:xx"];

function found(one: Case, glossary: string[] = []) {
  const segment = { start_ms: 0, end_ms: one.duration_ms ?? 3_000, language: "", machine_text: one.machine_text ?? null };
  return checksOf({ text: one.text, segment, language: one.language ?? "en", glossary, tags: TAGS, heard: one.heard_share ?? 1 });
}

// The server is held to the same file by tests/annotation/test_checks_shared.py.
describe("checksOf", () => {
  it.each(CASES)("warns as the server does: $text", (one) => {
    expect(found(one).filter((check) => check.severity === "warning").map((check) => check.code)).toEqual(one.codes);
  });
  it("notes what stops nobody", () => {
    const notes = (text: string, duration_ms = 3_000) => found({ text, duration_ms, codes: [] }, ["Bosch"]).map((check) => [check.code, check.severity]);
    expect(notes("two  spaces")).toEqual([["double_space", "note"]]);
    expect(notes("yes", 9_000)).toEqual([["too_slow", "note"]]);
    expect(notes("from bosch")).toEqual([["glossary", "note"]]);
    expect(notes("from Bosch")).toEqual([]);
  });
});

interface TermCase {
  text: string;
  glossary: string[];
  variants?: { heard: string; term: string }[];
  initial?: string[];
  any_case?: string[];
  notes: string[];
}

const TERMS: readonly TermCase[] = terms;

describe("terms of a glossary", () => {
  it.each(TERMS)("are noted as the server does: $text", ({ text, glossary, variants = [], initial = [], any_case = [], notes }) => {
    const segment = { start_ms: 0, end_ms: 3_000, language: "", machine_text: null };
    const checks = checksOf({ text, segment, language: "", glossary, spelling: { variants, initial, any_case }, tags: [], heard: 1 });
    expect(checks.filter((check) => check.code === "glossary").map((check) => check.message)).toEqual(notes);
  });
});

it("finds runs of words only when they stand there often enough", () => {
  expect(repetition("no no no no way")).toBe("no");
  expect(repetition("I think I think we")).toBe("");
});

it("names the numbers that differ", () => {
  expect(numbersChanged("room 12 at 9:30", "room 21 at 9:30")).toBe("12 ↔ 21");
  expect(numbersChanged(null, "a 4")).toBe("");
});

it("counts brackets and knows the project's tags", () => {
  expect(unbalanced("[a] b [c]")).toBe(false);
  expect(unknownTag("[x]", [])).toBeNull();
});
