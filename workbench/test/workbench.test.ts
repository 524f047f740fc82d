import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { drawn } from "../src/workbench/clips";
import { Active, Heard } from "../src/workbench/heard";
import { Keep, newer } from "../src/workbench/keep";
import { lightOf, type Facts } from "../src/workbench/light";
import { TypingPause } from "../src/workbench/typing";
import { History, MOST } from "../src/workbench/undo";

describe("lightOf", () => {
  const facts: Facts = { unsent: 0, kept: 0, drafts: 0, sending: false, offline: false, conflicts: 0, signedOut: false, refused: false, savedAt: new Date() };
  const state = (more: Partial<Facts>) => lightOf({ ...facts, ...more });
  it("says saved only when nothing is unsaved", () => {
    expect(state({}).state).toBe("saved");
    for (const more of [{ unsent: 1 }, { kept: 1 }, { offline: true }, { conflicts: 1 }, { signedOut: true }, { refused: true }]) expect(state(more).text).not.toMatch(/^Saved/);
  });
  it("counts what is only here", () => {
    expect(state({ offline: true, unsent: 2, kept: 1, drafts: 4 }).text).toBe("Offline, 3 kept here");
    expect(state({ unsent: 3 }).text).toBe("Saving 3");
    expect(state({ drafts: 1 }).text).toBe("Draft saved");
  });
  it("puts the worst first", () => {
    expect(state({ refused: true, conflicts: 1, offline: true }).text).toContain("keeps nothing");
    expect(state({ conflicts: 1, offline: true, kept: 2 })).toEqual({ state: "conflict", text: "Conflict, and offline: 2 kept here" });
  });
});

describe("Keep", () => {
  it("keeps drafts of people apart and forgets what is confirmed", async () => {
    const [dana, omar] = [new Keep("dana"), new Keep("omar")];
    expect(await dana.write({ segment: "7", text: "שלום", base: 2, baseText: "", at: 1 })).toBe(true);
    expect(await omar.draft("7")).toBeNull();
    expect((await new Keep("dana").draft("7"))?.text).toBe("שלום");
    await dana.forget("7");
    expect(await dana.drafts()).toEqual([]);
  });
  it("keeps decisions until they are confirmed", async () => {
    const keep = new Keep("dana");
    await keep.put({ operation: "a", segment: "1", at: 1, method: "PATCH", address: "/", body: {}, refusal: null });
    expect((await new Keep("dana").entries()).map((entry) => entry.operation)).toEqual(["a"]);
    expect(await new Keep("omar").entries()).toEqual([]);
    await keep.remove("a");
    expect(await keep.entries()).toEqual([]);
  });
  it("writes nothing down on a shared computer", async () => {
    const shared = new Keep("dana", true);
    expect(await shared.write({ segment: "9", text: "x", base: 0, baseText: "", at: 0 })).toBe(true);
    expect((await shared.draft("9"))?.text).toBe("x");
    expect(await new Keep("dana").draft("9")).toBeNull();
  });
});

describe("newer", () => {
  const remote = { text: "one", at: new Date(10_000).toISOString() };
  const draft = (at: number, sent: string[] = []) => ({ segment: "7", text: "one two", base: 1, baseText: "", at, sent });
  it("takes the later of two browsers' texts", () => {
    expect(newer(draft(12_000), remote)).toBe(true);
    expect(newer(draft(5_000), remote)).toBe(false);
  });
  it("knows its own earlier text, however late the site took it", () => {
    expect(newer(draft(5_000, ["on", "one"]), remote)).toBe(true);
    expect(newer(draft(5_000, ["on"]), remote), "another browser's").toBe(false);
  });
});

describe("Heard", () => {
  it("joins what was played, and counts only what lies in the segment", () => {
    const heard = new Heard(1000, 2000);
    heard.mark(800, 1200);
    heard.mark(1100, 1300);
    expect(heard.share).toBeCloseTo(0.36);
    heard.mark(1600, 2500);
    heard.mark(1250, 1700);
    expect(heard.share).toBe(1);
  });
  it("drops minutes in which nothing happened", () => {
    const active = new Active(0);
    active.mark(10_000);
    active.mark(200_000);
    active.mark(205_000);
    expect(active.ms).toBe(15_000);
  });
});

describe("TypingPause", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  function sound() {
    const log: string[] = [];
    const it = { playing: true, pause: () => ((it.playing = false), log.push("pause")), back: (ms: number) => log.push(`back ${ms}`), play: () => ((it.playing = true), log.push("play")) };
    return { it, log, typing: new TypingPause(it as never) };
  }
  it("stops while somebody types and goes on a second earlier", () => {
    const { log, typing } = sound();
    typing.typed();
    vi.advanceTimersByTime(500);
    typing.typed();
    vi.advanceTimersByTime(700);
    expect(log).toEqual(["pause"]);
    vi.advanceTimersByTime(200);
    expect(log).toEqual(["pause", "back 1000", "play"]);
  });
  it("starts nothing that a person had stopped", () => {
    const { it: source, log, typing } = sound();
    source.playing = false;
    typing.typed();
    vi.runAllTimers();
    expect(log).toEqual([]);
    source.playing = true;
    typing.typed();
    typing.forget();
    vi.runAllTimers();
    expect(log).toEqual(["pause"]);
  });
});

it("keeps the last twenty decisions", () => {
  const history = new History();
  for (let n = 0; n < 30; n++) history.push({ operation: String(n), segment: "1", label: "Saved" });
  expect(history.size).toBe(MOST);
  expect(history.pop()?.operation).toBe("29");
  history.drop("28");
  expect(history.pop()?.operation).toBe("27");
});

it("draws quiet sound larger, and silence not at all", () => {
  const [above, below] = drawn([-64, 64, 0, 0]);
  expect([above[0], below[0], above[1]]).toEqual([1, -1, 0]);
  expect(drawn([-1, 1])[0][0]).toBeLessThan(0.1);
});
