import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Answer } from "../src/http";
import { Outbox, type Entry, type Shelf } from "../src/workbench/outbox";

class Memory implements Shelf {
  items = new Map<string, Entry>();
  put = async (entry: Entry) => void this.items.set(entry.operation, { ...entry });
  remove = async (operation: string) => void this.items.delete(operation);
}

const entry = (operation: string, segment = "1", more: Partial<Entry> = {}): Entry => ({ operation, segment, at: Number(operation), method: "PATCH", address: `/api/segments/${segment}/`, body: { text: operation }, refusal: null, ...more });
const OK: Answer<unknown> = { ok: true, value: {} };
const refused = (status: number, code = "x"): Answer<unknown> => ({ ok: false, refusal: { status, code, message: "no", detail: {} } });

function made(answers: (entry: Entry) => Answer<unknown> | Promise<Answer<unknown>>, left: readonly Entry[] | null = []) {
  const shelf = new Memory();
  const log: string[] = [];
  const behind: string[] = [];
  const outbox = new Outbox(shelf, async (one) => (log.push(`>${one.operation}`), answers(one)), {
    sent: (one) => log.push(`ok${one.operation}`),
    refused: (one, _refusal, waited) => {
      log.push(`no${one.operation}`);
      behind.push(...waited.map((other) => other.operation));
    },
    changed: () => undefined,
  });
  if (left) outbox.restore(left);
  return { shelf, log, outbox, behind };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("Outbox", () => {
  it("sends in order and forgets what is confirmed", async () => {
    const { shelf, log, outbox } = made(() => OK);
    outbox.add(entry("1"));
    outbox.add(entry("2", "2"));
    await vi.runAllTimersAsync();
    expect(log).toEqual([">1", "ok1", ">2", "ok2"]);
    expect(shelf.items.size).toBe(0);
    expect(outbox.unsent).toBe(0);
  });
  it("keeps everything while the line is down, and sends the same again when it is back", async () => {
    let up = false;
    const { shelf, log, outbox } = made(() => (up ? OK : refused(0, "offline")));
    outbox.add(entry("1"));
    outbox.add(entry("2", "2"));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(outbox.offline).toBe(true);
    expect(outbox.unsent).toBe(2);
    expect(shelf.items.size).toBe(2);
    up = true;
    outbox.now();
    await vi.runAllTimersAsync();
    expect(outbox.offline).toBe(false);
    expect(log.slice(-4)).toEqual([">1", "ok1", ">2", "ok2"]);
    expect(new Set(log.filter((line) => line.startsWith(">")))).toEqual(new Set([">1", ">2"]));
  });
  it("takes up what an earlier page left behind, oldest first", async () => {
    const { log } = made(() => OK, [entry("2", "2"), entry("1")]);
    await vi.runAllTimersAsync();
    expect(log).toEqual([">1", "ok1", ">2", "ok2"]);
  });
  it("keeps what is decided before that, and sends it after it", async () => {
    const { log, outbox, shelf } = made(() => OK, null);
    outbox.add(entry("5"));
    await vi.runAllTimersAsync();
    expect(log).toEqual([]);
    expect([outbox.unsent, shelf.items.size]).toEqual([1, 1]);
    outbox.restore([entry("3"), entry("4", "2")]);
    await vi.runAllTimersAsync();
    expect(log).toEqual([">3", "ok3", ">4", "ok4", ">5", "ok5"]);
  });
  it("holds what was refused for a person, with the newest text of what waited behind it", async () => {
    const { shelf, log, outbox, behind } = made((one) => (one.operation === "1" ? refused(409, "stale_revision") : OK));
    outbox.add(entry("1"));
    outbox.add(entry("2"));
    outbox.add(entry("3", "9"));
    await vi.runAllTimersAsync();
    expect(log).toEqual([">1", "no1", ">3", "ok3"]);
    expect(behind).toEqual(["2"]);
    expect(outbox.refused.map((one) => [one.operation, one.body["text"]])).toEqual([["1", "2"]]);
    expect(outbox.of("1")?.operation).toBe("1");
    expect([...shelf.items.keys()]).toEqual(["1"]);
    expect([shelf.items.get("1")?.refusal?.code, shelf.items.get("1")?.body["text"]]).toEqual(["stale_revision", "2"]);
    expect(outbox.take("1")).toBe(true);
    outbox.add(entry("4"));
    await vi.runAllTimersAsync();
    expect(log.slice(-2), "the row is free again").toEqual([">4", "ok4"]);
  });
  it("does so too with what an earlier page left", async () => {
    const stuck = entry("1", "1", { refusal: { status: 409, code: "stale_revision", message: "no", detail: {} } });
    const { log, outbox } = made(() => OK, [stuck, entry("2"), entry("3", "9")]);
    await vi.runAllTimersAsync();
    expect(log).toEqual([">3", "ok3"]);
    expect(outbox.of("1")?.body["text"]).toBe("2");
  });
  it("waits for a login and loses nothing", async () => {
    let known = false;
    const { outbox } = made(() => (known ? OK : refused(401, "not_authenticated")));
    outbox.add(entry("1"));
    await vi.runAllTimersAsync();
    expect([outbox.signedOut, outbox.unsent]).toEqual([true, 1]);
    known = true;
    outbox.now();
    await vi.runAllTimersAsync();
    expect([outbox.signedOut, outbox.unsent]).toEqual([false, 0]);
  });
  it("does not take back what is on its way", async () => {
    let answer: (value: Answer<unknown>) => void = () => undefined;
    const { outbox } = made(() => new Promise((resolve) => (answer = resolve)));
    outbox.add(entry("1"));
    outbox.add(entry("2", "2"));
    await vi.advanceTimersByTimeAsync(1);
    expect(outbox.take("1")).toBe(false);
    expect(outbox.take("2")).toBe(true);
    answer(OK);
    await vi.runAllTimersAsync();
    expect(outbox.unsent).toBe(0);
  });
  it("does not take back what the server may have: the answer was lost, an earlier page sent it, or it waits behind a refusal", async () => {
    const { outbox } = made((one) => (one.operation === "2" ? refused(409, "locked") : refused(0, "offline")), [entry("1")]);
    outbox.add(entry("2", "2"));
    expect(outbox.take("1")).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(outbox.offline).toBe(true);
    expect(outbox.take("1"), "no answer came").toBe(false);
    let answer: (value: Answer<unknown>) => void = () => undefined;
    const later = made((one) => (one.operation === "1" ? refused(409, "locked") : new Promise((resolve) => (answer = resolve))));
    later.outbox.add(entry("1"));
    later.outbox.add(entry("2", "2"));
    await vi.advanceTimersByTimeAsync(1);
    expect(later.log).toEqual([">1", "no1", ">2"]);
    expect(later.outbox.take("2"), "it is on its way behind one that was refused").toBe(false);
    answer(OK);
    await vi.advanceTimersByTimeAsync(1);
    expect(later.log.at(-1)).toBe("ok2");
  });
  it("lets a later save of the same segment stand on what the earlier one made", async () => {
    const bases: unknown[] = [];
    const { outbox } = made((one) => (bases.push(one.body["base_revision"]), { ok: true, value: { revision: 8 } }));
    outbox.add(entry("1", "1", { body: { base_revision: 7 } }));
    outbox.add(entry("2", "1", { body: { base_revision: 7 } }));
    await vi.runAllTimersAsync();
    expect(bases).toEqual([7, 8]);
  });
});
