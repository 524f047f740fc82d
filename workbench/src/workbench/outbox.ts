// Decisions on their way to the server: kept in the browser first, sent in order, each named so that
// sending it twice is one. What could not be sent is sent again, also after a crash; what was refused
// stays until a person has chosen.

import { isPassing, type Answer, type Refusal } from "../http";

export interface Entry {
  operation: string;
  segment: string;
  at: number;
  method: "POST" | "PATCH";
  address: string;
  body: Record<string, unknown>;
  /** Set once the server has said no: it waits for a person, not for the line. */
  refusal: Refusal | null;
  /** Sent once at least: the server may have it, whatever became of the answer. */
  sent?: boolean;
}

/** Where entries outlive the page. */
export interface Shelf {
  put(entry: Entry): Promise<void>;
  remove(operation: string): Promise<void>;
}

export interface Events {
  /** The server has it; `answer` is what it said. */
  sent(entry: Entry, answer: unknown): void;
  /** The server said no; `behind` waited for it on the same segment, and will not be sent. */
  refused(entry: Entry, refusal: Refusal, behind: readonly Entry[]): void;
  changed(): void;
}

type Send = (entry: Entry) => Promise<Answer<unknown>>;

export const AGAIN_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;

export class Outbox {
  offline = false;
  signedOut = false;
  private entries: Entry[] = [];
  private running = false;
  private restored = false;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly shelf: Shelf,
    private readonly send: Send,
    private readonly events: Events,
  ) {}

  /** Take what an earlier page left behind: it goes first, so nothing that is added is sent before this was called. */
  restore(entries: readonly Entry[]): void {
    const left = entries.map((entry) => ({ ...entry, sent: true })).sort((a, b) => a.at - b.at);
    this.entries = [...left, ...this.entries];
    for (const entry of left) if (entry.refusal !== null) this.fold(entry);
    this.restored = true;
    void this.run();
  }

  add(entry: Entry): void {
    this.entries.push(entry);
    void this.shelf.put(entry).catch(() => undefined);
    this.events.changed();
    void this.run();
  }

  /** Not sent, and not refused. */
  get unsent(): number {
    return this.entries.filter((entry) => entry.refusal === null).length;
  }

  get refused(): readonly Entry[] {
    return this.entries.filter((entry) => entry.refusal !== null);
  }

  /** What is not done of a segment: what waits for a person first, else the last. */
  of(segment: string): Entry | null {
    const all = this.entries.filter((entry) => entry.segment === segment);
    return all.find((entry) => entry.refusal !== null) ?? all.at(-1) ?? null;
  }

  /** Take a decision back that the server cannot have; false when it is too late for that. */
  take(operation: string): boolean {
    const entry = this.entries.find((one) => one.operation === operation);
    if (!entry || (entry.sent && entry.refusal === null)) return false;
    this.entries = this.entries.filter((one) => one !== entry);
    void this.shelf.remove(operation);
    this.events.changed();
    void this.run();
    return true;
  }

  /** The line may be back, or a person has signed in again. */
  now(): void {
    clearTimeout(this.timer);
    this.tries = 0;
    this.signedOut = false;
    void this.run();
  }

  private async run(): Promise<void> {
    if (this.running || !this.restored) return;
    this.running = true;
    clearTimeout(this.timer);
    try {
      for (let entry = this.next(); entry; entry = this.next()) {
        entry.sent = true;
        const answer = await this.send(entry);
        if (answer.ok) {
          this.offline = this.signedOut = false;
          this.tries = 0;
          this.entries = this.entries.filter((other) => other !== entry);
          this.rebase(entry, answer.value);
          void this.shelf.remove(entry.operation);
          this.events.sent(entry, answer.value);
        } else if (isPassing(answer.refusal)) {
          this.offline = true;
          this.timer = setTimeout(() => void this.run(), AGAIN_MS[Math.min(this.tries++, AGAIN_MS.length - 1)]);
          break;
        } else if (answer.refusal.status === 401 || answer.refusal.code === "not_authenticated" || answer.refusal.code === "csrf_failed") {
          this.signedOut = true;
          break;
        } else {
          this.offline = false;
          entry.refusal = answer.refusal;
          const behind = this.fold(entry);
          void this.shelf.put(entry).catch(() => undefined);
          this.events.refused(entry, answer.refusal, behind);
        }
        this.events.changed();
      }
    } finally {
      this.running = false;
      this.events.changed();
    }
  }

  /** What stands behind a refused decision can never be sent: its newest text is what the person wants by now. */
  private fold(refused: Entry): Entry[] {
    const behind = this.entries.filter((entry) => entry !== refused && entry.segment === refused.segment && entry.refusal === null);
    this.entries = this.entries.filter((entry) => !behind.includes(entry));
    for (const entry of behind) {
      if (typeof entry.body["text"] === "string") refused.body = { ...refused.body, text: entry.body["text"] };
      void this.shelf.remove(entry.operation);
    }
    return behind;
  }

  /** What was decided on the same text while this was on its way stands on what this has made. */
  private rebase(done: Entry, answer: unknown): void {
    const revision = (answer as { revision?: unknown } | null)?.revision;
    if (typeof revision !== "number") return;
    for (const entry of this.entries) {
      if (entry.segment !== done.segment || entry.body["base_revision"] !== done.body["base_revision"]) continue;
      entry.body = { ...entry.body, base_revision: revision };
      void this.shelf.put(entry).catch(() => undefined);
    }
  }

  /** In order, and nothing of a segment after something of it that was refused. */
  private next(): Entry | null {
    const held = new Set<string>();
    for (const entry of this.entries) {
      if (entry.refusal !== null) held.add(entry.segment);
      else if (!held.has(entry.segment)) return entry;
    }
    return null;
  }
}
