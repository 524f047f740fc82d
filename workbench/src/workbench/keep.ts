// What outlives the page, in IndexedDB: texts that are typed and not decided, and decisions not confirmed.
// Both are removed once the server has them, so nothing grows. On a shared computer only memory is used.

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Entry, Shelf } from "./outbox";

const OPENS_WITHIN_MS = 10_000;

export interface Draft {
  segment: string;
  text: string;
  /** The revision that it stands on, and what that said. */
  base: number;
  baseText: string;
  at: number;
  /** The last texts of it that this browser has sent, arrived or not. */
  sent?: readonly string[];
}

/** Clocks of browsers and of the site differ. */
const SKEW_MS = 1_000;

/** Tell whether what this browser kept is newer than what the site has: that is its own from earlier, or older. */
export function newer(local: Draft, remote: { text: string; at: string }): boolean {
  return (local.sent?.includes(remote.text) ?? false) || local.at >= Date.parse(remote.at) - SKEW_MS;
}

interface Schema extends DBSchema {
  drafts: { key: [string, string]; value: Draft & { person: string } };
  outbox: { key: string; value: Entry & { person: string }; indexes: { person: string } };
}

export class Keep implements Shelf {
  private readonly memory = new Map<string, Draft>();
  private readonly opening: Promise<IDBPDatabase<Schema> | null>;

  /** Usable at once: what is asked of it waits until the browser has opened its store. */
  constructor(
    private readonly person: string,
    readonly shared = false,
  ) {
    this.opening = shared ? Promise.resolve(null) : opened();
  }

  async draft(segment: string): Promise<Draft | null> {
    const db = await this.opening;
    if (!db) return this.memory.get(segment) ?? null;
    return (await db.get("drafts", [this.person, segment]).catch(() => this.memory.get(segment))) ?? null;
  }

  async drafts(): Promise<Draft[]> {
    const db = await this.opening;
    if (!db) return [...this.memory.values()];
    return db.getAll("drafts", IDBKeyRange.bound([this.person, ""], [this.person, "\uffff"]));
  }

  /** Keep a text; false when the browser refuses. */
  async write(draft: Draft): Promise<boolean> {
    this.memory.set(draft.segment, draft);
    const db = await this.opening;
    if (!db) return this.shared;
    try {
      await db.put("drafts", { ...draft, person: this.person });
      return true;
    } catch {
      return false;
    }
  }

  /** Remember what was sent of a text that is kept. */
  async mark(segment: string, sent: readonly string[]): Promise<void> {
    // From memory, at once: a read that is waited for would be written over what was typed meanwhile.
    const draft = this.memory.get(segment);
    if (draft) await this.write({ ...draft, sent });
  }

  async forget(segment: string): Promise<void> {
    this.memory.delete(segment);
    const db = await this.opening;
    await db?.delete("drafts", [this.person, segment]).catch(() => undefined);
  }

  async put(entry: Entry): Promise<void> {
    const db = await this.opening;
    await db?.put("outbox", { ...entry, person: this.person });
  }

  async remove(operation: string): Promise<void> {
    const db = await this.opening;
    await db?.delete("outbox", operation).catch(() => undefined);
  }

  async entries(): Promise<Entry[]> {
    const db = await this.opening;
    return db ? db.getAllFromIndex("outbox", "person", this.person) : [];
  }
}

/** Open the store; null where the browser refuses one, or says nothing for so long that sending must go on without. */
async function opened(): Promise<IDBPDatabase<Schema> | null> {
  const db = openDB<Schema>("earmark", 1, {
    upgrade(fresh) {
      fresh.createObjectStore("drafts", { keyPath: ["person", "segment"] });
      fresh.createObjectStore("outbox", { keyPath: "operation" }).createIndex("person", "person");
    },
  });
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), OPENS_WITHIN_MS));
  return Promise.race([db, late]).catch(() => null);
}
